import numpy as np
import pytest

from tests.control.compositions import ALL, check
from vgrad import grad, jit, linear_transpose, make_jaxpr, vmap
from vgrad.core.printer import summary


def layered(jit):
    """Calls inside calls, an argument that is not used, an output that is an argument, a discrete output."""

    @jit
    def inner(x, unused):
        return np.sin(x) * x, x, np.floor(x)

    @jit
    def outer(x, y):
        first, same, rounded = inner(x, y)
        second, _, _ = inner(first * y, 3.0)
        return second + same * rounded

    return outer


def closing_over(jit):
    return lambda x, y: jit(lambda a: np.tanh(a * y) + y)(x) * y


def constant_output(jit):
    return lambda x, y: jit(lambda a, b: (a * 2, 1.0))(x, y)[1] * x + y


PROGRAMS = {"layered": layered, "closing over": closing_over, "constant output": constant_output}


@pytest.mark.parametrize("composition", ALL)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_call_is_the_function(program, composition):
    make = PROGRAMS[program]
    check(make(jit), make(lambda f: f), (1.7, 0.4), composition)


def test_the_derivative_of_a_call_is_a_call_of_each_part():
    jaxpr = make_jaxpr(grad(jit(lambda x: np.sin(x) * 2)))(1.0)
    assert [equation.params["name"] for equation in jaxpr.equations] == ["<lambda>", "transpose(linearized(<lambda>))"]
    assert summary(jaxpr)["sin"] == 1 and summary(jaxpr)["cos"] == 1


def test_an_output_without_derivative_leaves_no_tangent_part():
    jaxpr = make_jaxpr(grad(lambda x: jit(np.floor)(x) * x))(1.5)
    assert [equation.primitive.name for equation in jaxpr.equations] == ["jit", "mul", "mul"]


def test_linear_transpose():
    (got,) = linear_transpose(jit(lambda x: 3.0 * x[::-1]), np.ones(3))(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(got, [9.0, 6.0, 3.0])


def test_only_outputs_that_depend_on_examples_are_mapped():
    jaxpr = make_jaxpr(vmap(jit(lambda x, y: (x * 2, y * 2)), (0, None), (0, None)))(np.ones(3), 1.0)
    assert [str(type_) for type_ in jaxpr.output_types] == ["f64[3]", "f64[]"]
