"""The inner products of the gradients of 256 examples with one another, for a perceptron 784-512-512-10 with relu."""

from cases import mlp
from cases.layers import dense_flops

WIDTHS, BATCHES, MODES = mlp.WIDTHS, (256,), ("gram",)
loss, torch_loss, weights, data = mlp.loss, mlp.torch_loss, mlp.weights, mlp.data


def flops(batch, mode):
    return dense_flops(WIDTHS, batch)
