"""The Jacobian of the ten scores of a perceptron 784-128-10 with relu by its weights, for each example."""

from cases import mlp
from cases.layers import classified, dense

WIDTHS = 784, 128, 10
BATCHES, MODES = (16, 64, 256), ("jacobian",)


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)[:1]


def loss(np, lax, weights, image):
    return mlp.scores(lambda x: np.maximum(x, 0), weights, image)


def torch_loss(torch, weights, image):
    return mlp.scores(torch.relu, weights, image)


def flops(batch, mode):
    return None
