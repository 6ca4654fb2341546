"""The check of programs. Relies on vgrad.core.typecheck."""

import numpy as np
import pytest

from vgrad.api import grad, jit, make_jaxpr, vmap
from vgrad.core.jaxpr import Equation, Jaxpr, Var
from vgrad.core.typecheck import JaxprError, typecheck
from vgrad.core.types import ArrayType
from vgrad.errors import ShapeError
from vgrad.primitives.elementwise import add, mul, sin

F64, F32 = ArrayType((2,), np.dtype(np.float64)), ArrayType((2,), np.dtype(np.float32))


def test_programs_of_transformed_functions_are_well_formed():
    def f(x):
        return mul(sin(x), jit(lambda y: mul(y, np.float64(2)))(x))

    jaxpr = make_jaxpr(vmap(grad(f)))(np.ones(3))
    assert typecheck(jaxpr) is jaxpr


def test_a_use_before_the_binding_is_found():
    x, y, unbound = Var(F64), Var(F64), Var(F64)
    with pytest.raises(JaxprError, match="add uses Var.* before it is bound"):
        typecheck(Jaxpr([x], [Equation(add, [x, unbound], {}, [y])], [y]))


def test_a_second_binding_is_found():
    x = Var(F64)
    with pytest.raises(JaxprError, match="bound twice"):
        typecheck(Jaxpr([x], [Equation(sin, [x], {}, [x])], [x]))
    with pytest.raises(JaxprError, match="bound twice"):
        typecheck(Jaxpr([x, x], [], [x]))


def test_a_wrong_declared_type_is_found():
    x, y = Var(F64), Var(F32)
    with pytest.raises(JaxprError, match=r"sin gives \['f64\[2\]'\] but is declared \['f32\[2\]'\]"):
        typecheck(Jaxpr([x], [Equation(sin, [x], {}, [y])], [y]))


def test_operands_that_do_not_fit_are_found():
    x, y, z = Var(F64), Var(ArrayType((3,), np.dtype(np.float64))), Var(F64)
    with pytest.raises(ShapeError, match=r"\(2,\), \(3,\)"):
        typecheck(Jaxpr([x, y], [Equation(add, [x, y], {}, [z])], [z]))


def test_an_unbound_output_is_found():
    with pytest.raises(JaxprError, match="output Var.* is not bound"):
        typecheck(Jaxpr([], [], [Var(F64)]))


def test_a_constant_of_another_type_is_found():
    x = Var(F64)
    with pytest.raises(JaxprError, match=r"holds an array of shape \(3,\)"):
        typecheck(Jaxpr([], [], [x], [(x, np.ones(3))]))


def test_programs_inside_are_checked():
    outer = make_jaxpr(jit(lambda x: sin(x)))(np.ones(2))
    x, y = Var(F64), Var(F32)
    broken = Jaxpr([x], [Equation(sin, [x], {}, [y])], [y])
    (equation,) = outer.equations
    hidden = Equation(equation.primitive, equation.operands, {**equation.params, "jaxpr": broken}, [Var(F32)])
    with pytest.raises(JaxprError, match="sin gives"):
        typecheck(Jaxpr(outer.inputs, [hidden], hidden.outputs, outer.constants))
