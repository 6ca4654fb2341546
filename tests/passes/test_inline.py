import numpy as np

from vgrad import checkpoint, jit, make_jaxpr
from vgrad.core.typecheck import typecheck
from vgrad.passes.inline import inline_calls
from vgrad.transforms.evaluate import evaluate


def names(jaxpr):
    return [equation.primitive.name for equation in jaxpr.equations]


def test_calls_inside_calls_are_opened():
    inner = jit(np.sin)
    middle = jit(lambda x: inner(x) * inner(2 * x))
    program = make_jaxpr(lambda x: middle(x) + inner(x))(0.3)
    opened = typecheck(inline_calls(program))
    assert "jit" not in names(opened)
    assert names(opened).count("sin") == 3
    np.testing.assert_allclose(evaluate(opened, 0.3), [np.sin(0.3) * np.sin(0.6) + np.sin(0.3)])


def test_a_program_with_constants_called_twice_binds_them_apart():
    table = np.arange(3.0)
    scaled = jit(lambda x: x * table)
    program = make_jaxpr(lambda x: scaled(scaled(x)))(np.ones(3))
    opened = typecheck(inline_calls(program))
    np.testing.assert_array_equal(evaluate(opened, np.ones(3))[0], table**2)


def test_a_call_that_returns_its_argument():
    program = make_jaxpr(lambda x: jit(lambda y: (y, 2.0))(x))(np.ones(2))
    opened = typecheck(inline_calls(program))
    assert names(opened) == []
    assert evaluate(opened, np.ones(2))[1] == 2.0


def test_checkpoint_stays_closed():
    assert names(inline_calls(make_jaxpr(checkpoint(np.sin))(1.0))) == ["checkpoint"]
