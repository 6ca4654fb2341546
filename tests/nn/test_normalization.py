"""vgrad.nn's functions along axes against their formulas."""

import numpy as np
import pytest
import scipy.special

from vgrad import grad, jit, nn, vmap
from vgrad.testing import check_grads

X = np.array([[-1.7, -0.6, 0.3, 0.9], [0.45, 1.2, 2.6, -0.4], [0.1, -0.2, 0.7, 1.1]])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def agree(function, wanted, x=X, order=2):
    """Values eager, under jit and under vmap of two copies; dtypes; derivatives."""
    for got in (function(x), jit(function)(x), vmap(function)(np.stack([x, x]))[1]):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert function(x.astype(np.float32)).dtype == jit(function)(x.astype(np.float32)).dtype == np.float32
    check_grads(lambda x: np.where(np.isfinite(wanted), function(x), 0), (x,), order=order)


@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None])
def test_softmax_and_log_softmax(axis):
    agree(lambda x: nn.softmax(x, axis), scipy.special.softmax(X, axis))
    agree(lambda x: nn.log_softmax(x, axis), scipy.special.log_softmax(X, axis))


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_softmax_of_the_elements_of_a_mask(axis):
    wanted = scipy.special.softmax(np.where(MASK, X, -INF), axis)
    agree(lambda x: nn.softmax(x, axis, where=MASK), wanted)
    agree(lambda x: nn.log_softmax(x, axis, MASK), np.log(wanted))


def test_softmax_at_edges():
    np.testing.assert_array_equal(nn.softmax([1e4, -1e4, 0]), [1, 0, 0])
    np.testing.assert_array_equal(nn.log_softmax([1e4, -1e4, 0]), [0, -2e4, -1e4])
    np.testing.assert_array_equal(nn.softmax([-INF, 1, 1]), [0, 0.5, 0.5])
    np.testing.assert_array_equal(nn.log_softmax([-INF, 1, 1]), [-INF, -np.log(2), -np.log(2)])
    np.testing.assert_array_equal(nn.softmax([INF, 1, 1]), [NAN] * 3)
    np.testing.assert_array_equal(nn.softmax(np.full(2, -INF)), [NAN, NAN])
    np.testing.assert_array_equal(grad(lambda x: nn.softmax(x)[1])(np.array([-INF, 1.0, 1.0])), [0, 0.25, -0.25])
    np.testing.assert_array_equal(grad(lambda x: nn.log_softmax(x)[1])(np.array([-INF, 1.0, 1.0])), [0, 0.5, -0.5])
    nothing = np.zeros((2, 3), bool)
    np.testing.assert_array_equal(nn.softmax(X[:2, :3], where=nothing), np.zeros((2, 3)))
    np.testing.assert_array_equal(grad(lambda x: nn.softmax(x, where=nothing).sum())(X[:2, :3]), np.zeros((2, 3)))
    assert nn.softmax(np.zeros((2, 0))).shape == (2, 0)
    assert nn.softmax([1, 2]).dtype == nn.log_softmax([1, 2]).dtype == np.float64


@pytest.mark.parametrize("axis, keepdims", [(None, False), (0, False), (-1, True), ((0, 1), True)])
def test_logsumexp_and_logmeanexp(axis, keepdims):
    total, mean = [np.log(f(np.exp(X), axis=axis, keepdims=keepdims)) for f in (np.sum, np.mean)]
    agree(lambda x: nn.logsumexp(x, axis=axis, keepdims=keepdims), total)
    agree(lambda x: nn.logmeanexp(x, axis, keepdims=keepdims), mean)
    masked = np.log(np.mean(np.exp(X), axis=axis, keepdims=keepdims, where=MASK))
    agree(lambda x: nn.logmeanexp(x, axis, MASK, keepdims), masked)


def test_logmeanexp_does_not_overflow():
    np.testing.assert_allclose(nn.logmeanexp(np.array([1e4, 1e4])), 1e4)
    assert nn.logmeanexp([1, 1]) == 1


STANDARDIZE = [
    {},
    {"axis": 0},
    {"axis": (0, 1), "epsilon": 0.1},
    {"axis": None},
    {"axis": 0, "where": MASK},
    {"algorithm": "stable"},
    {"mean": 0.25},
    {"mean": 0.25, "algorithm": "stable"},
    {"variance": 2.0},
    {"mean": [[0.25], [0.5], [1.0]], "variance": 2.0, "axis": 1},
]


@pytest.mark.parametrize("keywords", STANDARDIZE, ids=str)
def test_standardize(keywords):
    options = {"axis": -1, "mean": None, "variance": None, "epsilon": 1e-5, "where": None, **keywords}
    where = True if options["where"] is None else options["where"]
    average = lambda x: np.mean(x, options["axis"], keepdims=True, where=where)  # noqa: E731
    mean = average(X) if options["mean"] is None else options["mean"]
    variance = average((X - mean) ** 2) if "algorithm" in keywords else average(X**2) - np.square(mean)
    variance = variance if options["variance"] is None else options["variance"]
    wanted = (X - mean) / np.sqrt(variance + options["epsilon"])
    if isinstance(mean, list):
        np.testing.assert_allclose(nn.standardize(X, **keywords), wanted)
    else:
        agree(lambda x: nn.standardize(x, **keywords), wanted)


def test_standardize_at_edges():
    constant = np.full(3, 0.1)
    np.testing.assert_allclose(nn.standardize(constant), np.zeros(3), atol=1e-12)
    assert np.isfinite(grad(lambda x: nn.standardize(x)[0])(constant)).all()
    assert nn.standardize([1, 2]).dtype == np.float64
    far = 1e8 + np.arange(3.0)
    np.testing.assert_allclose(nn.standardize(far, algorithm="stable", epsilon=0), [-(1.5**0.5), 0, 1.5**0.5])
    with pytest.raises(ValueError, match="algorithm must be 'fast' or 'stable', got 'quick'"):
        nn.standardize(X, algorithm="quick")
