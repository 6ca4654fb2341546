"""An LSTM of width 100 over 64 tokens' embeddings: that of arXiv:2010.09063 for IMDB, with 10,000 words."""

import math

import numpy

from cases import GRADIENTS
from cases.layers import cross_entropy, reviews, torch_classifier, torch_cross_entropy

VOCABULARY, WIDTH, TOKENS = 10_000, 100, 64
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 1.216
TOLERANCE = 5e-3  # float32 tables hold no more of a DP step, which moves their rows by so little


def weights():
    """The gates are input, forget, cell and output, side by side; two biases, as in PyTorch's own LSTM."""
    rng = numpy.random.default_rng(0)

    def matrix(inputs, outputs):
        return rng.standard_normal((inputs, outputs), numpy.float32) / numpy.float32(math.sqrt(inputs))

    weights = {"embedding": rng.standard_normal((VOCABULARY, WIDTH), numpy.float32) / 50}
    weights |= {"input": matrix(WIDTH, 4 * WIDTH), "state": matrix(WIDTH, 4 * WIDTH)}
    weights |= {name: matrix(1, 4 * WIDTH)[0] / 10 for name in ("input_bias", "state_bias")}
    return weights | {"head": matrix(WIDTH, 2), "head_bias": matrix(1, 2)[0] / 10}


def data(batch):
    return reviews(batch, TOKENS, VOCABULARY, seed=batch)


def loss(np, lax, weights, tokens, label):
    def step(carry, of_input):
        state, cell = carry
        gates = of_input + state @ weights["state"]
        take, keep, new, give = (gates[..., n * WIDTH : (n + 1) * WIDTH] for n in range(4))
        cell = lax.logistic(keep) * cell + lax.logistic(take) * np.tanh(new)
        state = lax.logistic(give) * np.tanh(cell)
        return (state, cell), state

    of_inputs = weights["embedding"][tokens] @ weights["input"] + (weights["input_bias"] + weights["state_bias"])
    start = np.zeros_like(of_inputs[..., 0, :WIDTH])
    _, states = lax.scan(step, (start, start), np.moveaxis(of_inputs, -2, 0))
    return cross_entropy(np, lax, np.mean(states, axis=0) @ weights["head"] + weights["head_bias"], label)


def torch_loss(torch, weights, tokens, label):
    """Step by step also for a batch: PyTorch's own LSTM takes 1.2 times as long, and vmap cannot batch it."""
    inputs = torch.nn.functional.embedding(tokens, weights["embedding"])
    of_inputs = inputs @ weights["input"] + (weights["input_bias"] + weights["state_bias"])
    state = cell = of_inputs.new_zeros(*tokens.shape[:-1], WIDTH)
    states = []
    for of_input in of_inputs.unbind(-2):
        take, keep, new, give = (of_input + state @ weights["state"]).chunk(4, dim=-1)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(take) * torch.tanh(new)
        state = torch.sigmoid(give) * torch.tanh(cell)
        states.append(state)
    mean = torch.mean(torch.stack(states), dim=0)
    return torch_cross_entropy(torch, mean @ weights["head"] + weights["head_bias"], label)


def torch_module(torch):
    from opacus.layers import DPLSTM

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
            self.lstm, self.head = DPLSTM(WIDTH, WIDTH, batch_first=True), torch.nn.Linear(WIDTH, 2)

        def forward(self, tokens):
            return self.head(torch.mean(self.lstm(self.embedding(tokens))[0], dim=1))

    parameters = {"embedding": "embedding.weight", "head": "head.weight", "head_bias": "head.bias"}
    for name, part in (("input", "ih"), ("state", "hh")):
        parameters |= {name: f"lstm.weight_{part}_l0", f"{name}_bias": f"lstm.bias_{part}_l0"}
    return torch_classifier(torch, Scores(), parameters)


def flops(batch, mode, tokens=TOKENS):
    """Three times the forward products."""
    return 3 * 2 * batch * (tokens * 2 * WIDTH * 4 * WIDTH + WIDTH * 2)
