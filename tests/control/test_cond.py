import numpy as np
import pytest

from tests.control.compositions import ALL, check
from vgrad import grad, jit, lax, linear_transpose, make_jaxpr, vmap
from vgrad.control.cond import cond
from vgrad.core.printer import summary
from vgrad.errors import ShapeError

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 3))


def python_cond(pred, true_fun, false_fun, *operands):
    """lax.cond as it is defined; both are run where the condition differs between examples."""
    return np.where(pred, true_fun(*operands), false_fun(*operands))


def python_switch(index, branches, *operands):
    results = [branch(*operands) for branch in branches]
    result = results[-1]
    for number in reversed(range(len(branches) - 1)):
        result = np.where(index <= number, results[number], result)
    return result


def two_sided(cond, switch):
    return lambda x: cond(x > 0.5, lambda x: np.sin(x) * x, lambda x: x**3, x)


def closing_over(cond, switch):
    return lambda x, y: cond(x > y, lambda: np.sin(x) * y, lambda: x**3 / y)


def constant_branch(cond, switch):
    return lambda x: cond(x > 0.75, lambda x: 1.0, lambda x: np.exp(x) * np.cos(x), x) * x


def many_residuals(cond, switch):
    """Residuals of the same and of different types in the branches; one is an operand."""

    def first(x, v):
        return np.sum(np.sin(v) * np.exp(v) * x)

    def second(x, v):
        return np.tanh(x) * np.cos(x) + np.sum(v * v)

    return lambda x, v: cond(np.sum(v) > x, first, second, x, v)


def three_ways(cond, switch):
    branches = [lambda x, y: x * y, lambda x, y: np.sin(x) * y, lambda x, y: y**2 * np.exp(x)]
    return lambda x, y: switch(np.floor(2 * x).astype(int), branches, x, y)


def inside_loops(cond, switch):
    scan = lax.scan

    def f(w, xs):
        def step(c, row):
            def inner(c):
                return scan(lambda d, e: (np.tanh(d * e + w * d), d), c, row)[0]

            c = cond(row[0] > 0, inner, lambda c: c * w + np.sin(c), c)
            return c, c

        return scan(step, 0.3, xs)[1].sum()

    return f


PROGRAMS = {
    "two sided": (two_sided, (0.7,)),
    "other side": (two_sided, (0.3,)),
    "closing over": (closing_over, (0.7, 0.65)),
    "constant branch": (constant_branch, (0.7,)),
    "many residuals": (many_residuals, (0.7, np.array([0.3, 0.5]))),
    "three ways": (three_ways, (0.7, 0.4)),
    "inside loops": (inside_loops, (0.8, X)),
}


@pytest.mark.parametrize("composition", ALL)
@pytest.mark.parametrize("program", PROGRAMS)
def test_cond_is_a_choice(program, composition):
    make, args = PROGRAMS[program]
    check(make(lax.cond, lax.switch), make(python_cond, python_switch), args, composition)


def test_only_the_branch_taken_is_run():
    poison = lambda x: x * np.float64(np.nan)
    assert lax.cond(True, lambda x: x, poison, 2.0) == 2.0
    assert grad(lambda x: lax.cond(x > 0, lambda x: x * x, poison, x))(2.0) == 4.0
    assert jit(grad(lambda x: lax.cond(x > 0, lambda x: x * x, poison, x)))(2.0) == 4.0


def test_a_condition_that_is_the_same_for_all_examples_stays_a_cond():
    def f(flag, x):
        return lax.cond(flag, np.sin, np.cos, x)

    assert summary(make_jaxpr(vmap(f, (None, 0)))(True, np.ones(3))) == {"cond": 1, "cos": 1, "sin": 1}
    counts = summary(make_jaxpr(vmap(f))(np.array([True, False]), np.ones(2)))
    assert "cond" not in counts and counts["select"] == 1
    np.testing.assert_allclose(vmap(f, (None, 0))(True, np.arange(3.0)), np.sin(np.arange(3.0)))


def test_a_known_condition_leaves_one_branch_for_the_derivative():
    jaxpr = make_jaxpr(grad(lambda x: lax.cond(True, np.sin, np.cos, x)))(1.0)
    assert "cond" not in [equation.primitive.name for equation in jaxpr.equations[1:]]


def test_residuals_of_the_same_type_share_a_slot():
    def f(flag, x):
        return lax.cond(flag, lambda x: np.sin(x), lambda x: np.exp(x), x)

    known, tangent = make_jaxpr(grad(f, 1))(True, 1.0).equations
    assert len(known.outputs) == 2  # the value, and one slot for cos(x) or exp(x)


def test_linear_transpose():
    def f(flag, x):
        return lax.cond(flag, lambda x: 2.0 * x[::-1], lambda x: np.cumsum(x), x)

    cotangent = np.array([1.0, 2.0, 3.0])
    for flag, wanted in ((True, [6.0, 4.0, 2.0]), (False, [6.0, 5.0, 3.0])):
        np.testing.assert_allclose(linear_transpose(lambda x: f(flag, x), np.ones(3))(cotangent)[0], wanted)
        transposed = jit(lambda flag, c: linear_transpose(lambda x: f(flag, x), np.ones(3))(c)[0])
        np.testing.assert_allclose(transposed(flag, cotangent), wanted)


def test_weak_outputs_take_the_dtype_of_the_other_branch():
    x = np.ones(2, np.float32)
    assert lax.cond(True, lambda x: x[0], lambda x: 0.0, x).dtype == np.float32
    assert lax.cond(False, lambda x: x[0], lambda x: 0.0, x).dtype == np.float32


def test_type_rule_checks_the_programs():
    branches = (make_jaxpr(np.sin)(1.0), make_jaxpr(np.cos)(1.0))
    index, scalar, vector = make_jaxpr(lambda i, x, v: 0)(True, 1.0, np.ones(3)).input_types
    assert [str(type_) for type_ in cond.output_type(index, scalar, branches=branches)] == ["f64[]"]
    with pytest.raises(ShapeError, match="cond"):
        cond.output_type(index, vector, branches=branches)
    with pytest.raises(ShapeError, match="cond"):
        cond.output_type(vector, scalar, branches=branches)
    with pytest.raises(ShapeError, match="cond"):
        cond.output_type(index, scalar, branches=(*branches, make_jaxpr(lambda x: x > 0)(1.0)))
