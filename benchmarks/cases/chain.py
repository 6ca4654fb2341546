"""A chain without products: layer norm, softmax and gelu on rows of 512, and a readout to one number a row."""

import numpy

from cases import GRADIENTS
from cases.layers import gelu, layer_norm, softmax, torch_gelu, torch_layer_norm

WIDTH = 512
BATCHES, MODES, CLIP = (1024, 4096), GRADIENTS, 0.35


def weights():
    rng = numpy.random.default_rng(0)
    names = "scale", "shift", "readout"
    return {name: rng.standard_normal(WIDTH, numpy.float32) for name in names}


def data(batch):
    return (numpy.random.default_rng(batch).standard_normal((batch, WIDTH), numpy.float32),)


def loss(np, lax, weights, row):
    shares = softmax(np, lax, layer_norm(np, row, weights["scale"], weights["shift"]))
    return np.sum(gelu(np, shares * WIDTH) * weights["readout"], axis=-1) / WIDTH


def torch_loss(torch, weights, row):
    shares = torch.softmax(torch_layer_norm(torch, row, weights["scale"], weights["shift"]), dim=-1)
    return torch.sum(torch_gelu(torch, shares * WIDTH) * weights["readout"], dim=-1) / WIDTH


def torch_module(torch):
    class Chain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.LayerNorm(WIDTH)
            self.readout = torch.nn.Linear(WIDTH, 1, bias=False)

        def forward(self, row):
            shares = torch.softmax(self.norm(row), dim=-1)
            return self.readout(torch_gelu(torch, shares * WIDTH))[:, 0] / WIDTH

    return Chain(), {"scale": "norm.weight", "shift": "norm.bias", "readout": "readout.weight"}


def flops(batch, mode):
    return None
