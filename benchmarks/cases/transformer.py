"""A causal transformer: 2 layers, width 128, 4 heads, feed-forward 512, vocabulary 1000, 64 tokens, untied head."""

import math

import numpy

from cases import GRADIENTS
from cases.layers import (
    cross_entropy,
    gelu,
    layer_norm,
    softmax,
    torch_cross_entropy,
    torch_gelu,
    torch_layer_norm,
)

LAYERS, WIDTH, HEADS, HIDDEN, VOCABULARY, TOKENS = 2, 128, 4, 512, 1000, 64
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 4.15
MASK = numpy.tril(numpy.ones((TOKENS, TOKENS), bool))
SHAPES = {"query": (WIDTH, WIDTH), "key": (WIDTH, WIDTH), "value": (WIDTH, WIDTH), "join": (WIDTH, WIDTH)}
SHAPES |= {"up": (WIDTH, HIDDEN), "down": (HIDDEN, WIDTH)}


def weights():
    rng = numpy.random.default_rng(0)

    def matrix(inputs, outputs):
        return rng.standard_normal((inputs, outputs), numpy.float32) / numpy.float32(math.sqrt(inputs))

    weights = {"embedding": matrix(VOCABULARY, WIDTH), "position": matrix(TOKENS, WIDTH)}
    for layer in range(LAYERS):
        weights |= {f"{name}{layer}": matrix(*shape) for name, shape in SHAPES.items()}
        weights |= {f"up_bias{layer}": matrix(1, HIDDEN)[0] / 10, f"down_bias{layer}": matrix(1, WIDTH)[0] / 10}
    for place in ("before_attention0", "before_attention1", "before_hidden0", "before_hidden1", "before_head"):
        weights |= {f"{place}_scale": matrix(1, WIDTH)[0] / 10 + 1, f"{place}_shift": matrix(1, WIDTH)[0] / 10}
    return weights | {"head": matrix(WIDTH, VOCABULARY)}


def data(batch):
    """(tokens, the next tokens)."""
    text = numpy.random.default_rng(batch).integers(VOCABULARY, size=(batch, TOKENS + 1), dtype=numpy.int32)
    return text[:, :-1].copy(), text[:, 1:].copy()


def head(weights):
    return weights["head"] if "head" in weights else weights["embedding"].T


def loss(np, lax, weights, tokens, following):
    def heads(x):  # (..., tokens, width) -> (..., heads, tokens, width / heads)
        return np.swapaxes(np.reshape(x, (*x.shape[:-1], HEADS, WIDTH // HEADS)), -2, -3)

    def norm(place, x):
        return layer_norm(np, x, weights[f"{place}_scale"], weights[f"{place}_shift"])

    x = weights["embedding"][tokens] + weights["position"]
    for layer in range(LAYERS):
        normal = norm(f"before_attention{layer}", x)
        query, key, value = (heads(normal @ weights[f"{name}{layer}"]) for name in ("query", "key", "value"))
        scores = query @ np.swapaxes(key, -1, -2) / math.sqrt(WIDTH // HEADS)
        mixed = softmax(np, lax, np.where(MASK, scores, -1e9)) @ value
        x = x + np.reshape(np.swapaxes(mixed, -2, -3), x.shape) @ weights[f"join{layer}"]
        normal = norm(f"before_hidden{layer}", x)
        hidden = gelu(np, normal @ weights[f"up{layer}"] + weights[f"up_bias{layer}"])
        x = x + hidden @ weights[f"down{layer}"] + weights[f"down_bias{layer}"]
    scores = norm("before_head", x) @ head(weights)
    return np.mean(cross_entropy(np, lax, scores, following), axis=-1)


def torch_loss(torch, weights, tokens, following):
    def heads(x):
        return x.reshape(*x.shape[:-1], HEADS, WIDTH // HEADS).transpose(-2, -3)

    def norm(place, x):
        return torch_layer_norm(torch, x, weights[f"{place}_scale"], weights[f"{place}_shift"])

    mask = torch.from_numpy(MASK)
    x = weights["embedding"][tokens] + weights["position"]
    for layer in range(LAYERS):
        normal = norm(f"before_attention{layer}", x)
        query, key, value = (heads(normal @ weights[f"{name}{layer}"]) for name in ("query", "key", "value"))
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        mixed = torch.softmax(torch.where(mask, scores, -1e9), dim=-1) @ value
        x = x + mixed.transpose(-2, -3).reshape(x.shape) @ weights[f"join{layer}"]
        normal = norm(f"before_hidden{layer}", x)
        hidden = torch_gelu(torch, normal @ weights[f"up{layer}"] + weights[f"up_bias{layer}"])
        x = x + hidden @ weights[f"down{layer}"] + weights[f"down_bias{layer}"]
    scores = norm("before_head", x) @ head(weights)
    return torch.mean(torch_cross_entropy(torch, scores, following), dim=-1)


def flops(batch, mode):
    """Three times the forward products: dense layers, and scores and mixtures of attention."""
    dense = LAYERS * sum(inputs * outputs for inputs, outputs in SHAPES.values()) + WIDTH * VOCABULARY
    attention = LAYERS * 2 * TOKENS * WIDTH
    return 3 * 2 * batch * TOKENS * (dense + attention)
