"""A wide perceptron 1024-4096-4096-1000 with relu: 25 million weights, bound by matrix products."""

from cases import GRADIENTS, mlp
from cases.layers import classified, dense, dense_flops, torch_classifier, torch_perceptron

WIDTHS = 1024, 4096, 4096, 1000
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 47.7
TOLERANCE = 5e-3  # of 2 million relus, one within rounding of 0 may go the other way than in float64
loss, torch_loss = mlp.loss, mlp.torch_loss


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)


def torch_module(torch):
    return torch_classifier(torch, *torch_perceptron(torch, WIDTHS))


def flops(batch, mode):
    return dense_flops(WIDTHS, batch)
