"""Every rewrite of the table is right: both sides of its example agree in values, types, derivatives and at edges."""

import inspect

import numpy as np
import pytest

from vgrad import jit, jvp, make_jaxpr
from vgrad.passes.algebra import RULES, joined_axes
from vgrad.passes.rewrite import with_rules


def arguments(rule, dtype, special):
    """(operand names, operands, params) of the rule's example; shapes become arrays where the pattern uses operands."""
    rng = np.random.default_rng(0)
    operands, params = {}, {}
    for name in inspect.signature(rule.before).parameters:
        value = rule.example[name]
        if name in "xyz":
            array = np.asarray(rng.normal(size=value), dtype)
            if special and array.size:
                array.reshape(-1)[:4] = [np.nan, np.inf, -np.inf, -0.0][: array.size]
            operands[name] = array
        else:
            params[name] = np.dtype(value) if name == "d" else value
    return operands, params


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_both_sides_agree(rule, dtype):
    if "d" in rule.example and dtype != rule.example["d"]:
        pytest.skip("the example is of one dtype")
    for special in (False, True):
        operands, params = arguments(rule, dtype, special)
        with np.errstate(all="ignore"):
            before = rule.before(**operands, **params)
            after = rule.after(**operands, **params)
        assert before.dtype == after.dtype and before.shape == after.shape
        np.testing.assert_allclose(before, after, rtol=1e-6 if dtype == "float32" else 1e-13)
        if "sum" not in rule.name:  # sums of -0.0 differ in sign by the order of adding
            numbers = ~np.isnan(before)  # the sign of a NaN means nothing
            np.testing.assert_array_equal(np.signbit(before)[numbers], np.signbit(after)[numbers])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_applies_to_its_example_and_shortens_the_program(rule):
    operands, params = arguments(rule, "float64", False)
    program = make_jaxpr(lambda *values: rule.before(**dict(zip(operands, values)), **params))(*operands.values())
    simplified = with_rules([rule])(program)
    used = {equation.primitive for equation in simplified.equations}
    assert str(simplified) != str(program)
    expected = make_jaxpr(lambda *values: rule.after(**dict(zip(operands, values)), **params))(*operands.values())
    assert {equation.primitive for equation in expected.equations} <= used or not expected.equations
    assert simplified.output_types == program.output_types


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_derivatives_agree(rule):
    operands, params = arguments(rule, "float64", False)
    values = tuple(operands.values())
    directions = tuple(np.cos(value) for value in values)
    before = jvp(lambda *v: rule.before(**dict(zip(operands, v)), **params), values, directions)[1]
    after = jvp(lambda *v: rule.after(**dict(zip(operands, v)), **params), values, directions)[1]
    np.testing.assert_allclose(before, after, rtol=1e-13)


def test_every_rule_says_why_and_names_are_different():
    assert all(rule.why for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_joined_axes_counts_axes_of_the_first_operand():
    assert joined_axes(np.ones((2, 3, 4, 5)), (1,), (0, 2)) == (0, 1, 3)


@pytest.mark.parametrize("x_dtype", ["int16", "float64", "int64", "uint8"])
@pytest.mark.parametrize("y_dtype", ["uint8", "int8", "int16", "float32"])
def test_negatives_wrap_around_in_their_own_dtype(x_dtype, y_dtype):
    x, y = np.array([10, 20], x_dtype), np.array([3, 4], y_dtype)
    y[1] = np.iinfo(y_dtype).min if y.dtype.kind in "iu" else -4
    for function in (lambda x, y: x + (-y), lambda x, y: x - (-y)):
        np.testing.assert_array_equal(jit(function)(x, y), function(x, y))
