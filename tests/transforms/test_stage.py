"""Tracing a function to a program. Relies on vgrad.transforms.stage."""

import numpy as np
import pytest

from vgrad.api import grad, jit, make_jaxpr, vmap
from vgrad.config import config
from vgrad.core.types import ArrayType
from vgrad.errors import TracerBoolConversionError
from vgrad.primitives.elementwise import add, mul, sin
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage

VECTOR = ArrayType((3,), np.dtype(np.float64))
SCALAR = ArrayType((), np.dtype(np.float64))


def names(jaxpr):
    return [equation.primitive.name for equation in jaxpr.equations]


def test_operations_on_traced_values_are_recorded_in_order():
    jaxpr, outer = stage(lambda x, y: [mul(sin(x), y)], [VECTOR, VECTOR])
    assert names(jaxpr) == ["sin", "mul"] and outer == []
    assert jaxpr.input_types == (VECTOR, VECTOR) and jaxpr.output_types == (VECTOR,)


def test_operations_on_known_values_are_done_at_once():
    jaxpr, _ = stage(lambda x: [mul(x, sin(np.float64(1.0)))], [SCALAR])
    assert names(jaxpr) == ["mul"]
    assert jaxpr.equations[0].operands[1].value == np.sin(1.0)


def test_scalars_become_literals_and_arrays_constants():
    table = np.arange(3.0)
    jaxpr, _ = stage(lambda x: [add(mul(x, 2.0), table), add(x, table)], [VECTOR])
    assert len(jaxpr.constants) == 1  # the same array once
    np.testing.assert_array_equal(jaxpr.constants[0][1], table)


def test_a_program_does_not_change_when_the_users_array_does():
    table = np.arange(3.0)
    f = jit(lambda x: add(x, table))
    before = f(np.zeros(3))
    table[0] = 7.0
    np.testing.assert_array_equal(f(np.zeros(3)), before)


def test_an_array_changed_while_tracing_counts_as_two():
    table = np.zeros(3)

    def f(x):
        x = add(x, table)
        table[0] = 5.0
        return [add(x, table)]

    jaxpr, _ = stage(f, [VECTOR])
    np.testing.assert_array_equal(evaluate(jaxpr, np.zeros(3))[0], [5.0, 0.0, 0.0])


def test_a_constant_with_nan_is_one_constant():
    table = np.array([np.nan, 1.0, 2.0])
    jaxpr, _ = stage(lambda x: [add(mul(x, table), table)], [VECTOR])
    assert len(jaxpr.constants) == 1
    np.testing.assert_array_equal(evaluate(jaxpr, np.ones(3))[0], table + table)


def test_tracers_of_an_outer_transformation_become_leading_inputs():
    seen = []

    def outer(y):
        jaxpr, values = stage(lambda x: [mul(x, y)], [SCALAR])
        seen.append((len(jaxpr.inputs), values[0] is y))
        return evaluate(jaxpr, *values, 2.0)[0]

    np.testing.assert_array_equal(vmap(outer)(np.arange(3.0)), [0.0, 2.0, 4.0])
    assert seen == [(2, True)]


def test_weak_types_are_kept_where_no_array_takes_part():
    jaxpr = make_jaxpr(lambda x: mul(x, 2.0))(3.0)
    assert jaxpr.input_types[0].weak and jaxpr.output_types[0].weak
    assert not make_jaxpr(lambda x: mul(x, 2.0))(np.float64(3.0)).output_types[0].weak


@pytest.mark.parametrize("default", ["float64", "float32"])
def test_python_numbers_of_two_kinds_stay_weak(default):
    x = np.ones(2, np.float32)
    with config(default_float=default):
        for f in (lambda i, x: x + 0.5 * i, lambda i, x: x * (i + 1) - i / 2, lambda i, x: x ** (i * 1.0)):
            jaxpr = make_jaxpr(f)(2, x)
            assert jaxpr.output_types[0].dtype == jit(f)(2, x).dtype == f(2, x).dtype == np.float32
            np.testing.assert_allclose(jit(f)(2, x), f(2, x))
        assert make_jaxpr(lambda i: 0.5 * i)(2).output_types[0].weak
        assert jit(lambda i: 0.5 * i)(3).dtype == default


def test_promotion_in_a_program_does_not_depend_on_what_was_a_python_scalar():
    f = lambda x, y: add(x, y)
    x = np.ones(3, np.float32)
    assert f(x, 2.0).dtype == jit(f)(x, 2.0).dtype == np.float32
    assert f(x, np.float64(2.0)).dtype == jit(f)(x, np.float64(2.0)).dtype


def test_a_traced_value_has_no_truth():
    with pytest.raises(TracerBoolConversionError, match="depends on the arguments of jit"):
        stage(lambda x: [x if x else x], [SCALAR])


def test_one_number_spread_over_an_array_is_no_array_in_the_program():
    def loss(x, w):
        return np.mean((2.0 * x - w) ** 2)

    x = np.linspace(0, 1, 12).reshape(3, 4)
    program = make_jaxpr(grad(loss))(x, 1.0)
    assert not program.constants
    np.testing.assert_allclose(evaluate(program, x, 1.0)[0], (2 * x - 1) / 3)


def test_a_spread_number_meets_what_an_outer_transformation_holds():
    ones = np.broadcast_to(1.0, (3,))

    def f(a):
        return jit(lambda x: add(x, mul(ones, a)))(np.zeros(3))

    a = np.array([2.0, 3.0])
    np.testing.assert_array_equal(vmap(f)(a), [[2.0] * 3, [3.0] * 3])
    np.testing.assert_array_equal(vmap(grad(lambda a: np.sum(f(a))))(a), [3.0, 3.0])
    np.testing.assert_array_equal(jit(f)(2.0), [2.0] * 3)
