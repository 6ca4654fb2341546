"""The mean of 256 tokens' embeddings of width 16 and a dense layer: as arXiv:2010.09063 has for IMDB, 10,000 words."""

import numpy

from cases import GRADIENTS
from cases.layers import (
    cross_entropy,
    dense,
    dense_flops,
    reviews,
    torch_classifier,
    torch_cross_entropy,
)

VOCABULARY, TOKENS, WIDTHS = 10_000, 256, (16, 2)
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 0.679
TOLERANCE = 1e-3  # float32 tables hold no more of a DP step, which moves their rows by so little


def weights():
    table = numpy.random.default_rng(1).standard_normal((VOCABULARY, WIDTHS[0]), numpy.float32)
    return {"embedding": table / 50} | dense(WIDTHS, seed=0)


def data(batch):
    return reviews(batch, TOKENS, VOCABULARY, seed=batch)


def loss(np, lax, weights, tokens, label):
    mean = np.mean(weights["embedding"][tokens], axis=-2)
    return cross_entropy(np, lax, mean @ weights["weights0"] + weights["bias0"], label)


def torch_loss(torch, weights, tokens, label):
    mean = torch.mean(torch.nn.functional.embedding(tokens, weights["embedding"]), dim=-2)
    return torch_cross_entropy(torch, mean @ weights["weights0"] + weights["bias0"], label)


def torch_module(torch):
    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = torch.nn.Embedding(VOCABULARY, WIDTHS[0]), torch.nn.Linear(*WIDTHS)

        def forward(self, tokens):
            return self.head(torch.mean(self.embedding(tokens), dim=1))

    parameters = {"embedding": "embedding.weight", "weights0": "head.weight", "bias0": "head.bias"}
    return torch_classifier(torch, Scores(), parameters)


def flops(batch, mode):
    return dense_flops(WIDTHS, batch) + 2 * batch * WIDTHS[0] * WIDTHS[1]
