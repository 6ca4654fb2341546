"""Statistics of per-example gradients and models, as users write them. Golden files quote their line numbers."""

import numpy as np

from vgrad import grad, lax, tree, vmap
from vgrad.flatten_util import ravel_pytree

B, BOUND = 24, 1.0
RNG = np.random.default_rng(0)
PARAMS = {
    "w0": RNG.standard_normal((40, 50)) / 6, "b0": np.zeros(50), "w1": RNG.standard_normal((50, 60)) / 7,
    "b1": np.zeros(60), "w2": RNG.standard_normal((60, 10)) / 8, "b2": np.zeros(10),
}  # fmt: skip
BOUNDS = {"w0": 0.3, "b0": 0.1, "w1": 0.4, "b1": 0.1, "w2": 0.5, "b2": 0.2}
X, Y = RNG.standard_normal((B, 40)), RNG.integers(0, 10, B)
MANY = 10_000


def loss(params, x, y):
    hidden = np.tanh(x @ params["w0"] + params["b0"])
    hidden = np.maximum(hidden @ params["w1"] + params["b1"], 0)
    scores = hidden @ params["w2"] + params["b2"]
    return np.log(np.sum(np.exp(scores))) - scores[y]


gradients = vmap(grad(loss), (None, 0, 0))


def squares(g):
    return np.sum(g**2, axis=tuple(range(1, g.ndim)))


def weighted(factors, grads):
    return tree.map(lambda g: np.einsum("b,b...->...", factors, g), grads)


# ---------------------------------------------------------------------------------------------------------- statistics


def norms(params, x, y):
    return np.sqrt(sum(squares(g) for g in gradients(params, x, y).values()))


def norms_by_abs(params, x, y):
    return np.sqrt(sum(np.sum(np.abs(g).reshape(B, -1) ** 2, 1) for g in gradients(params, x, y).values()))


def norms_by_vdot(params, x, y):
    return vmap(lambda x, y: sum(np.vdot(g, g) for g in grad(loss)(params, x, y).values()))(x, y)


def norms_in_chunks(params, x, y):
    """For many examples; the last chunk is shorter."""

    def norm(example):
        return np.sqrt(sum(np.sum(g**2) for g in grad(loss)(params, *example).values()))

    return lax.map(norm, (x, y), batch_size=256)


def clipped_sum(params, x, y):
    grads = gradients(params, x, y)
    total = np.sqrt(sum(squares(g) for g in grads.values()))
    return weighted(np.minimum(1, BOUND / total), grads)


def clipped_inside(params, x, y):
    def clipped(params, x, y):
        leaves, structure = tree.flatten(grad(loss)(params, x, y))
        total = np.linalg.norm(np.stack([np.linalg.norm(g.ravel()) for g in leaves]))
        return structure.unflatten([g / np.maximum(total / BOUND, 1) for g in leaves])

    return tree.map(lambda g: np.sum(g, axis=0), vmap(clipped, (None, 0, 0))(params, x, y))


def clipped_flat(params, x, y):
    flat = vmap(lambda x, y: ravel_pytree(grad(loss)(params, x, y))[0])(x, y)
    return np.sum(flat * np.minimum(1, BOUND / np.linalg.norm(flat, axis=1))[:, None], axis=0)


def clipped_flat_inside(params, x, y):
    def clipped(params, x, y):
        flat, unravel = ravel_pytree(grad(loss)(params, x, y))
        return unravel(flat / np.maximum(np.linalg.norm(flat) / BOUND, 1))

    return tree.map(lambda g: np.sum(g, axis=0), vmap(clipped, (None, 0, 0))(params, x, y))


def clipped_by_layer(params, x, y):
    grads = gradients(params, x, y)
    return {name: weighted(np.minimum(1, BOUNDS[name] / np.sqrt(squares(g))), g) for name, g in grads.items()}


def automatic_clipping(params, x, y):
    grads = gradients(params, x, y)
    return weighted(BOUND / (np.sqrt(sum(squares(g) for g in grads.values())) + 0.01), grads)


def microbatches(params, x, y):
    def step(total, chunk):
        return tree.map(np.add, total, clipped_sum(params, *chunk)), None

    return lax.scan(step, tree.map(np.zeros_like, params), (x.reshape(3, 8, 40), y.reshape(3, 8)))[0]


def clipped_users(params, x, y):
    grads = tree.map(lambda g: np.sum(g.reshape(6, 4, *g.shape[1:]), axis=1), gradients(params, x, y))
    return weighted(np.minimum(1, BOUND / np.sqrt(sum(squares(g) for g in grads.values()))), grads)


def second_moment(params, x, y):
    return tree.map(lambda g: np.mean(np.square(g), axis=0), gradients(params, x, y))


def second_moment_flat(params, x, y):
    flat = vmap(lambda x, y: ravel_pytree(grad(loss)(params, x, y))[0])(x, y)
    return np.mean(np.square(flat), axis=0)


def variance(params, x, y):
    return tree.map(lambda g: np.var(g, axis=0), gradients(params, x, y))


def variance_flat(params, x, y):
    flat = vmap(lambda x, y: ravel_pytree(grad(loss)(params, x, y))[0])(x, y)
    return np.var(flat, axis=0)


def gram(params, x, y):
    first, second = gradients(params, x[:9], y[:9]), gradients(params, x[9:], y[9:])
    return sum(first[name].reshape(9, -1) @ second[name].reshape(B - 9, -1).T for name in first)


def gram_flat(params, x, y):
    flat = vmap(lambda x, y: ravel_pytree(grad(loss)(params, x, y))[0])
    return flat(x[:9], y[:9]) @ flat(x[9:], y[9:]).T


def times_vector(params, x, y):
    grads = gradients(params, x, y)
    return sum(np.sum(g * params[name], axis=tuple(range(1, g.ndim))) for name, g in grads.items())


def cosine_to_mean(params, x, y):
    grads = gradients(params, x, y)
    means = tree.map(lambda g: np.mean(g, axis=0), grads)
    dots = sum(np.sum(g * means[name], axis=tuple(range(1, g.ndim))) for name, g in grads.items())
    return dots / np.sqrt(sum(squares(g) for g in grads.values()) * sum(np.sum(m**2) for m in means.values()))


def leave_one_out(params, x, y):
    grads = gradients(params, x, y)
    return sum(squares((np.sum(g, axis=0) - g) / (B - 1)) for g in grads.values())


STATISTICS = {
    statistic.__name__: (statistic, (PARAMS, X, Y))
    for statistic in (
        norms, norms_by_abs, norms_by_vdot, clipped_sum, clipped_inside, clipped_flat, clipped_flat_inside,
        clipped_by_layer, automatic_clipping, microbatches, clipped_users, second_moment, second_moment_flat, variance,
        variance_flat, gram, gram_flat, times_vector, cosine_to_mean, leave_one_out,
    )
}  # fmt: skip
STATISTICS["norms_in_chunks"] = (
    norms_in_chunks, (PARAMS, RNG.standard_normal((MANY, 40)), RNG.integers(0, 10, MANY)),
)  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- models


def norms_and_clipped_sum(model):
    """What is asked of each model: a function of its params and a batch."""

    def norms_and_clipped_sum(params, *batch):
        grads = vmap(grad(model), (None, *[0] * len(batch)))(params, *batch)
        total = np.sqrt(sum(squares(g) for g in tree.leaves(grads)))
        return total, weighted(np.minimum(1, BOUND / total), grads)

    return norms_and_clipped_sum


def two_towers(w, x):
    left, right = np.tanh(x[0] @ w), np.tanh(x[1] @ w)
    return np.sum(left * right)


def through_reshape_and_transpose(w, x):
    matrix = w.reshape(50, 40).T
    return np.sum(np.tanh(x[0] @ matrix)) * np.sum(x[1] @ matrix)


def normalised(w, x):
    """Columns of length 1."""
    return np.sum(np.tanh(x @ (w / np.linalg.norm(w, axis=0))) ** 2)


def packed(w, x):
    """Three matrices in one."""
    query, key, value = np.split(w, 3, axis=1)
    return np.sum(np.tanh(x @ query) * np.tanh(x @ key) * (x @ value))


def stacked(layers, x):
    for layer in layers:
        x = np.tanh(x @ layer)
    return np.sum(x)


def scanned(layers, x):
    return np.sum(lax.scan(lambda x, layer: (np.tanh(x @ layer), None), x, layers)[0])


def one_vector(vector, x):
    """All parameters, of which the last are not used."""
    w, b = vector[:2000].reshape(40, 50), vector[2000:2050]
    return np.sum(np.tanh(x @ w + b) ** 2)


def bag(table, words):
    return np.sum(np.tanh(np.sum(np.take(table, words, axis=0, mode="clip"), axis=0)) ** 2)


def sequence(table, words):
    rows = np.take(table, words, axis=0, mode="clip")
    return np.sum(np.tanh(rows[1:] * rows[:-1]))


def tied(table, words):
    rows = np.take(table, words, axis=0, mode="clip")
    scores = np.tanh(rows[:-1]) @ table.T
    chosen = np.take_along_axis(scores, np.clip(words, 0, 249)[1:, None], axis=1)
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - chosen[:, 0])


def normal(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def tied_transformer(params, words):
    """The table of the words' embeddings is the output head too."""
    x = params["table"][words[:-1]] + params["places"]
    for block in params["blocks"]:
        query, key, value = np.split(normal(x) @ block["attention"], 3, axis=1)
        scores = query @ key.T / np.sqrt(key.shape[1])
        scores = np.where(np.tri(len(x), dtype=bool), scores, -1e9)
        x = x + softmax(scores) @ value @ block["out"]
        x = x + np.maximum(normal(x) @ block["up"], 0) @ block["down"]
    scores = normal(x) @ params["table"].T
    chosen = np.take_along_axis(scores, words[1:, None], axis=1)[:, 0]
    return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - chosen)


def long_short_term(params, x):
    def step(state, row):
        h, c = state
        i, f, g, o = np.split(row @ params["w"] + h @ params["u"] + params["b"], 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        return (h, c), None

    size = len(params["u"])
    return np.sum(lax.scan(step, (np.zeros(size), np.zeros(size)), x)[0][0] ** 2)


def convolutional(params, image, label):
    for kernel in params["kernels"]:
        layout = ("NHWC", "HWIO", "NHWC")
        image = lax.conv_general_dilated(image[None], kernel, (1, 1), "SAME", dimension_numbers=layout)[0]
        image = np.maximum(image, 0)
    scores = np.mean(image, axis=(0, 1)) @ params["head"]
    return np.log(np.sum(np.exp(scores))) - scores[label]


def weights(*shape):
    return RNG.standard_normal(shape) / shape[-2] ** 0.5


WORDS = RNG.integers(-300, 300, (B, 6))  # some twice in an example, some out of bounds
TABLE = RNG.standard_normal((250, 16))
BLOCKS = [
    {"attention": weights(32, 96), "out": weights(32, 32), "up": weights(32, 128), "down": weights(128, 32)}
    for _ in range(2)
]
TRANSFORMER = {"table": RNG.standard_normal((250, 32)), "places": weights(8, 32), "blocks": BLOCKS}
GATES = {"w": weights(128, 512), "u": weights(128, 512), "b": np.zeros(512)}
KERNELS = {"kernels": [weights(3, 3, 3, 32), weights(3, 3, 32, 64)], "head": weights(64, 10)}

MODELS = {
    "two_towers": (two_towers, (weights(40, 50), RNG.standard_normal((B, 2, 40)))),
    "through_reshape_and_transpose": (
        through_reshape_and_transpose, (weights(40, 50).ravel(), RNG.standard_normal((B, 2, 40))),
    ),
    "normalised": (normalised, (weights(40, 50), X)),
    "packed": (packed, (weights(40, 150), X)),
    "stacked": (stacked, (weights(4, 40, 40), X)),
    "scanned": (scanned, (weights(4, 40, 40), X)),
    "one_vector": (one_vector, (RNG.standard_normal(2100) / 6, X)),
    "bag": (bag, (TABLE, WORDS)),
    "sequence": (sequence, (TABLE, WORDS)),
    "tied": (tied, (TABLE, WORDS)),
    "tied_transformer": (tied_transformer, (TRANSFORMER, RNG.integers(0, 250, (12, 9)))),
    "long_short_term": (long_short_term, (GATES, RNG.standard_normal((12, 64, 128)))),
}  # fmt: skip
