"""Reductions: NumPy's results over axes, masks and dtypes, eager, staged, batched; derivatives, also at edges."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, hessian, jit, vmap
from vgrad.config import config
from vgrad.errors import ShapeError

# fmt: off
SMOOTH = rows(
    ("sum", lambda np, x: np.sum(x), (2, 3)),
    ("sum axes", lambda np, x: np.sum(x, axis=(0, -1), keepdims=True), (2, 3, 4)),
    ("sum none", lambda np, x: np.sum(x, axis=()), (2, 3)),
    ("sum where", lambda np, x: np.sum(x, axis=1, where=[True, False, True], initial=2), (2, 3)),
    ("sum dtype", lambda np, x: np.sum(x, dtype=np.complex128), (2, 3)),
    ("sum method", lambda np, x: x.sum(0), (2, 3)),
    ("sum empty", lambda np, x: np.sum(x, axis=1), (2, 0)),
    ("add.reduce", lambda np, x: np.add(x, x).sum(), (2, 3)),
    ("prod", lambda np, x: np.prod(x), (2, 3)),
    ("prod axes", lambda np, x: np.prod(x, axis=(0, 2)), (2, 3, 2)),
    ("prod where", lambda np, x: np.prod(x, axis=0, where=[True, False, True], keepdims=True), (2, 3)),
    ("prod empty", lambda np, x: np.prod(x, axis=0), (0, 3)),
    ("mean", lambda np, x: np.mean(x), (2, 3)),
    ("mean axes", lambda np, x: np.mean(x, axis=(0, 1), keepdims=True), (2, 3, 4)),
    ("mean where", lambda np, x: np.mean(x, axis=1, where=[True, False, True]), (2, 3)),
    ("var", lambda np, x: np.var(x, axis=-1), (2, 3)),
    ("var ddof", lambda np, x: np.var(x, axis=(0, 1), ddof=1, keepdims=True), (2, 3)),
    ("var correction", lambda np, x: np.var(x, correction=2), (2, 3)),
    ("var where", lambda np, x: np.var(x, axis=1, where=[True, False, True]), (2, 3)),
    ("std", lambda np, x: np.std(x, axis=0), (4, 3)),
    ("average", lambda np, x: np.average(x, axis=1), (2, 3)),
    ("average weights", lambda np, x: np.average(x, axis=1, weights=[1, 2, 3]), (2, 3)),
    ("average returned", lambda np, x: np.average(x, axis=0, weights=[1, 2.5], returned=True), (2, 3)),
    ("average unweighted returned", lambda np, x: np.average(x, axis=0, returned=True, keepdims=True), (2, 3)),
    ("cumsum", lambda np, x: np.cumsum(x), (2, 3)),
    ("cumsum axis", lambda np, x: np.cumsum(x, axis=-2), (2, 3)),
    ("cumsum of rank 0", lambda np, x: np.cumsum(x), ()),
    ("cumprod", lambda np, x: np.cumprod(x, axis=1), (2, 4)),
    ("cumprod flat", lambda np, x: np.cumprod(x), (2, 3)),
    ("cumulative_sum", lambda np, x: np.cumulative_sum(x, axis=1, include_initial=True), (2, 3)),
    ("cumulative_prod", lambda np, x: np.cumulative_prod(x, include_initial=True), (3,)),
    ("nansum", lambda np, x: np.nansum(x, axis=0), (2, 3)),
    ("nanprod", lambda np, x: np.nanprod(x, axis=0), (2, 3)),
    ("nanmean", lambda np, x: np.nanmean(x, axis=0), (2, 3)),
    ("nancumsum", lambda np, x: np.nancumsum(x, axis=0), (2, 3)),
    ("nancumprod", lambda np, x: np.nancumprod(x, axis=0), (2, 3)),
    ("nanvar", lambda np, x: np.nanvar(x, axis=1, ddof=1), (2, 3)),
    ("nanstd", lambda np, x: np.nanstd(x, axis=1, keepdims=True), (2, 3)),
)

ORDERED = rows(
    ("max", lambda np, x: np.max(x), (2, 3)),
    ("max axes", lambda np, x: np.max(x, axis=(0, -1), keepdims=True), (2, 3, 4)),
    ("max initial", lambda np, x: np.max(x, axis=1, initial=0), (2, 3)),
    ("max where", lambda np, x: np.max(x, axis=1, initial=-9, where=[True, False, True]), (2, 3)),
    ("max of none with initial", lambda np, x: np.max(x, axis=1, initial=3), (2, 0)),
    ("max method", lambda np, x: x.max(axis=0), (2, 3)),
    ("amax", lambda np, x: np.amax(x, -1), (2, 3)),
    ("min", lambda np, x: np.min(x, axis=0), (2, 3)),
    ("min where", lambda np, x: np.min(x, axis=0, initial=9, where=[[True], [False]]), (2, 3)),
    ("amin", lambda np, x: np.amin(x), ()),
    ("nanmax", lambda np, x: np.nanmax(x, axis=0), (2, 3)),
    ("nanmin", lambda np, x: np.nanmin(x, axis=0, keepdims=True), (2, 3)),
)

DISCRETE = rows(
    ("argmax", lambda np, x: np.argmax(x), (2, 3)),
    ("argmax axis", lambda np, x: np.argmax(x, axis=-1, keepdims=True), (2, 3)),
    ("argmax keepdims", lambda np, x: np.argmax(x, keepdims=True), (2, 3)),
    ("argmin", lambda np, x: np.argmin(x, 0), (2, 3)),
    ("nanargmax", lambda np, x: np.nanargmax(x, axis=1), (2, 3)),
    ("nanargmin", lambda np, x: np.nanargmin(x), (2, 3)),
    ("all", lambda np, x: np.all(x, axis=1), (3, 2)),
    ("all of none", lambda np, x: np.all(x, axis=1), (3, 0)),
    ("any", lambda np, x: np.any(x, axis=(0, 1), keepdims=True), (2, 3, 4)),
    ("any where", lambda np, x: np.any(x, where=[False, True, False]), (2, 3)),
    ("count_nonzero", lambda np, x: np.count_nonzero(x, axis=0, keepdims=True), (2, 3)),
)
# fmt: on


@SMOOTH
def test_sums_and_products_agree_with_numpy(function, shapes):
    check_agreement(function, shapes, tolerance=1e-6)


@SMOOTH
def test_sums_and_products_map_over_any_axis(function, shapes):
    check_batches(function, shapes, tolerance=1e-12)


@SMOOTH
def test_sums_and_products_have_derivatives(function, shapes):
    check_derivatives(function, shapes)


@ORDERED
def test_extrema(function, shapes):
    check_agreement(function, shapes, ("float64", "float32", "int64"))
    check_batches(function, shapes)
    check_derivatives(function, shapes)


@DISCRETE
def test_positions_and_truths(function, shapes):
    check_agreement(function, shapes, ("float64", "int64", "bool", "complex128") if "arg" not in str(function) else ())
    check_batches(function, shapes)


def test_peak_to_peak():
    x = draw((2, 3), "float64")
    same(vnp.ptp(x, axis=1, keepdims=True), np.ptp(x, axis=1, keepdims=True))
    check_derivatives(lambda np, x: np.ptp(x, 0), [(3, 2)])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32, np.float16, np.complex64, np.bool_])
def test_dtypes_are_numpys(dtype):
    x = np.array([[1, 0, 3], [2, 5, 1]]).astype(dtype)
    for name in ("sum", "prod", "cumsum", "cumprod", "mean", "var", "std", "max", "nansum", "nanmean"):
        same(getattr(vnp, name)(x, axis=1), getattr(np, name)(x, axis=1), 1e-3)
    same(vnp.sum(x, dtype=np.complex64), np.sum(x, dtype=np.complex64))


def test_new_floats_have_the_default_dtype():
    with config(default_float="float32"):
        assert vnp.mean(np.arange(3)).dtype == np.float32
        assert vnp.var(np.arange(3)).dtype == np.float32
        assert vnp.median(np.arange(3)).dtype == np.float32


@pytest.fixture
def gaps():
    return np.array([[1.0, np.nan, 3.0, -2.0], [np.nan, 4.0, np.nan, 0.5]])


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min", "median"])
def test_nans_are_left_out(gaps, name, axis):
    function = getattr(np, "nan" + name)
    same(jit(lambda x: function(x, axis=axis))(gaps), function(gaps, axis=axis), 1e-12)
    gradient = grad(lambda x: np.sum(function(x, axis=axis)))(gaps)
    assert np.array_equal(gradient[np.isnan(gaps)], np.zeros(3))
    if axis is None:
        known = gaps[~np.isnan(gaps)]
        same(gradient[~np.isnan(gaps)], grad(lambda x: getattr(np, name)(x))(known), 1e-12)


def test_results_without_any_element():
    nothing = np.array([[np.nan, np.nan], [1.0, np.nan]])
    same(jit(lambda x: np.nansum(x, axis=1))(nothing), np.array([0.0, 1.0]))
    same(jit(lambda x: np.nanmax(x, axis=1))(nothing), np.array([np.nan, 1.0]))
    same(jit(lambda x: np.nanmin(x, axis=1))(nothing), np.array([np.nan, 1.0]))
    same(jit(lambda x: np.nanargmax(x, axis=1))(nothing), np.array([-1, 0]))
    with np.errstate(all="ignore"):
        same(jit(lambda x: np.nanmean(x, axis=1))(nothing), np.array([np.nan, 1.0]))
        same(vnp.mean(np.zeros((2, 0)), axis=1), np.full(2, np.nan))
        same(vnp.var(np.ones(1), ddof=1), np.float64(np.nan))


def test_ties_share_the_derivative():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    shares = np.array([[0.0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    same(grad(lambda x: np.sum(np.max(x, axis=1)))(x), shares)
    same(grad(lambda x: np.sum(np.min(-x, axis=1)))(x), -shares)
    same(grad(lambda x: np.max(x, initial=3.0))(x[0]), np.array([0.0, 0.25, 0.25]))


def test_products_with_zeros_have_exact_derivatives():
    x = np.array([0.0, 2.0, 3.0])
    same(grad(np.prod)(x), np.array([6.0, 0.0, 0.0]))
    same(grad(np.prod)(np.array([0.0, 2.0, 0.0])), np.zeros(3))
    same(hessian(np.prod)(x), np.array([[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))
    same(grad(lambda x: np.sum(np.cumprod(x)))(x), np.array([1.0 + 2.0 + 6.0, 0.0, 0.0]))


def test_derivatives_of_the_spread_of_equal_elements():
    same(grad(np.var)(np.ones(3)), np.zeros(3))
    with np.errstate(all="ignore"):
        assert np.all(np.isnan(grad(np.std)(np.ones(3))))


def test_nan_wins():
    x = np.array([1.0, np.nan, 3.0])
    same(vnp.max(x), np.float64(np.nan))
    same(vnp.argmax(x), np.int64(1))
    same(vnp.argmin(x), np.int64(1))
    same(vmap(vnp.argmax)(np.stack([x, x[::-1]])), np.array([1, 1]))


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.max(np.ones((2, 0)), axis=1), r"(?s)max: zero-size array.*\(2, 0\).*initial="),
    (lambda: vnp.argmax(np.ones((2, 0)), axis=1), r"argmax of an empty sequence.*\(2, 0\)"),
    (lambda: vnp.sum(np.ones((2, 3)), where=np.ones(4) > 0), r"sum: where= of shape \(4,\).*\(2, 3\)"),
    (lambda: vnp.average(np.ones((2, 3)), axis=1, weights=np.ones(4)), r"average: weights of shape \(4,\).*\(2, 3\)"),
    (lambda: vnp.max(np.ones(3), where=np.ones(3) > 0), r"max: .*initial="),
    (lambda: vnp.cumulative_sum(np.ones((2, 3))), r"cumulative_sum: give axis=.*\(2, 3\)"),
    (lambda: vnp.var(np.ones(3), ddof=1, correction=1), r"ddof and correction"),
    (lambda: vnp.sum(np.ones((2, 3)), axis=2), r"sum: axis 2 is out of bounds"),
    (lambda: vnp.sum(np.ones((2, 3)), axis=(0, 0)), r"repeated axis in `sum`"),
    (lambda: vnp.sum(np.ones(3), out=np.ones(())), r"sum: out= is not supported"),
])
# fmt: on
def test_errors_say_what_does_not_fit(call, message):
    with pytest.raises((ShapeError, ValueError, TypeError), match=message):
        call()
