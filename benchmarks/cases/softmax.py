"""Softmax regression: 784 pixels, ten classes."""

from cases import GRADIENTS
from cases.layers import (
    classified,
    cross_entropy,
    dense,
    dense_flops,
    torch_classifier,
    torch_cross_entropy,
    torch_perceptron,
)

WIDTHS = 784, 10
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 28.0


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)


def loss(np, lax, weights, image, label):
    return cross_entropy(np, lax, image @ weights["weights0"] + weights["bias0"], label)


def torch_loss(torch, weights, image, label):
    return torch_cross_entropy(torch, image @ weights["weights0"] + weights["bias0"], label)


def torch_module(torch):
    return torch_classifier(torch, *torch_perceptron(torch, WIDTHS))


def flops(batch, mode):
    return dense_flops(WIDTHS, batch)
