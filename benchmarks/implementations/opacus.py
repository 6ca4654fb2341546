"""Opacus: the gradients of the examples from hooks on the layers of the case's module; clipped as in torch.py."""

import importlib.metadata

import torch
from opacus.grad_sample import GradSampleModule

from implementations.torch import clipped_step, compiled, numpy_array, prepare, product, wait  # noqa: F401

# The axes of these layers' weights in the order of ours; of a weight that two layers share, the last here counts.
AXES = {torch.nn.Linear: (1, 0), torch.nn.Conv2d: (2, 3, 1, 0), torch.nn.Embedding: (0, 1)}


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
        axes = {
            id(layer.weight): order
            for kind, order in AXES.items()
            for layer in module.modules()
            if isinstance(layer, kind)
        }
        self.axes = {name: axes[id(each)] for name, each in self.parameters.items() if id(each) in axes}
        self.wrapped, self.weights = wrap(module), None

    def losses(self, weights, data):
        """Of the examples; weights other than those of the last call are copied into the parameters."""
        if weights is not self.weights:
            for name, parameter in self.parameters.items():
                place = self.in_our_order(name, parameter.data)
                place.copy_(weights[name].reshape(place.shape))
            self.weights = weights
        return self.wrapped(*data)

    def take(self, field):
        """{name: what a backward pass left in that field of the parameter}; all that it left is cleared."""
        found = {name: getattr(parameter, field) for name, parameter in self.parameters.items()}
        for parameter in self.parameters.values():
            parameter.grad = parameter.grad_sample = None
        return found

    def in_our_order(self, name, tensor):
        """A view of what has the axes of a parameter."""
        return tensor.permute(self.axes[name]) if name in self.axes else tensor

    def weights_of(self, tensors):
        """What has the shapes of the parameters, in the shapes of the weights."""
        return {name: self.in_our_order(name, each).reshape(self.weights[name].shape) for name, each in tensors.items()}


def program(case, mode):
    model = Model(case, lambda module: GradSampleModule(module, loss_reduction="sum"))

    def step(weights, *data):
        model.losses(weights, data).sum().backward()
        gradients = model.take("grad_sample")
        with torch.no_grad():
            return model.weights_of(clipped_step(model.parameters, gradients, case.CLIP))

    return step
