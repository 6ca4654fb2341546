"""Linearize: the tape of a function's tangents. Relies on vgrad.transforms.linearize."""

import gc
import weakref

import numpy as np
import pytest

import vgrad
from vgrad import grad, lax
from vgrad.core.types import type_of
from vgrad.primitives.broadcasting import reduce_sum
from vgrad.primitives.elementwise import add, mul, sin
from vgrad.transforms.jvp import jvp
from vgrad.transforms.linearize import linearize


def function(x, y):
    return [mul(sin(x), y), reduce_sum(mul(x, x), axes=(0,)), y]


X, Y = np.arange(3.0), np.full(3, 2.0)


def test_the_tape_gives_the_tangents_of_forward_mode():
    directions = [np.ones(3), np.arange(3.0) + 1]
    outputs, linear = linearize(function, [X, Y], [True, True])
    wanted_outputs, wanted = jvp(function, [X, Y], directions)
    for got, other in zip(outputs + linear(directions), wanted_outputs + wanted):
        np.testing.assert_allclose(got, other)


def test_the_function_runs_once():
    runs = []
    _, linear = linearize(lambda x: runs.append(1) or [sin(x)], [X], [True])
    for _ in range(3):
        linear([np.ones(3)])
    assert runs == [1]


def test_inactive_inputs_and_constant_outputs_are_none():
    _, linear = linearize(function, [X, Y], [True, False])
    assert [tracer is None for tracer in linear.inputs] == [False, True]
    assert [tracer is None for tracer in linear.outputs] == [False, False, True]
    np.testing.assert_allclose(linear([np.ones(3), None])[0], np.cos(X) * Y)


def test_none_is_a_zero_tangent():
    _, linear = linearize(function, [X, Y], [True, True])
    np.testing.assert_allclose(linear([None, np.ones(3)])[0], np.sin(X))


def test_the_tape_holds_linear_operations_and_residuals():
    _, linear = linearize(lambda x, y: [mul(sin(x), y)], [X, Y], [True, True])
    operations = [equation.primitive.name for equation in linear.equations]
    assert sorted(operations) == ["add", "mul", "mul", "mul"] and not {"sin", "cos"} & set(operations)
    residuals = linear.residuals()
    assert len(residuals) == 3 and all(type_of(residual).shape == (3,) for residual in residuals)


def test_the_tape_itself_can_be_transformed():
    _, linear = linearize(lambda x: [mul(x, x)], [X], [True])
    outputs, tangents = jvp(lambda v: linear([v]), [np.ones(3)], [np.full(3, 5.0)])
    np.testing.assert_allclose(outputs[0], 2 * X)
    np.testing.assert_allclose(tangents[0], 10 * X)


def test_linearize_nests():
    def inner(x):
        _, linear = linearize(lambda y: [mul(mul(y, y), x)], [x], [True])
        return [add(linear([1.0])[0], 0.0)]  # 2 x * x

    _, linear = linearize(inner, [3.0], [True])
    assert linear([1.0]) == [12.0]


@pytest.mark.parametrize(
    "transform",
    [
        vgrad.grad,
        lambda f: lambda x: vgrad.vjp(f, x)[1](1.0),
        lambda f: lambda x: vgrad.linearize(f, x)[1](x),
        vgrad.value_and_grad,
    ],
)
def test_residuals_are_freed_without_the_garbage_collector(transform):
    alive = []

    def f(x):
        residual = np.exp(x)
        alive.append(weakref.ref(residual.concrete()))
        return np.sum(residual * residual)

    gc.disable()
    try:
        for _ in range(2):
            transform(f)(np.arange(3.0))
        assert [reference() for reference in alive] == [None, None]
    finally:
        gc.enable()


def test_arrays_of_the_user_may_change_after_they_were_used():
    def f(w):
        mask, total = np.ones(3), 0.0
        for position in range(3):
            mask[position] = 0.0
            total = total + np.sum(w * mask) + np.dot(mask, w) + np.sum(mask.reshape(3, 1) * w)
        return total

    np.testing.assert_array_equal(grad(f)(np.arange(3.0)), [3.0, 5.0, 7.0])


def test_what_stop_gradient_gives_cannot_be_changed_in_place():
    def f(x):
        y = lax.stop_gradient(x)
        y += 1.0
        return np.sum(x * y)

    x = np.arange(3.0)
    with pytest.raises(ValueError, match="read-only"):
        grad(f)(x)
    np.testing.assert_array_equal(x, np.arange(3.0))
