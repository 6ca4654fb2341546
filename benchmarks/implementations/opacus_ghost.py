"""Opacus with ghost clipping: norms from what layers read and are given back, then the gradient of weighted losses."""

import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping

from implementations import RATE
from implementations.opacus import Model, compiled, numpy_array, prepare, product, version, wait  # noqa: F401


def program(case, mode):
    def wrap(module):
        return GradSampleModuleFastGradientClipping(module, loss_reduction="sum", max_grad_norm=case.CLIP)

    model = Model(case, wrap)
    optimizer = torch.optim.SGD(model.parameters.values())  # that which Opacus asks to clear the gradients

    def step(weights, *data):
        losses = model.losses(weights, data)
        DPTensorFastGradientClipping(model.wrapped, optimizer, losses, "sum").backward()
        sums = model.take("grad")
        with torch.no_grad():
            return model.weights_of(
                {name: each - RATE / len(losses) * sums[name] for name, each in model.parameters.items()}
            )

    return step
