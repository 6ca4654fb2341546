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


def torch_module(torch, tied=False):
    nn = torch.nn

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.before_attention, self.before_hidden = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.query, self.key, self.value, self.join = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))
            self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

        def forward(self, x):
            normal = self.before_attention(x)
            query, key, value = (
                part(normal).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
            )
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.join(mixed.transpose(1, 2).flatten(2))
            return x + self.down(torch_gelu(torch, self.up(self.before_hidden(x))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TOKENS, WIDTH)
            self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
            self.before_head, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
            if tied:
                self.head.weight = self.embedding.weight

        def forward(self, tokens, following):
            places = torch.arange(TOKENS).repeat(len(tokens), 1)
            x = self.layers(self.embedding(tokens) + self.position(places))
            scores = self.head(self.before_head(x)).transpose(1, 2)
            return torch.mean(nn.functional.cross_entropy(scores, following, reduction="none"), dim=1)

    parameters = {"embedding": "embedding.weight", "position": "position.weight"}
    parameters |= {} if tied else {"head": "head.weight"}
    parameters |= {"before_head_scale": "before_head.weight", "before_head_shift": "before_head.bias"}
    for layer in range(LAYERS):
        parameters |= {f"{name}{layer}": f"layers.{layer}.{name}.weight" for name in SHAPES}
        parameters |= {f"{name}_bias{layer}": f"layers.{layer}.{name}.bias" for name in ("up", "down")}
        for place in ("before_attention", "before_hidden"):
            parameters |= {f"{place}{layer}_scale": f"layers.{layer}.{place}.weight"}
            parameters |= {f"{place}{layer}_shift": f"layers.{layer}.{place}.bias"}
    return Transformer(), parameters


def flops(batch, mode):
    """Three times the forward products: dense layers, and scores and mixtures of attention."""
    dense = LAYERS * sum(inputs * outputs for inputs, outputs in SHAPES.values()) + WIDTH * VOCABULARY
    attention = LAYERS * 2 * TOKENS * WIDTH
    return 3 * 2 * batch * TOKENS * (dense + attention)
