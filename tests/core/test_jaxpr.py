"""Programs as data. Relies on vgrad.core.jaxpr."""

import linecache

import numpy as np

from vgrad.api import jit, make_jaxpr
from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var, fresh, subprograms
from vgrad.core.types import ArrayType, type_of
from vgrad.primitives.elementwise import mul, sin

F64 = ArrayType((), np.dtype(np.float64))


def test_variables_are_compared_by_identity():
    assert Var(F64) != Var(F64) and len({Var(F64), Var(F64)}) == 2
    assert [var.type for var in fresh([F64, np.float32(1)])] == [F64, type_of(np.float32(1))]


def test_a_literal_has_the_type_of_its_value():
    assert Literal(2.0).type == type_of(2.0) and Literal(np.float32(2)).type.dtype == np.float32


def test_a_program_knows_its_types():
    x, y = Var(F64), Var(F64)
    jaxpr = Jaxpr([x], [Equation(sin, [x], {}, [y])], [y, Literal(1)])
    assert jaxpr.input_types == (F64,) and jaxpr.output_types == (F64, type_of(1))
    assert repr(jaxpr) == "<Jaxpr 1 equations, f64[] -> f64[] i64[]>"


def test_what_is_derived_is_made_once():
    jaxpr, made = Jaxpr([], [], []), []
    for _ in range(2):
        assert jaxpr.derived("key", lambda: made.append(1) or "value") == "value"
    assert made == [1]


def test_subprograms_are_found():
    jaxpr = make_jaxpr(lambda x: jit(lambda y: mul(y, y))(x))(1.0)
    ((name, inner),) = subprograms(jaxpr.equations[0])
    assert name == "jaxpr" and [equation.primitive for equation in inner.equations] == [mul]
    assert list(subprograms(inner.equations[0])) == []


def test_equations_remember_the_line_of_the_user():
    jaxpr = make_jaxpr(lambda x: sin(x))(1.0)
    filename, line = jaxpr.equations[0].source
    assert filename == __file__ and "make_jaxpr" in linecache.getline(filename, line)
