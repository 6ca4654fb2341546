"""The inner products of the gradients of 256 examples with one another, for a perceptron 784-512-512-10 with relu."""

from cases import mlp

WIDTHS, BATCHES, MODES = mlp.WIDTHS, (256,), ("gram",)
loss, torch_loss, weights, data = mlp.loss, mlp.torch_loss, mlp.weights, mlp.data


def flops(batch, mode):
    """Of the layers, forward, of all but the first backward, and of the inner products of what they read and gave."""
    layers = [inputs * outputs for inputs, outputs in zip(WIDTHS, WIDTHS[1:])]
    return 2 * batch * (2 * sum(layers) - layers[0]) + 2 * batch**2 * sum([*WIDTHS[:-1], *WIDTHS[1:]])
