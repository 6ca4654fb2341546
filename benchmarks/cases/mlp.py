"""A perceptron 784-512-512-10 with relu, as for MNIST."""

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

WIDTHS = 784, 512, 512, 10
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 21.0


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], WIDTHS[-1], seed=batch)


def scores(relu, weights, x):
    layers = len(weights) // 2
    for layer in range(layers):
        x = x @ weights[f"weights{layer}"] + weights[f"bias{layer}"]
        if layer < layers - 1:
            x = relu(x)
    return x


def loss(np, lax, weights, image, label):
    return cross_entropy(np, lax, scores(lambda x: np.maximum(x, 0), weights, image), label)


def torch_loss(torch, weights, image, label):
    return torch_cross_entropy(torch, scores(torch.relu, weights, image), label)


def torch_module(torch):
    return torch_classifier(torch, *torch_perceptron(torch, WIDTHS))


def flops(batch, mode):
    return dense_flops(WIDTHS, batch)
