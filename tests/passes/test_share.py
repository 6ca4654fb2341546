import numpy as np

from vgrad import make_jaxpr
from vgrad.core.typecheck import typecheck
from vgrad.passes.share import share_equal


def names(function, *args):
    return [equation.primitive.name for equation in typecheck(share_equal(make_jaxpr(function)(*args))).equations]


def test_equal_equations_are_done_once():
    assert names(lambda x: np.sin(x) * np.sin(x), 1.0) == ["sin", "mul"]


def test_sharing_goes_through_what_was_shared():
    assert names(lambda x: np.cos(np.sin(x)) + np.cos(np.sin(x)), 1.0) == ["sin", "cos", "add"]


def test_params_and_operands_tell_equations_apart():
    x = np.ones((2, 3))
    assert names(lambda x: np.sum(x, axis=0).sum() + np.sum(x, axis=1).sum(), x).count("reduce_sum") == 4
    assert names(lambda x, y: np.sin(x) + np.sin(y), 1.0, 2.0) == ["sin", "sin", "add"]


def test_literals_of_another_dtype_or_sign_are_another_operand():
    assert names(lambda x: (x * 0.0) + (x * -0.0), np.ones(2)) == ["mul", "mul", "add"]


def test_nan_literals_are_equal():
    assert names(lambda x: (x * np.nan) + (x * np.nan), np.ones(2)) == ["mul", "add"]
