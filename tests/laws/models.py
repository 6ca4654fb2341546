"""Small models in plain NumPy, for the laws. Each is a loss of parameters (a pytree) and one example.

Nothing here knows vgrad but the one that uses lax.scan. All losses are smooth at the drawn points.
"""

from dataclasses import dataclass

import numpy as np

EXAMPLES = 4


@dataclass(frozen=True)
class Model:
    """loss(params, *example) -> scalar; params(rng), examples(rng) draw float64 arrays, examples with a leading axis.

    steps       whether the loss runs a Python loop long enough to make a big Jaxpr
    """

    loss: object
    params: object
    examples: object

    @property
    def name(self):
        return self.loss.__name__


def model(params, examples):
    """Decorator: the loss becomes a Model, listed in MODELS."""

    def make(loss):
        MODELS.append(Model(loss, params, examples))
        return loss

    return make


MODELS = []


def normal(*shapes):
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def with_labels(shape, classes):
    return lambda rng: (rng.normal(size=(EXAMPLES, *shape)), rng.integers(0, classes, EXAMPLES))


@model(normal((3,), ()), normal((EXAMPLES, 3), (EXAMPLES,)))
def linear_regression(params, x, y):
    w, b = params
    return 0.5 * (np.dot(x, w) + b - y) ** 2


@model(lambda rng: {"w": rng.normal(size=3), "b": rng.normal()}, with_labels((3,), 2))
def logistic_regression(params, x, y):
    z = x @ params["w"] + params["b"]
    return np.logaddexp(0.0, z) - np.where(y == 1, z, 0.0)


@model(
    lambda rng: [(rng.normal(size=(3, 5)), rng.normal(size=5)), (rng.normal(size=(5, 4)), rng.normal(size=4))],
    with_labels((3,), 4),
)
def perceptron_with_cross_entropy(params, x, y):
    for w, b in params[:-1]:
        x = np.tanh(x @ w + b)
    w, b = params[-1]
    logits = x @ w + b
    peak = np.max(logits)
    return np.log(np.sum(np.exp(logits - peak))) + peak - logits[y]


@model(normal((4, 3)), normal((EXAMPLES, 4)))
def tied_weights(params, x):
    (w,) = params
    code = np.tanh(x @ w)
    return np.mean((code @ w.T - x) ** 2)


@model(
    lambda rng: {"table": rng.normal(size=(6, 3)), "out": rng.normal(size=3)},
    lambda rng: (rng.integers(0, 6, (EXAMPLES, 5)), rng.normal(size=EXAMPLES)),
)
def embedding_table(params, words, y):
    vectors = params["table"][words]
    return (np.tanh(vectors.mean(axis=0)) @ params["out"] - y) ** 2


@model(normal((3, 3, 2), (2, 3)), with_labels((6, 6), 3))
def convolution_by_windows(params, image, y):
    kernel, head = params
    patches = np.stack([image[i : i + 4, j : j + 4] for i in range(3) for j in range(3)], axis=-1)
    maps = np.tanh(patches @ kernel.reshape(9, 2))
    logits = np.mean(maps, axis=(0, 1)) @ head
    return np.log(np.sum(np.exp(logits))) - np.take(logits, y)


@model(
    lambda rng: {name: rng.normal(size=(4, 4)) for name in ("query", "key", "value")},
    normal((EXAMPLES, 5, 4), (EXAMPLES, 4)),
)
def attention(params, x, y):
    q, k, v = x @ params["query"], x @ params["key"], x @ params["value"]
    scores = np.einsum("ti,si->ts", q, k) / x.shape[-1] ** 0.5
    scores = np.where(np.tri(x.shape[0], dtype=bool), scores, -1e30)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return np.sum(((weights @ v)[-1] - y) ** 2)


@model(normal((4,), (4,)), normal((EXAMPLES, 3, 4)))
def layer_norm(params, x):
    scale, shift = params
    centred = x - np.mean(x, axis=-1, keepdims=True)
    normed = centred / np.sqrt(np.var(x, axis=-1, keepdims=True) + 1e-3)
    return np.sum(np.sin(normed * scale + shift))


@model(normal((3, 3), (2, 3), (3,)), normal((EXAMPLES, 6, 2), (EXAMPLES,)))
def recurrence_by_python_loop(params, steps, y):
    inner, outer, out = params
    state = np.zeros(3, inner.dtype)
    for step in steps:
        state = np.tanh(state @ inner + step @ outer)
    return (state @ out - y) ** 2


@model(normal((3, 3), (2, 3), (3,)), normal((EXAMPLES, 6, 2), (EXAMPLES,)))
def recurrence_by_scan(params, steps, y):
    from vgrad import lax

    inner, outer, out = params

    def step(state, x):
        state = np.tanh(state @ inner + x @ outer)
        return state, np.sum(state)

    state, sums = lax.scan(step, np.zeros(3, inner.dtype), steps)
    return (state @ out - y) ** 2 + np.mean(sums**2)


@model(
    lambda rng: {"means": rng.normal(size=(3, 2)), "scales": rng.normal(size=(3, 2)), "logits": rng.normal(size=3)},
    normal((EXAMPLES, 2)),
)
def mixture_log_likelihood(params, x):
    z = (x - params["means"]) * np.exp(-params["scales"])
    terms = -0.5 * np.sum(z**2, axis=1) - np.sum(params["scales"], axis=1) + params["logits"]
    peak, top = np.max(terms), np.max(params["logits"])
    evidence = np.log(np.exp(terms - peak).sum()) + peak
    return np.log(np.exp(params["logits"] - top).sum()) + top - evidence


@model(normal((4,)), normal((EXAMPLES,), (EXAMPLES,)))
def polynomial(params, x, y):
    (coefficients,) = params
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return (value - y) ** 2 + 0.1 * np.sum(coefficients**4)


@model(
    normal((5, 2), (4, 2)),
    lambda rng: (rng.integers(0, 5, EXAMPLES), rng.integers(0, 4, EXAMPLES), rng.normal(size=EXAMPLES)),
)
def matrix_factorisation(params, user, item, rating):
    users, items = params
    return (users[user] @ items[item] - rating) ** 2 + 0.01 * (np.linalg.norm(users) + np.linalg.norm(items))


@model(normal((3, 3)), normal((EXAMPLES, 3)))
def gaussian_with_log_determinant(params, x):
    (root,) = params
    precision = root @ root.T + np.eye(3, dtype=root.dtype)
    _, logdet = np.linalg.slogdet(precision)
    return 0.5 * x @ np.linalg.solve(precision, x) - 0.5 * logdet


@model(normal((8,)), normal((EXAMPLES, 8), (EXAMPLES, 8)))
def fourier_filter(params, x, y):
    (filter_,) = params
    smooth = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(filter_), n=8)
    spectrum = np.abs(np.fft.fft(smooth - y)) ** 2
    return np.sum(np.log1p(spectrum)) + np.real(np.fft.fft(filter_)[1])


@model(normal((6,), (2, 3)), normal((EXAMPLES, 2, 6)))
def shuffled_and_sorted(params, x):
    scale, shape = params
    y = np.concatenate([x * scale, np.flip(x, axis=1)], axis=0).reshape(2, 4, 3)
    y = np.sort(np.moveaxis(y, 1, -1), axis=-1)[:, ::-1, 1:3]
    y = np.cumsum(np.swapaxes(y, 1, 2).reshape(4, 3) ** 2, axis=0)
    return np.sum(np.maximum(y[1:, :2], 0.1) * np.clip(shape[:, :2].sum(0), -3, 3)) + np.prod(shape[0] + 2.0)
