"""Transpose: linear programs backward. Relies on vgrad.transforms.transpose."""

import numpy as np
import pytest

from vgrad.core.types import ArrayType
from vgrad.errors import NotDifferentiable
from vgrad.primitives.broadcasting import broadcast, reduce_sum
from vgrad.primitives.elementwise import add, mul, sin
from vgrad.transforms.linearize import linearize
from vgrad.transforms.transpose import backward, transpose

VECTOR = ArrayType((3,), np.dtype(np.float64))
X = np.arange(3.0)


def test_cotangents_of_a_function():
    _, linear = linearize(lambda x, y: [mul(sin(x), y), add(x, y)], [X, X + 1], [True, True])
    u, v = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    by_x, by_y = backward(linear, [u, v])
    np.testing.assert_allclose(by_x, u * np.cos(X) * (X + 1) + v)
    np.testing.assert_allclose(by_y, u * np.sin(X) + v)


def test_zero_cotangents_are_none_in_and_out():
    _, linear = linearize(lambda x, y: [mul(x, 2.0), mul(y, 3.0)], [X, X], [True, True])
    by_x, by_y = backward(linear, [np.ones(3), None])
    np.testing.assert_array_equal(by_x, np.full(3, 2.0))
    assert by_y is None


def test_an_operation_without_cotangent_is_not_run_backward():
    _, linear = linearize(lambda x: [mul(x, 2.0), sin(x)], [X], [True])
    assert backward(linear, [None, None]) == [None]


def test_uses_of_a_value_add_up():
    _, linear = linearize(lambda x: [add(x, x), x, x], [X], [True])
    np.testing.assert_array_equal(backward(linear, [np.ones(3)] * 3)[0], np.full(3, 4.0))


def test_backward_runs_many_times():
    _, linear = linearize(lambda x: [mul(x, x)], [X], [True])
    for _ in range(2):
        np.testing.assert_array_equal(backward(linear, [np.ones(3)])[0], 2 * X)


def test_cotangents_are_not_written_to():
    cotangent = np.ones(3)
    _, linear = linearize(lambda x: [x, x, mul(x, 2.0)], [X], [True])
    np.testing.assert_array_equal(backward(linear, [cotangent] * 3)[0], np.full(3, 4.0))
    np.testing.assert_array_equal(cotangent, np.ones(3))


def test_the_transpose_of_a_linear_function():
    def spread(x, scale):
        return [mul(broadcast(x, shape=(2, 3), axes=(1,)), scale), reduce_sum(x, axes=(0,))]

    by_x, by_scale = transpose(spread, [VECTOR, 10.0], [True, False], [np.ones((2, 3)), 5.0])
    np.testing.assert_array_equal(by_x, np.full(3, 25.0))
    assert by_scale is None


def test_what_is_not_linear_has_no_transpose():
    with pytest.raises(NotDifferentiable, match="sin is not linear"):
        transpose(lambda x: [sin(x)], [VECTOR], [True], [np.ones(3)])


def test_long_chains_do_not_recurse():
    def chain(x):
        for _ in range(5000):
            x = add(x, 1.0)
        return [x]

    _, linear = linearize(chain, [1.0], [True])
    assert backward(linear, [1.0]) == [1.0]
