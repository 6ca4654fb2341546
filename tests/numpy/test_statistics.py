"""Quantiles and covariance: NumPy's results, staged, batched; derivatives; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, jit, vmap
from vgrad.errors import ShapeError

METHODS = (
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased", "interpolated_inverted_cdf",
)  # fmt: skip

# fmt: off
QUANTILES = rows(
    ("median", lambda np, x: np.median(x), (2, 3)),
    ("median axis", lambda np, x: np.median(x, axis=-1, keepdims=True), (3, 4)),
    ("median axes", lambda np, x: np.median(x, axis=(0, 2)), (2, 3, 4)),
    ("median of rank 0", lambda np, x: np.median(x), ()),
    ("quantile", lambda np, x: np.quantile(x, 0.3), (2, 3)),
    ("quantiles", lambda np, x: np.quantile(x, [[0.3, 1], [0, 0.55]], axis=1), (3, 4)),
    ("quantiles keepdims", lambda np, x: np.quantile(x, [0.3, 1], axis=(0, -1), keepdims=True), (2, 3, 4)),
    ("percentile", lambda np, x: np.percentile(x, 30, axis=0), (4, 2)),
    ("percentiles", lambda np, x: np.percentile(x, [30, 60], axis=0), (4, 2)),
    ("nanmedian", lambda np, x: np.nanmedian(x, axis=1), (3, 4)),
    ("nanquantile", lambda np, x: np.nanquantile(x, [0.3, 1], axis=1), (3, 4)),
    ("nanpercentile", lambda np, x: np.nanpercentile(x, 30, keepdims=True), (3, 4)),
)

COVARIANCES = rows(
    ("cov", lambda np, x, y: np.cov(x), (2, 4), ()),
    ("cov of columns", lambda np, x, y: np.cov(x, rowvar=False), (4, 2), ()),
    ("cov of two", lambda np, x, y: np.cov(x, y), (2, 4), (4,)),
    ("cov of vectors", lambda np, x, y: np.cov(x, y, bias=True), (4,), (4,)),
    ("cov of one", lambda np, x, y: np.cov(x, ddof=0), (4,), ()),
    ("cov fweights", lambda np, x, y: np.cov(x, fweights=[1, 2, 1, 3]), (2, 4), ()),
    ("cov aweights", lambda np, x, y: np.cov(x, aweights=[1, 0.5, 2, 1]), (2, 4), ()),
    ("cov weights", lambda np, x, y: np.cov(x, aweights=[1, 0.5, 2, 1], fweights=[1, 2, 1, 3]), (2, 4), ()),
    ("corrcoef", lambda np, x, y: np.corrcoef(x), (3, 4), ()),
    ("corrcoef of two", lambda np, x, y: np.corrcoef(x, y), (4,), (4,)),
)
# fmt: on


@QUANTILES
def test_quantiles(function, shapes):
    check_agreement(function, shapes, ("float64", "float32", "int64"), tolerance=1e-6)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantiles(method):
    x = draw((3, 6), "float64")
    with_gaps = np.where(x > 1.5, np.nan, x)
    for q in (0.0, 0.1, 0.3, 0.5, 0.7, 1.0):
        for values in (x, x.astype(np.float32), x.astype(np.int64)):
            expected = np.quantile(values, q, axis=1, method=method)
            same(vnp.quantile(values, q, axis=1, method=method), expected, 1e-6)
        expected = np.nanquantile(with_gaps, q, axis=1, method=method)
        same(vnp.nanquantile(with_gaps, q, axis=1, method=method), expected, 1e-12)


def test_the_quantile_asked_for_may_be_traced():
    x = draw((5,), "float64")
    same(jit(np.quantile)(x, np.array([0.2, 0.5])), np.quantile(x, [0.2, 0.5]), 1e-12)
    ordered = np.sort(x)
    same(grad(lambda q: np.quantile(x, q))(0.3), 4 * (ordered[2] - ordered[1]), 1e-12)
    same(vmap(lambda q: np.percentile(x, q))(np.array([10.0, 80.0])), np.percentile(x, [10, 80]), 1e-12)


def test_derivatives_of_medians():
    same(grad(np.median)(np.array([3.0, 1.0, 2.0])), np.array([0.0, 0.0, 1.0]))
    same(grad(np.median)(np.array([3.0, 1.0, 2.0, 9.0])), np.array([0.5, 0.0, 0.5, 0.0]))
    same(grad(np.nanmedian)(np.array([3.0, np.nan, 2.0])), np.array([0.5, 0.0, 0.5]))


def test_nan_is_the_quantile_of_nan():
    x = np.array([[1.0, np.nan, 2.0], [1.0, 3.0, 2.0]])
    same(vnp.median(x, axis=1), np.array([np.nan, 2.0]))
    same(vnp.quantile(x, [0.5, 0.0], axis=1), np.array([[np.nan, 2.0], [np.nan, 1.0]]))
    same(jit(lambda x: np.nanmedian(x, axis=0))(np.full((2, 2), np.nan)), np.full(2, np.nan))
    same(grad(np.nanmedian)(np.full(3, np.nan)), np.zeros(3))


@COVARIANCES
def test_covariances(function, shapes):
    check_agreement(function, shapes, ("float64", "float32", "int64"), tolerance=1e-5)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


def test_complex_covariances():
    x = draw((3, 4), "complex128") * np.array([[1], [1j], [2]])
    same(vnp.cov(x), np.cov(x), 1e-12)
    same(vnp.corrcoef(x), np.corrcoef(x), 1e-12)


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.quantile(np.ones(3), 1.5), r"Quantiles must be in the range \[0, 1\]"),
    (lambda: vnp.percentile(np.ones(3), -1), r"Percentiles must be in the range \[0, 100\]"),
    (lambda: vnp.quantile(np.ones(3), 0.5, method="middle"), r"method must be one of .*'middle'"),
    (lambda: vnp.median(np.ones(3) * 1j), r"median: a must be an array of real numbers, got c128\[3\]"),
    (lambda: vnp.cov(np.ones((2, 3)), fweights=np.ones(4)), r"cov: fweights of shape \(4,\).*3 observations"),
    (lambda: vnp.cov(np.ones((2, 3, 4))), r"cov: .*\(2, 3, 4\)"),
])
# fmt: on
def test_errors_say_what_does_not_fit(call, message):
    with pytest.raises((ShapeError, ValueError, TypeError), match=message):
        call()
