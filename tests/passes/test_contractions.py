"""Programs as users write them, whose per-example gradients are not formed; and that they are where that pays.

Every program of workloads is held to results, to its plan (a golden file) and to memory.
"""

import functools
import threading
import tracemalloc

import numpy as np
import pytest

from tests.conftest import GOLDEN
from tests.passes.workloads import (
    KERNELS,
    MODELS,
    PARAMS,
    RNG,
    STATISTICS,
    TABLE,
    WORDS,
    B,
    X,
    Y,
    bag,
    clipped_sum,
    convolutional,
    loss,
    norms_and_clipped_sum,
    sequence,
    squares,
    tied,
    two_towers,
    weighted,
)
from vgrad import grad, jit, make_jaxpr, tree, vmap
from vgrad.compiler.assemble import plan_program
from vgrad.compiler.explain import outer_products
from vgrad.compiler.programs import opened
from vgrad.compiler.regions import Region
from vgrad.core.jaxpr import subprograms
from vgrad.passes import contractions
from vgrad.passes.pipeline import PIPELINE, run_passes

PROGRAMS = {name: (program, args, loss) for name, (program, args) in STATISTICS.items()}
PROGRAMS |= {name: (norms_and_clipped_sum(model), args, model) for name, (model, args) in MODELS.items()}
every_program = pytest.mark.parametrize("name", PROGRAMS)


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


def as_float(dtype, pytree):
    return tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf, pytree)


@functools.cache
def formed(name):
    """(arguments that float32 holds, the results in float64 of the program that forms all gradients)."""
    program, args, _ = PROGRAMS[name]
    args = as_float(np.float64, as_float(np.float32, args))
    return args, program(*args)


@every_program
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_results_are_those_of_formed_gradients(name, dtype, tolerance):
    args, wanted = formed(name)
    got = jit(PROGRAMS[name][0])(*as_float(dtype, args))
    for mine, other in zip(tree.leaves(got), tree.leaves(wanted), strict=True):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * np.abs(other).max())


@every_program
def test_the_plan_is_as_it_was(name, golden):
    program, args, _ = PROGRAMS[name]
    golden(f"contractions/{name}.txt", "\n".join(outer_products(opened(make_jaxpr(program)(*args)))))


def test_no_golden_file_is_left_over():
    assert {path.stem for path in (GOLDEN / "contractions").glob("*.txt")} <= set(PROGRAMS)


@every_program
def test_no_per_example_gradient_is_formed(name):
    program, (params, *batch), _ = PROGRAMS[name]
    weight = max([leaf.size for leaf in tree.leaves(params)])
    assert largest(opened(make_jaxpr(program)(params, *batch))) < len(batch[0]) * weight / 1.5


# -------------------------------------------------------------------------------------------------------------- memory


def arena(function, *args):
    """The bytes that the program on two threads takes beside its arguments and results."""
    return plan_program(opened(make_jaxpr(function)(*args)), 2)[1].bytes


def size(pytree):
    return sum([leaf.nbytes for leaf in tree.leaves(pytree)])


def ordinary(model):
    """The gradient of the sum of the examples' losses: no example has its own."""

    def total(params, *batch):
        return np.sum(vmap(model, (None, *[0] * len(batch)))(params, *batch))

    return grad(total)


@every_program
def test_memory_is_that_of_an_ordinary_gradient_and_of_three_arrays_like_params(name):
    program, (params, *batch), model = PROGRAMS[name]
    assert len(batch[0]) >= 12, "the gradients of all examples are as many arrays like params"
    assert arena(program, params, *batch) <= arena(ordinary(model), params, *batch) + 3 * size(params)


def test_norms_in_chunks_take_the_memory_of_a_chunk():
    program, (params, x, y), model = PROGRAMS["norms_in_chunks"]
    results = 8 * len(x)
    assert arena(program, params, x, y) <= arena(ordinary(model), params, x[:256], y[:256]) + 2 * results


@pytest.mark.parametrize("name", ["clipped_sum", "norms_in_chunks", "long_short_term"])
def test_a_call_takes_the_memory_that_was_planned(name):
    program, args, _ = PROGRAMS[name]
    compiled, peaks = jit(program), []
    compiled(*args)

    def call():
        compiled(*args)
        peaks.append(tracemalloc.get_traced_memory()[1])

    thread = threading.Thread(target=call)  # a new thread has no memory of earlier calls
    tracemalloc.start()
    thread.start()
    thread.join()
    tracemalloc.stop()
    planned = arena(program, *args)
    assert planned <= peaks[0] <= planned + size(compiled(*args)) + 50_000


def test_without_the_pass_they_are_formed():
    plain = run_passes(make_jaxpr(clipped_sum)(PARAMS, X, Y), PIPELINE)
    assert largest(plain) >= B * 40 * 50


@pytest.mark.parametrize("steps, kept", [(4, True), (200, False)])
def test_gradients_are_formed_where_there_are_more_steps_than_features(steps, kept):
    def step_norms(w, x):
        grads = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2)), (None, 0))(w, x)
        return np.sqrt(squares(grads))

    w, x = RNG.standard_normal((40, 50)) / 6, RNG.standard_normal((3, steps, 40))
    same(step_norms, w, x)
    shapes = {output.type.shape for e in opened(make_jaxpr(step_norms)(w, x)).equations for output in e.outputs}
    assert ((3, 40, 50) not in shapes) == kept


# --------------------------------------------------------------------------------------------------------- convolutions


IMAGES, LABELS = RNG.standard_normal((64, 12, 12, 3)), RNG.integers(0, 10, 64)
small_and_large = pytest.mark.parametrize("side", [6, 12])


@small_and_large
def test_gradients_of_kernels(side):
    same(norms_and_clipped_sum(convolutional), KERNELS, IMAGES[:, :side, :side], LABELS)


@small_and_large
def test_gradients_of_kernels_are_formed_in_tiles_if_at_all(side):
    """With few places of an image they are contracted; with many it is as well to form them one after the other."""
    program, args = norms_and_clipped_sum(convolutional), (KERNELS, IMAGES[:, :side, :side], LABELS)
    _, block, *_ = plan_program(opened(make_jaxpr(program)(*args)), 2)
    tiled = {buffer for item in block.items if isinstance(item, Region) for buffer in item.rows}
    whole = {buffer.size for buffer in block.buffers if buffer not in tiled}
    assert not whole & {len(LABELS) * kernel.size for kernel in KERNELS["kernels"]}


# -------------------------------------------------------------------------------------------------------- embeddings


@pytest.mark.parametrize("model", [bag, sequence, tied])
def test_short_indices_are_compared_in_full(model):
    program, words = norms_and_clipped_sum(model), WORDS.astype(np.int16)
    same(program, TABLE, words)
    assert largest(opened(make_jaxpr(program)(TABLE, words))) < B * TABLE.size / 3


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


def test_what_touches_no_row_changes_none():
    def model(table, words):
        return np.sum(np.tanh(np.mean(table[words], axis=0)))  # NaN

    def times_table(table, words):
        return np.sum(vmap(grad(model), (None, 0))(table, words) * table, axis=(1, 2))

    with np.errstate(divide="ignore", invalid="ignore"):
        same(times_table, TABLE, np.zeros((B, 0), int))


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


@pytest.mark.parametrize("x_dtype, w_dtype", [("float64", "float32"), ("float32", "float64")])
def test_gradients_that_are_rounded_to_the_dtype_of_weights(x_dtype, w_dtype):
    """As users have them whose data are float64: products of float64 make gradients of float32."""
    program, (w, x) = norms_and_clipped_sum(two_towers), MODELS["two_towers"][1]
    w, x = w.astype(w_dtype), x.astype(x_dtype)
    wanted = program(w.astype(np.float64), x.astype(np.float64))
    for mine, other in zip(jit(program)(w, x), wanted):
        assert mine.dtype == np.promote_types(w_dtype, "float32")
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5 * np.abs(other).max())
    assert largest(opened(make_jaxpr(program)(w, x))) < B * w.size / 3


def test_updates_that_are_dropped_may_be_nan():
    """What is read out of bounds is NaN, and so is the derivative of a function of it; its place is nowhere."""

    def model(table, words):
        rows = np.take(table, words, axis=0)
        return np.sum(np.where(np.abs(words[:, None]) < 250, np.log(rows**2 + 1), 0))

    program = norms_and_clipped_sum(model)
    same(program, TABLE, WORDS)
    assert np.all(np.isfinite(jit(program)(TABLE, WORDS)[0])) and np.any(WORDS >= 250)
    assert largest(opened(make_jaxpr(program)(TABLE, WORDS))) < B * TABLE.size / 3


# -------------------------------------------------------------------------------------------------------------- forms


def on_the_diagonal(v, x):
    return np.sum(np.tanh(x @ np.diag(v)))


def diagonal_of(w, x):
    return np.sum(np.tanh(x * np.diag(w)))


def added_to_the_diagonal(w, x):
    return np.sum(np.tanh(x @ (w + np.eye(40))))


def masked(w, x):
    return np.sum(np.tanh(x @ (w * np.tri(40))))


def lower_triangle(w, x):
    return np.sum(np.tanh(x @ np.tril(w)))


def reversed_rows(w, x):
    return np.sum(np.tanh(x @ w[::-1]))


def every_other_row(w, x):
    return np.sum(np.tanh(x[::2] @ w[::2]))


def a_block(w, x):
    return np.sum(np.tanh(x[:30] @ w[:30, 5:]) * 2)


@pytest.mark.parametrize("model, contracted", [
    (on_the_diagonal, True), (added_to_the_diagonal, True), (masked, True), (diagonal_of, False),
    (lower_triangle, False), (reversed_rows, False), (every_other_row, False), (a_block, False),
])  # fmt: skip
def test_weights_in_and_from_structured_matrices(model, contracted):
    program, w = norms_and_clipped_sum(model), RNG.standard_normal((40, 40)) / 6
    w = w[0] if model is on_the_diagonal else w
    same(program, w, X)
    assert (largest(opened(make_jaxpr(program)(w, X))) < B * 40 * 40 / 3) == contracted


def test_parts_of_an_array_that_overlap_and_are_added_to():
    noise = RNG.standard_normal(60)

    def model(w, x):
        return np.sum(np.tanh(x @ w[:, :40]) + np.sin(x @ w[:, 20:])[:40])

    def steps(w, x):
        g = vmap(grad(model), (None, 0))(w, x)
        return squares(g + noise), np.sum(g * noise, axis=0), np.mean(g[:, :, 10:50] ** 2, axis=0), g[:3]

    w = RNG.standard_normal((40, 60)) / 6
    w = np.concatenate([w, w[:, :20]], axis=1)[:, :60]
    same(steps, w, X)


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
    plan = contractions.Contractions(jaxpr, 10)
    assert max(map(len, plan.components)) < 20  # decided one by one
    assert largest(contractions.contracted(jaxpr, 10)) < 8 * 400


def test_what_saves_little_is_left_as_it_was_written():
    def mean_loss(params, x, y):
        return np.mean(vmap(loss, (None, 0, 0))(params, x, y))

    plain = run_passes(make_jaxpr(grad(mean_loss))(PARAMS, X, Y), PIPELINE)
    assert contractions.contracted(plain, 10) is plain


def mean_of_rows(table, words):
    return np.sum(np.sin(np.mean(table[words], axis=0)))


def each_row_for_itself(table, words):
    return np.sum(np.sin(table[words]) * np.arange(1.0, 1 + len(words))[:, None])


def chosen_columns(table, words):
    return np.sum(np.cos(np.take_along_axis(table[:3], words[None], axis=1)))


@pytest.mark.parametrize("model", [mean_of_rows, each_row_for_itself, chosen_columns])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_updates_of_one_index_are_added_up_in_rows_of_their_own(model, dtype):
    rng = np.random.default_rng(0)
    table = rng.standard_normal((1000, 1000)).astype(dtype)
    words = rng.integers(-1000, 1000, (5, 200))  # places come twice, also counted from the end
    words[2, :7], words[3, 9], words[3, 10] = 5, -150, 850

    def norms(table, words):
        grads = vmap(grad(model), (None, 0))(table, words)
        return np.sqrt(np.sum(grads**2, axis=(1, 2)))

    program = opened(make_jaxpr(norms)(table, words))
    assert "first_equal" in [equation.primitive.name for equation in program.equations]
    assert largest(program) < len(words) * table.size
    expected = norms(table.astype("float64"), words)
    np.testing.assert_allclose(jit(norms)(table, words), expected, rtol=1e-12 if dtype == "float64" else 1e-5)


def test_updates_of_two_examples_with_each_other():
    """Rows of their own are counted for each example: those of two examples have nothing to do with each other."""
    rng = np.random.default_rng(1)
    table, factors = rng.standard_normal((3000, 16)), rng.standard_normal((48, 16))
    words = rng.integers(0, 40, (3, 3, 48))

    def products(table, words):
        of_one = vmap(vmap(grad(lambda table, words: np.sum(factors * np.tanh(table[words]))), (None, 0)), (None, 0))
        grads = of_one(table, words)
        return np.einsum("abve,bave->ab", grads, grads)

    np.testing.assert_allclose(jit(products)(table, words), products(table, words), rtol=1e-9)


# ------------------------------------------------------------------------------------------------- what is not a factor

LONG = np.broadcast_to(np.float64(3), (1, 200))


def over_a_sum(a, x):
    return np.sum(a[:, None] * LONG / np.sum(x[:, None] * LONG, axis=0), axis=1)


def squares_over_a_sum(a, x):
    total = np.sum(x[:, None] * LONG, axis=0)
    return np.sum((a[:, None, None] * a[None, :, None] / total) ** 2, axis=(1, 2))


@pytest.mark.parametrize("function", [over_a_sum, squares_over_a_sum])
def test_division_by_a_sum_is_not_by_its_summands(function):
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=50), 1 + np.abs(rng.normal(size=5))
    np.testing.assert_allclose(jit(function)(a, x), function(a, x), rtol=1e-12)


def test_a_quotient_is_as_precise_as_its_dtype():
    rng = np.random.default_rng(0)
    x, d, s = rng.normal(size=(64, 200)), rng.normal(size=(64, 300)), (1 + rng.uniform(size=64)).astype(np.float32)

    def norms(x, d, s):
        return np.sum((x[:, :, None] * d[:, None, :] / s[:, None, None]) ** 2, axis=(1, 2))

    np.testing.assert_allclose(jit(norms)(x, d, s), norms(x, d, s), rtol=1e-12)


def test_magnitudes_that_are_scattered():
    rng = np.random.default_rng(0)
    x, y, table = rng.normal(size=(6, 40)), rng.normal(size=(6, 50)), rng.normal(size=(300, 50))
    words = rng.integers(0, 300, (6, 40))

    def weighted_rows(x, y, table, words):
        sizes = np.abs(x[:, :, None] * y[:, None, :])
        rows = vmap(grad(lambda table, words, sizes: np.sum(table[words] * sizes)), (None, 0, 0))(table, words, sizes)
        return np.einsum("bvo,vo->b", rows, table)

    expected = weighted_rows(x, y, table, words)
    np.testing.assert_allclose(jit(weighted_rows)(x, y, table, words), expected, rtol=1e-12)


@pytest.mark.parametrize("narrow", ["float16", "float32"])
def test_what_is_narrowed_and_widened_again_is_rounded(narrow):
    x = np.random.default_rng(0).normal(size=(40, 30)) * 30

    def rounded(x):
        return (x @ x.T).astype(narrow).astype("float64")

    np.testing.assert_array_equal(jit(rounded)(x), rounded(x).astype(narrow))
    np.testing.assert_allclose(jit(rounded)(x), rounded(x), rtol=2 * np.finfo(narrow).eps)
