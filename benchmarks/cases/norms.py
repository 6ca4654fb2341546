"""The norms of the gradients of 10,000 examples, for a perceptron 784-256-10 with relu."""

from cases import mlp
from cases.layers import classified, dense

WIDTHS = 784, 256, 10
BATCHES, MODES = (10_000,), ("norms",)
# Examples at a time where gradients are formed; for JAX the fastest of 10, 50, 100, 250, 500, 1000.
CHUNKS = {"jax": 10, "torch": 500}
loss, torch_loss = mlp.loss, mlp.torch_loss


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)


def flops(batch, mode):
    """Of the layers, forward, and of all but the first backward: the norms need no weight's gradient."""
    layers = [inputs * outputs for inputs, outputs in zip(WIDTHS, WIDTHS[1:])]
    return 2 * batch * (2 * sum(layers) - layers[0])
