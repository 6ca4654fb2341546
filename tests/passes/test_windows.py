"""Gradients of convolutions by their input: sums of overlapping windows become windows, where that is cheap."""

import numpy as np
import pytest

from tests.passes.test_algebra import arguments
from vgrad import grad, lax, make_jaxpr
from vgrad.compiler.programs import opened
from vgrad.passes.rewrite import with_rules
from vgrad.passes.windows import RULES

CHANNELS_LAST = ("NHWC", "HWIO", "NHWC")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_both_sides_agree(rule, dtype):
    operands, params = arguments(rule, dtype, special=False)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for value in (None, np.nan, np.inf):  # in the cotangent: the kernel meets zeros that were not there
        if value is not None:
            operands["x"].flat[4] = value
        with np.errstate(invalid="ignore"):
            before, after = [side(**operands, **params) for side in (rule.before, rule.after)]
        assert before.dtype == after.dtype and before.shape == after.shape
        np.testing.assert_allclose(before, after, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_applies_to_its_example(rule):
    operands, params = arguments(rule, "float64", special=False)
    program = make_jaxpr(lambda x, y: rule.before(x, y, **params))(*operands.values())
    used = [equation.primitive.name for equation in with_rules([rule])(program).equations]
    assert "windows" in used and rule.why


def primitives_of_gradient(shape, kernel, strides, padding):
    def loss(k, x):
        return np.sum(lax.conv_general_dilated(x, k, strides, padding, dimension_numbers=CHANNELS_LAST) ** 2)

    program = opened(make_jaxpr(grad(loss, 1))(np.ones(kernel), np.ones(shape)))
    return [equation.primitive.name for equation in program.equations]


def test_a_gradient_by_the_input_is_a_product_of_windows():
    for padding in ("SAME", "VALID"):
        names = primitives_of_gradient((2, 16, 16, 3), (3, 3, 3, 4), (1, 1), padding)
        assert "overlap_add" not in names and names.count("contract") == 2


def test_windows_that_lie_apart_are_added_up():
    assert "overlap_add" in primitives_of_gradient((2, 16, 16, 3), (3, 3, 3, 4), (2, 2), "SAME")


def test_much_padding_would_cost_more_than_it_saves():
    assert "overlap_add" in primitives_of_gradient((2, 6, 6, 3), (4, 4, 3, 4), (1, 1), "VALID")
