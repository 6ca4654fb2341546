"""Programs as users write them, whose per-example gradients are not formed; and that they are where that pays."""

import numpy as np
import pytest

from vgrad import grad, jit, lax, make_jaxpr, tree, vmap
from vgrad.compiler.programs import opened
from vgrad.core.jaxpr import subprograms
from vgrad.flatten_util import ravel_pytree
from vgrad.passes import contractions
from vgrad.passes.pipeline import PIPELINE, run_passes

B, BOUND = 24, 1.0
RNG = np.random.default_rng(0)
PARAMS = {
    "w0": RNG.standard_normal((40, 50)) / 6, "b0": np.zeros(50), "w1": RNG.standard_normal((50, 60)) / 7,
    "b1": np.zeros(60), "w2": RNG.standard_normal((60, 10)) / 8, "b2": np.zeros(10),
}  # fmt: skip
X, Y = RNG.standard_normal((B, 40)), RNG.integers(0, 10, B)
GRADIENTS = B * 40 * 50  # elements of the smaller of the two large leaves, for all examples


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


def norms(params, x, y):
    return np.sqrt(sum(squares(g) for g in gradients(params, x, y).values()))


def norms_by_abs(params, x, y):
    return np.sqrt(sum(np.sum(np.abs(g).reshape(B, -1) ** 2, 1) for g in gradients(params, x, y).values()))


def norms_by_vdot(params, x, y):
    return vmap(lambda x, y: sum(np.vdot(g, g) for g in grad(loss)(params, x, y).values()))(x, y)


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


def clipped_by_layer(params, x, y):
    grads = gradients(params, x, y)
    return {name: weighted(np.minimum(1, 0.1 / np.sqrt(squares(g))), g) for name, g in grads.items()}


def automatic_clipping(params, x, y):
    grads = gradients(params, x, y)
    return weighted(BOUND / (np.sqrt(sum(squares(g) for g in grads.values())) + 0.01), grads)


def norms_in_chunks(params, x, y):
    return lax.map(lambda chunk: norms(params, *chunk), (x.reshape(3, 8, 40), y.reshape(3, 8)))


def second_moment(params, x, y):
    return tree.map(lambda g: np.mean(np.square(g), axis=0), gradients(params, x, y))


def variance(params, x, y):
    return tree.map(lambda g: np.var(g, axis=0), gradients(params, x, y))


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


def microbatches(params, x, y):
    def step(total, chunk):
        return tree.map(np.add, total, clipped_sum(params, *chunk)), None

    return lax.scan(step, tree.map(np.zeros_like, params), (x.reshape(3, 8, 40), y.reshape(3, 8)))[0]


def clipped_users(params, x, y):
    grads = tree.map(lambda g: np.sum(g.reshape(6, 4, *g.shape[1:]), axis=1), gradients(params, x, y))
    return weighted(np.minimum(1, BOUND / np.sqrt(sum(squares(g) for g in grads.values()))), grads)


PROGRAMS = [
    norms, norms_by_abs, norms_by_vdot, clipped_sum, clipped_inside, clipped_flat, clipped_by_layer,
    automatic_clipping, norms_in_chunks, second_moment, variance, gram, gram_flat, times_vector, cosine_to_mean,
    leave_one_out, microbatches, clipped_users,
]  # fmt: skip


def largest(jaxpr):
    """The elements of the largest value that the program forms."""
    sizes = [output.type.size for equation in jaxpr.equations for output in equation.outputs]
    inner = [largest(opened(each)) for equation in jaxpr.equations for _, each in subprograms(equation)]
    return max([*sizes, *inner])


def same(function, *args, rtol=1e-9):
    got, wanted = tree.leaves(jit(function)(*args)), tree.leaves(function(*args))
    for mine, other in zip(got, wanted, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol * np.abs(other).max())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_no_per_example_gradient_is_formed(program):
    same(program, PARAMS, X, Y)
    assert largest(opened(make_jaxpr(program)(PARAMS, X, Y))) < GRADIENTS / 3


def test_without_the_pass_they_are_formed():
    plain = run_passes(make_jaxpr(clipped_sum)(PARAMS, X, Y), PIPELINE)
    assert largest(plain) >= GRADIENTS


@pytest.mark.parametrize("steps, kept", [(4, True), (200, False)])
def test_gradients_are_formed_where_there_are_more_steps_than_features(steps, kept):
    def step_norms(w, x):
        grads = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2)), (None, 0))(w, x)
        return np.sqrt(squares(grads))

    w, x = RNG.standard_normal((40, 50)) / 6, RNG.standard_normal((3, steps, 40))
    same(step_norms, w, x)
    shapes = {output.type.shape for e in opened(make_jaxpr(step_norms)(w, x)).equations for output in e.outputs}
    assert ((3, 40, 50) not in shapes) == kept


def two_towers(w, x):
    left, right = np.tanh(x[0] @ w), np.tanh(x[1] @ w)
    return np.sum(left * right)


def through_reshape_and_transpose(w, x):
    matrix = w.reshape(50, 40).T
    return np.sum(np.tanh(x[0] @ matrix)) * np.sum(x[1] @ matrix)


@pytest.mark.parametrize("model", [two_towers, through_reshape_and_transpose])
def test_a_weight_used_twice(model):
    def steps(w, x):
        grads = vmap(grad(model), (None, 0))(w, x)
        total = np.sqrt(squares(grads))
        return total, weighted(np.minimum(1, BOUND / total), grads)

    w, x = RNG.standard_normal((40, 50)) / 6, RNG.standard_normal((B, 2, 40))
    w = w if model is two_towers else w.ravel()
    same(steps, w, x)
    assert largest(opened(make_jaxpr(steps)(w, x))) < GRADIENTS / 3


# -------------------------------------------------------------------------------------------------------- embeddings

WORDS = RNG.integers(-300, 300, (B, 6))  # some twice in an example, some out of bounds
TABLE = RNG.standard_normal((250, 16))


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


@pytest.mark.parametrize("dtype", [np.int64, np.int16])
@pytest.mark.parametrize("model", [bag, sequence, tied])
def test_gradients_of_tables_are_not_formed(model, dtype):
    def steps(table, words):
        grads = vmap(grad(model), (None, 0))(table, words)
        total = np.sqrt(squares(grads))
        return total, weighted(np.minimum(1, BOUND / total), grads)

    words = WORDS.astype(dtype)
    same(steps, TABLE, words)
    assert largest(opened(make_jaxpr(steps)(TABLE, words))) < B * TABLE.size / 3


@pytest.mark.parametrize("model", [bag, sequence])
def test_moments_and_products_of_gradients_of_tables(model):
    grads = vmap(grad(model), (None, 0))
    same(lambda t, w: np.mean(grads(t, w) ** 2, axis=0), TABLE, WORDS)
    same(lambda t, w: grads(t, w[:9]).reshape(9, -1) @ grads(t, w[9:]).reshape(B - 9, -1).T, TABLE, WORDS)
    same(lambda t, w: np.sum(grads(t, w) * t, axis=(1, 2)), TABLE, WORDS)
    same(lambda t, w: squares(np.sum(grads(t, w).reshape(6, 4, 250, 16), axis=1)), TABLE, WORDS)
    same(lambda t, w: squares(grads(t, w)[:, 3:200:2]), TABLE, WORDS)


def test_gradients_of_elements_on_a_diagonal():
    places, words = np.arange(12), RNG.integers(-20, 20, 12)

    def steps(w, words):
        g = grad(lambda w: np.sum(np.sin(w[places, places, words])))(w)
        return np.sum(g[1:] ** 2, axis=(0, 2)), np.sum(g[:, ::2], axis=(0, 2)), squares(g)

    same(steps, RNG.standard_normal((12, 12, 20)), words)


def test_an_index_at_an_index():
    def smoothed_median(x):
        return np.quantile(x, 0.4) ** 2

    same(vmap(grad(smoothed_median)), RNG.standard_normal((7, 5)))
    same(lambda x: vmap(grad(smoothed_median))(x) ** 2, RNG.standard_normal((7, 5)))


# ---------------------------------------------------------------------------------------------------------- precision


def token_norms(w, x, c):
    """Norms of x' c for every example: the gradients of a sum of products."""
    return np.sqrt(squares(vmap(grad(lambda w, x, c: np.sum((x @ w) * c)), (None, 0, 0))(w, x, c)))


def tokens(noise):
    """Eight tokens of which four take back what the others contribute, up to the noise."""
    x, c = RNG.standard_normal((16, 8, 64)), RNG.standard_normal((16, 8, 96))
    x[:, 4:] = x[:, :4]
    c[:, 4:] = -c[:, :4] * (1 + noise * RNG.standard_normal((16, 4, 96)))
    return np.zeros((64, 96), np.float32), x.astype(np.float32), c.astype(np.float32)


@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-4])
def test_norms_of_what_cancels_are_not_too_small(noise):
    args = tokens(noise)
    assert largest(opened(make_jaxpr(token_norms)(*args))) < 16 * 64 * 96
    got, wanted = jit(token_norms)(*args), token_norms(*[each.astype(np.float64) for each in args])
    assert got.dtype == np.float32
    assert np.all(got >= wanted * (1 - 1e-5))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_what_cancels_wholly_has_no_negative_square():
    w, x, _ = tokens(0.0)
    c = np.concatenate([x[:, :4] @ np.ones((64, 96), np.float32)] * 2, axis=1) * np.repeat([1, -1], 4)[:, None]
    got = jit(token_norms)(w, x, c.astype(np.float32))
    assert np.all(got >= 0) and np.all(got < 1e-3)


def test_values_out_of_range_stay_with_their_example():
    w, x, c = tokens(1.0)
    x[0], x[1], x[2] = np.nan, np.inf, 0
    x[3], c[3] = 1e25, 1e-10  # x squared is out of float32's range
    x[4], c[4] = 1e-25, 1e10
    got, wanted = jit(token_norms)(w, x, c), token_norms(*[each.astype(np.float64) for each in (w, x, c)])
    assert np.isnan(got[0]) and not np.isfinite(got[1]) and got[2] == 0
    np.testing.assert_allclose(got[3:], wanted[3:], rtol=1e-5)


# -------------------------------------------------------------------------------------------------------------- forms


def test_slices_without_elements():
    w, x = RNG.standard_normal((40, 50)) / 6, RNG.standard_normal((B, 40))

    def steps(w, x):
        g = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w))), (None, 0))(w, x)
        return squares(g[:, 40:]), np.sum(g[3:3] ** 2, axis=0), squares(g)

    same(steps, w, x)


def test_a_joined_axis_of_length_1_is_broadcast():
    w, x = RNG.standard_normal((40, 50)) / 6, RNG.standard_normal((B, 40))

    def steps(w, x):
        g = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w))), (None, 0))(w, x)
        joined = np.concatenate([g[:, None], np.zeros((B, 0, 40, 50))], axis=1)
        wide = np.broadcast_to(2 * joined, (B, 3, 40, 50))
        return np.sum(wide * np.arange(3.0)[:, None, None], axis=(1, 2, 3)), squares(
            np.arange(3.0)[:, None, None] * joined
        )

    same(steps, w, x)


def test_a_plan_for_many_leaves_is_made_in_little_time():
    params = [RNG.standard_normal((20, 20)) for _ in range(100)]

    def deep(params, x):
        for w in params:
            x = np.tanh(x @ w)
        return np.sum(x)

    def step(params, x):
        grads = vmap(grad(deep), (None, 0))(params, x)
        total = np.sqrt(sum(squares(g) for g in grads))
        return weighted(1 / total, grads)

    jaxpr = run_passes(make_jaxpr(step)(params, np.ones((8, 20))), PIPELINE)
    plan = contractions.Contractions(jaxpr)
    assert max(map(len, plan.components)) < 20  # decided one by one
    assert largest(contractions.contracted(jaxpr)) < 8 * 400


def test_what_saves_little_is_left_as_it_was_written():
    def mean_loss(params, x, y):
        return np.mean(vmap(loss, (None, 0, 0))(params, x, y))

    plain = run_passes(make_jaxpr(grad(mean_loss))(PARAMS, X, Y), PIPELINE)
    assert contractions.contracted(plain) is plain
