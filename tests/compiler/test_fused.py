"""Results of kernels that several operations share: what one has of its own must not serve another."""

import numpy as np
import pytest

from tests.compiler.workloads import same
from vgrad import grad, jit, lax

RNG = np.random.default_rng(3)


# -------------------------------------------------------------------------------------- slices that begin at one place


@pytest.mark.parametrize("start", [2, 9, 13, -1])
def test_slices_of_arrays_of_different_lengths(start):
    def both(x, y, start):
        return lax.dynamic_slice(x, (start,), (4,)) + lax.dynamic_slice(y, (start,), (4,))

    same(both, np.arange(10.0), 100 + np.arange(20.0), start)
    same(both, np.arange(20.0), 100 + np.arange(10.0), start)


def test_slices_of_rows_of_different_lengths():
    def both(x, y, start):
        return lax.dynamic_slice(x, (start, 0), (2, 3)) + lax.dynamic_slice(y, (start, 0), (2, 5))[:, :3]

    same(both, np.arange(30.0).reshape(10, 3), np.arange(50.0).reshape(10, 5), 4)


@pytest.mark.parametrize("start", [1, 5, 30])
def test_slices_of_different_lengths(start):
    def both(x, start):
        return lax.dynamic_slice(x, (start,), (4,)) * lax.dynamic_slice(x, (start,), (8,))[4:]

    same(both, np.arange(10.0), start)


@pytest.mark.parametrize("start", [3, 9])
def test_a_slice_of_one_array_is_written_to_another(start):
    def copied(x, y, start):
        return lax.dynamic_update_slice(x, 2 * lax.dynamic_slice(y, (start, 0), (1, 4)), (start, 0))

    same(copied, np.zeros((12, 6)), np.arange(24.0).reshape(6, 4), start)


def test_minibatches_of_examples_and_labels_in_a_loop():
    examples, labels, weights = RNG.normal(size=(40, 7)), RNG.normal(size=40), RNG.normal(size=7)

    def train(weights, examples, labels):
        def step(weights, number):
            x = lax.dynamic_slice(examples, (8 * number, 0), (8, 7))
            residuals = np.sum(x * weights, axis=1) - lax.dynamic_slice(labels, (8 * number,), (8,))
            return weights - 0.01 * np.sum(residuals[:, None] * x, axis=0), np.sum(residuals**2)

        return lax.scan(step, weights, np.arange(5))

    expected, losses = weights, []
    for x, y in zip(examples.reshape(5, 8, 7), labels.reshape(5, 8)):
        residuals = x @ expected - y
        expected = expected - 0.01 * residuals @ x
        losses.append(np.sum(residuals**2))
    got = jit(train)(weights, examples, labels)
    np.testing.assert_allclose(got[0], expected, rtol=1e-12)
    np.testing.assert_allclose(got[1], losses, rtol=1e-12)


# ---------------------------------------------------------------------- values that several passes over a row need


def used_last_first(x):
    largest = np.max(x, axis=1, keepdims=True)
    u = np.tanh(x)
    return (x - largest) * u, np.sum(u, axis=1)


def used_third_first(x):
    centred = x - np.mean(x, axis=1, keepdims=True)
    u = np.exp(-(x**2))
    normal = centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-5) * u
    return normal, np.max(u, axis=1), np.argmax(u, axis=1)


def used_in_all(x):
    u = np.sin(x)
    return (x / np.max(x)) * u, np.sum(u), np.sum(u * u)


@pytest.mark.parametrize("function", [used_last_first, used_third_first, used_in_all])
@pytest.mark.parametrize("shape", [(64, 300), (1, 30), (7, 1)])
def test_a_value_is_computed_before_all_that_need_it(function, shape):
    same(function, 1 + RNG.uniform(size=shape))


# ------------------------------------------------------------------------------------ values that are computed twice


def position_of_largest(a, b):
    return np.argmax(b * b - a * a, axis=1), np.max(b * b, axis=1)


def how_often_the_largest(a, b):
    z = b * b - a * a
    return np.sum(z == np.max(z, axis=1, keepdims=True), axis=1), np.max(b * b, axis=1)


@pytest.mark.parametrize("function", [position_of_largest, how_often_the_largest])
@pytest.mark.parametrize("shape", [(200, 3), (200, 30), (200, 67)])
def test_both_times_have_the_same_bits(function, shape):
    """One product of a difference may be rounded with it, but LLVM might choose the other one the next time."""
    same(function, *RNG.normal(size=(2, *shape)))


def test_the_derivative_of_a_maximum_finds_it():
    def loss(a, b):
        half = b * 0.5
        return np.sum(np.max(half - a * a, axis=1)) + np.sum(np.min(np.sin(half), axis=1))

    same(grad(loss, (0, 1)), *RNG.normal(size=(2, 200, 30)))
