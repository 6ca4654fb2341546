"""Opacus: the gradients of the examples from hooks on the layers of the case's module; clipped as in torch.py."""

import importlib.metadata

import torch
from opacus.grad_sample import GradSampleModule

from implementations.torch import clipped_step, compiled, numpy_array, prepare, product, wait  # noqa: F401

# The axes of our weights, in the order in which these layers have them.
AXES = {torch.nn.Linear: (1, 0), torch.nn.Conv2d: (3, 2, 0, 1)}


def version():
    return importlib.metadata.version("opacus")


class Model:
    """The case's module within one of Opacus' (`wrap`), and its parameters by the names of the case's weights."""

    def __init__(self, case, wrap):
        if not hasattr(case, "torch_module"):
            raise NotImplementedError("the case has no torch_module")
        module, places = case.torch_module(torch)
        parameters = dict(module.named_parameters())
        if set(places.values()) != set(parameters):
            raise ValueError(f"the module has {sorted(parameters)}, the case names {sorted(places.values())}")
        self.parameters = {name: parameters[place] for name, place in places.items()}
        layers = [(layer, axes) for layer in module.modules() for kind, axes in AXES.items() if isinstance(layer, kind)]
        axes_of = {id(layer.weight): axes for layer, axes in layers}
        self.axes = {name: axes_of[id(each)] for name, each in self.parameters.items() if id(each) in axes_of}
        self.wrapped, self.weights = wrap(module), None

    def losses(self, weights, data):
        """Of the examples; weights other than those of the last call are copied into the parameters."""
        if weights is not self.weights:
            for name, parameter in self.parameters.items():
                weight = weights[name].permute(self.axes[name]) if name in self.axes else weights[name]
                parameter.data = weight.reshape(parameter.shape).clone(memory_format=torch.contiguous_format)
            self.weights = weights
        return self.wrapped(*data)

    def take(self, field):
        """{name: what a backward pass left in that field of the parameter}; all that it left is cleared."""
        found = {name: getattr(parameter, field) for name, parameter in self.parameters.items()}
        for parameter in self.parameters.values():
            parameter.grad = parameter.grad_sample = None
        return found

    def weights_of(self, tensors):
        """What has the shapes of the parameters, in the shapes of the weights."""
        ours = {}
        for name, each in tensors.items():
            if name in self.axes:
                each = each.permute([self.axes[name].index(axis) for axis in range(each.ndim)])
            ours[name] = each.reshape(self.weights[name].shape)
        return ours


def program(case, mode):
    model = Model(case, lambda module: GradSampleModule(module, loss_reduction="sum"))

    def step(weights, *data):
        model.losses(weights, data).sum().backward()
        gradients = model.take("grad_sample")
        with torch.no_grad():
            return model.weights_of(clipped_step(model.parameters, gradients, case.CLIP))

    return step
