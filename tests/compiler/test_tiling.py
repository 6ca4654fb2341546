"""Programs whose regions run in several lanes and many small tiles: what is summed over tiles, what is read by whom."""

import numpy as np
import pytest

import vgrad.numpy
from tests.compiler.workloads import planned, same
from vgrad import grad, hessian, jit, lax, value_and_grad, vmap
from vgrad.compiler import gathering, indexing, products, regions
from vgrad.config import config

RNG = np.random.default_rng(0)
X, WEIGHTS, INNER = RNG.standard_normal((12, 5, 6)), RNG.standard_normal((6, 4)), RNG.standard_normal((4, 6))
TABLE, WORDS = RNG.standard_normal((7, 6)), RNG.integers(-9, 9, (12, 5))
LABELS = RNG.integers(-4, 4, (12, 5))


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Everything is worth a lane, nothing fits a cache, and every sum is added up lane by lane."""
    monkeypatch.setattr(regions, "CACHE", 64)
    monkeypatch.setattr(regions, "WORTH_A_LANE", 1e-12)
    monkeypatch.setattr(regions, "LEAST_ROWS", 1)
    for module in (products, indexing):
        monkeypatch.setattr(module, "adds_up", lambda size, target, threads: target.size == target.buffer.size)
    with config(num_threads=3):
        yield


def sequence_loss(weights, inner, x):
    hidden = np.tanh(x @ weights)
    scores = np.exp(hidden @ np.swapaxes(hidden, -1, -2))
    mixed = scores / np.sum(scores, axis=-1, keepdims=True) @ hidden
    return np.mean((mixed @ inner - x) ** 2)


def heads_loss(weights, inner, x):
    hidden = np.swapaxes((x @ weights).reshape(*x.shape[:-1], 2, 2), -2, -3)  # examples, heads, steps, features
    mixed = np.swapaxes(hidden @ np.swapaxes(hidden, -1, -2) @ hidden, -2, -3)
    return np.sum(np.sin(mixed.reshape(*x.shape[:-1], 4) @ inner))


def lookup_loss(table, words):
    return np.sum(np.cos(np.take(table, words, axis=0, mode="clip")) ** 2)


def label_loss(scores, labels):
    chosen = np.take_along_axis(scores, labels[..., None], axis=-1)[..., 0]
    return np.mean(np.log(np.sum(np.exp(scores), axis=-1)) - chosen)


@pytest.mark.parametrize("loss", [sequence_loss, heads_loss])
def test_gradients_of_weights_add_up(loss):
    same(value_and_grad(loss, (0, 1, 2)), WEIGHTS, INNER, X)
    same(vmap(grad(loss, (0, 1)), (None, None, 0)), WEIGHTS, INNER, X)


@pytest.mark.parametrize("loss", [sequence_loss, heads_loss])
def test_a_private_step_forms_no_per_example_gradient_whole(loss):
    def step(weights, inner, x):
        grads = vmap(grad(loss, (0, 1)), (None, None, 0))(weights, inner, x)
        norms = np.sqrt(sum(np.sum(g**2, axis=(1, 2)) for g in grads))
        return [np.tensordot(np.minimum(1, 1 / norms), g, 1) for g in grads]

    same(step, WEIGHTS, INNER, X)
    arenas = [planned(step, WEIGHTS, INNER, np.tile(X, (n, 1, 1)))[2].bytes for n in (1, 8)]
    assert arenas[1] - arenas[0] < 7 * len(X) * WEIGHTS.nbytes / 2


def test_what_is_summed_over_examples_is_not_kept():
    """Scratch is as large as a tile: twice the examples need no more memory."""
    arenas = [planned(grad(sequence_loss, (0, 1)), WEIGHTS, INNER, np.tile(X, (n, 1, 1)))[2].bytes for n in (1, 8)]
    assert arenas[0] == arenas[1]


def test_convolutions_add_up(monkeypatch):
    monkeypatch.setattr(gathering, "SCRATCH", 1000)
    monkeypatch.setattr(gathering, "LEAST", 2)

    def loss(first, second, image):
        def convolved(kernel, image):
            return lax.conv_general_dilated(image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

        hidden = np.tanh(convolved(first, image[None]))
        hidden = lax.reduce_window(hidden, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return np.mean(np.cos(convolved(second, hidden)))

    def clipped_sum(first, second, images):
        grads = vmap(grad(loss, (0, 1)), (None, None, 0))(first, second, images)
        squares = sum(np.sum(g**2, axis=(1, 2, 3, 4)) for g in grads)
        return [np.einsum("b,b...->...", 1 / np.sqrt(squares), g) for g in grads]

    args = RNG.standard_normal((3, 3, 2, 6)), RNG.standard_normal((2, 2, 6, 3)), RNG.standard_normal((7, 6, 9, 2))
    same(clipped_sum, *args)
    same(grad(lambda *args: np.mean(vmap(loss, (None, None, 0))(*args)), (0, 1)), *args)


def test_embeddings_add_up():
    same(grad(lookup_loss), TABLE, WORDS)
    same(vmap(grad(lookup_loss), (None, 0)), TABLE, WORDS)
    same(lambda t, w: np.sum(vmap(grad(lookup_loss), (None, 0))(t, w) ** 2, axis=(1, 2)), TABLE, WORDS)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
def test_the_gradient_of_a_choice_needs_no_scatter(dtype):
    labels = (LABELS % 4 if dtype is np.uint8 else LABELS).astype(dtype)
    scores = RNG.standard_normal((12, 5, 4))
    same(grad(label_loss), scores, labels)
    same(vmap(grad(label_loss)), scores, labels)
    _, context, _ = planned(vmap(grad(label_loss)), scores, labels)
    assert not any("if " in source.text for source in context.sources)


def test_a_choice_out_of_bounds_is_dropped():
    def marked(place):
        return vgrad.numpy.zeros((12, 4)).at[np.arange(12), place].add(1.0)

    place = np.array([0, 1, 2, 3, -1, -4, -5, 4, 100, -100, 2**40, -(2**40)])
    wanted = np.zeros((12, 4))
    for row, each in enumerate(place):
        if -4 <= each < 4:
            wanted[row, each] = 1
    np.testing.assert_array_equal(jit(marked)(place), wanted)


def test_rows_of_their_own_are_read_and_written_in_place():
    def diagonal(x):
        rows = np.arange(5)
        return x[:, rows, rows], np.take_along_axis(x, np.arange(6)[::-1][None, None], axis=2)

    same(diagonal, X)
    same(grad(lambda x: sum(np.sum(each**3) for each in diagonal(x))), X)


def test_a_branch_does_not_keep_what_follows_it():
    def function(x):
        y = lax.cond(np.sum(x) < 1e9, lambda x: np.sum(x, axis=0, keepdims=True) * np.ones_like(x), lambda x: x, x)
        return y * x

    same(function, X)


def test_gradients_of_slices_are_put_together():
    def loss(parameters, x):
        matrix, bias, readout = parameters[:24].reshape(6, 4), parameters[24:28], parameters[28:32]
        return np.mean(np.tanh(x @ matrix + bias) @ readout)

    parameters = RNG.standard_normal(33)
    same(grad(loss), parameters, X)
    same(vmap(grad(loss), (None, 0)), parameters, X)
    same(vmap(hessian(loss), (None, 0)), parameters, X)
    arena = planned(vmap(hessian(loss), (None, 0)), parameters, X)[2].bytes
    assert arena < len(X) * parameters.size**2 * 8  # less than one array of the result's size


def test_sums_of_slices_that_overlap_and_of_negative_zeros():
    def loss(x):
        return np.sum(x[:2] * -0.0) + np.sum(x[2:] * 0.0) + np.sum(x[1:3] * x[1:3])

    def zeros(x):
        return np.sum(x[:2] * -0.0) + np.sum(x[2:] * 0.0)

    same(grad(loss), np.arange(4.0))
    got, wanted = jit(grad(zeros))(np.ones(4)), grad(zeros)(np.ones(4))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


def test_expressions_that_are_asked_for_in_memory_after_others_read_them():
    """Sums over an axis of length 1, and single transposes, are views of expressions."""

    def sums(x, y):
        moved = x + 1
        return np.sum(moved**2), y @ np.sum(moved, axis=1), np.cumsum(np.sum(2 * moved, axis=1), axis=0)

    def contracted(x, y):
        made = np.einsum("aik,aij->ajk", x, y.T[:, None, :1]).reshape(12, 6)
        return np.sum(made**2, axis=0), y @ made

    def transposed(x, y):
        moved = y + 1
        return np.sum(moved**2, axis=0), np.einsum("ij->ji", moved) @ np.tanh(y), np.max(moved)

    for function in (sums, contracted, transposed):
        same(function, RNG.standard_normal((12, 1, 6)), RNG.standard_normal((20, 12)))
