"""Logistic regression: 105 features, two classes."""

import numpy

from cases import GRADIENTS
from cases.layers import dense_flops

FEATURES = 105
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 4.5


def weights():
    rng = numpy.random.default_rng(0)
    return {"weights": rng.standard_normal(FEATURES, numpy.float32) / 10, "bias": numpy.zeros((), numpy.float32)}


def data(batch):
    rng = numpy.random.default_rng(batch)
    features = rng.standard_normal((batch, FEATURES), numpy.float32)
    return features, rng.integers(2, size=batch).astype(numpy.float32)


def loss(np, lax, weights, features, label):
    score = features @ weights["weights"] + weights["bias"]
    return np.logaddexp(0, score) - label * score


def torch_loss(torch, weights, features, label):
    score = features @ weights["weights"] + weights["bias"]
    return torch.nn.functional.softplus(score) - label * score


def torch_module(torch):
    class Logistic(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.score = torch.nn.Linear(FEATURES, 1)

        def forward(self, features, label):
            score = self.score(features)[:, 0]
            return torch.nn.functional.binary_cross_entropy_with_logits(score, label, reduction="none")

    return Logistic(), {"weights": "score.weight", "bias": "score.bias"}


def flops(batch, mode):
    return dense_flops((FEATURES, 1), batch)
