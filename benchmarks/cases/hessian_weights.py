"""The Hessian of a perceptron 8-16-1 with tanh by its 161 parameters, given as one vector, for each example."""

import numpy

from cases.layers import dense

INPUTS, HIDDEN = 8, 16
BATCHES, MODES = (16, 64, 256), ("hessian_by_weights",)


def weights():
    parts = dense((INPUTS, HIDDEN, 1), seed=0).values()
    return {"parameters": numpy.concatenate([part.ravel() for part in parts])}


def data(batch):
    rng = numpy.random.default_rng(batch)
    return rng.standard_normal((batch, INPUTS), numpy.float32), rng.standard_normal(batch, numpy.float32)


def loss(np, lax, weights, x, target):
    parameters = weights["parameters"]
    matrix = parameters[: INPUTS * HIDDEN].reshape(INPUTS, HIDDEN)
    bias, readout = parameters[INPUTS * HIDDEN : -HIDDEN - 1], parameters[-HIDDEN - 1 : -1]
    return (np.tanh(x @ matrix + bias) @ readout + parameters[-1] - target) ** 2 / 2


def torch_loss(torch, weights, x, target):
    return loss(torch, None, weights, x, target)


def flops(batch, mode):
    return None
