"""A perceptron 104-50-2 with relu, as for Adult: the FFNN of Subramani, Vadivelu and Kamath, arXiv:2010.09063."""

from cases import GRADIENTS, mlp
from cases.layers import classified, dense, dense_flops, torch_classifier, torch_perceptron

WIDTHS = 104, 50, 2
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 6.3
loss, torch_loss = mlp.loss, mlp.torch_loss


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)


def torch_module(torch):
    return torch_classifier(torch, *torch_perceptron(torch, WIDTHS))


def flops(batch, mode):
    return dense_flops(WIDTHS, batch)
