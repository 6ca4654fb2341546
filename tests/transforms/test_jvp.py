"""Forward mode. Relies on vgrad.transforms.jvp."""

import numpy as np
import pytest

from vgrad.core.interpreter import Tracer
from vgrad.errors import UnexpectedTracerError
from vgrad.primitives.broadcasting import convert
from vgrad.primitives.elementwise import add, mul, sin
from vgrad.transforms.jvp import jvp


def test_primals_and_tangents():
    outputs, tangents = jvp(lambda x, y: [mul(x, sin(y))], [2.0, 3.0], [1.0, 10.0])
    np.testing.assert_allclose(outputs[0], 2 * np.sin(3.0))
    np.testing.assert_allclose(tangents[0], np.sin(3.0) + 10 * 2 * np.cos(3.0))


def test_zero_tangents_are_none():
    outputs, tangents = jvp(lambda x, y: [x, mul(y, y), 5.0], [2.0, 3.0], [1.0, None])
    assert (outputs, tangents) == ([2.0, 9.0, 5.0], [1.0, None, None])


def test_a_discrete_value_stops_the_tangent():
    (output,), (tangent,) = jvp(lambda x: [convert(x, dtype=np.dtype(np.int64))], [2.5], [1.0])
    assert (output, tangent) == (2, None)


def test_values_without_tangent_are_not_wrapped():
    kinds = []

    def f(x, y):
        kinds.append((type(y), isinstance(mul(y, 2.0), Tracer), isinstance(x, Tracer)))
        return [x]

    jvp(f, [1.0, 3.0], [1.0, None])
    assert kinds == [(float, False, True)]


def test_nesting_keeps_perturbations_apart():
    # d/dx (x * d/dy (x + y) at y = 1) = 1, not 2
    def outer(x):
        _, (inner,) = jvp(lambda y: [add(x, y)], [1.0], [1.0])
        return [mul(x, inner)]

    _, (tangent,) = jvp(outer, [3.0], [1.0])
    assert tangent == 1.0


def test_third_derivative():
    def derivative(f):
        return lambda x: jvp(lambda x: [f(x)], [x], [1.0])[1][0]

    np.testing.assert_allclose(derivative(derivative(derivative(sin)))(0.7), -np.cos(0.7))


def test_tracers_die_with_the_transformation():
    kept = []
    jvp(lambda x: [kept.append(x) or x], [1.0], [1.0])
    with pytest.raises(UnexpectedTracerError):
        jvp(lambda x: [kept[0]], [1.0], [1.0])
