"""vgrad.numpy.selection against NumPy; derivatives through selected and unselected branches."""

import numpy as np
import pytest

from vgrad import config, grad, jit, vmap
from vgrad.numpy.math import log
from vgrad.numpy.selection import (
    allclose,
    array_equal,
    array_equiv,
    clip,
    isclose,
    nan_to_num,
    piecewise,
    select,
    where,
)
from vgrad.testing import check_grads

X = np.array([[-1.5, -0.2, 0.3], [0.9, 1.4, 2.6]])
EDGES = np.array([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])
COMPLEX_EDGES = np.array([complex(a, b) for a in EDGES for b in EDGES])


def assert_numpys(got, wanted):
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "condition, x, y",
    [
        (X > 0, X, 0.0),
        (X > 0, X.astype(np.float32), 0.0),
        (X > 0, X.astype(np.float32), 1),
        (X > 0, 1, 2),
        (X > 0, 1, 2.5),
        (X[0] > 0, X[:, :1], X[1]),
        ([True, False, True], [1, 2, 3], 4.0),
        (np.array([0, 2, -1]), X, 1j),
        (True, X, 0.0),
        (X > 0, np.int8(3), np.uint8(4)),
        (np.zeros((0, 3), bool), X[:1], 0.0),
    ],
    ids=str,
)
def test_where_is_numpys(condition, x, y):
    assert_numpys(where(condition, x, y), np.where(condition, x, y))
    condition, x = np.asarray(condition), np.asarray(x)[()]
    assert_numpys(jit(where)(condition, x, y), np.where(condition, x, y))


def test_where_of_one_argument_gives_indices():
    for got, wanted in zip(where(X > 0), np.where(X > 0), strict=True):
        np.testing.assert_array_equal(got, wanted)
    with pytest.raises(ValueError, match="one argument or three"):
        where(X > 0, X)


def test_where_of_python_scalars_has_the_default_float():
    def scaled(flag):
        return where(flag > 0, 1.0, 2.0) * np.ones(2, np.float32)

    for flag in (1.0, np.ones(2)):
        with config(default_float="float32"):
            assert where(flag > 0, 1.0, 2.0).dtype == scaled(flag).dtype == jit(scaled)(flag).dtype == np.float32
    assert scaled(np.ones(2)).dtype == jit(scaled)(np.ones(2)).dtype == np.float64  # as in NumPy


def test_derivatives_of_where():
    check_grads(lambda x, y: where(X[0] > 0, x, y), (X, X[:, :1]), order=2)
    unsafe = grad(lambda x: where(x > 0, log(x), 0.0))
    safe = grad(lambda x: where(x > 0, log(where(x > 0, x, 1.0)), 0.0))
    assert np.isnan(unsafe(0.0))  # 0 * inf, as in JAX
    assert safe(0.0) == 0.0
    assert safe(2.0) == 0.5


def test_where_under_vmap_is_a_loop():
    wanted = np.stack([np.where(row > 0, row, X[1]) for row in X])
    np.testing.assert_array_equal(vmap(lambda row: where(row > 0, row, X[1]))(X), wanted)
    wanted = np.stack([np.where(flag, X, 0.0) for flag in (True, False)])
    np.testing.assert_array_equal(vmap(lambda flag: where(flag, X, 0.0))(np.array([True, False])), wanted)


@pytest.mark.parametrize("x", [X, X.astype(np.float32), EDGES, np.array([-2, 0, 5]), 0.7], ids=str)
@pytest.mark.parametrize("low, high", [(-1, 1), (0.0, None), (None, 2), (1, -1)])
def test_clip_is_numpys(x, low, high):
    wanted = np.clip(x, low, high)
    assert_numpys(clip(x, low, high), wanted)
    assert_numpys(clip(x, a_min=low, a_max=high), wanted)
    assert_numpys(clip(x, min=low, max=high), wanted)
    assert_numpys(jit(lambda x: clip(x, low, high))(x), wanted)


def test_clip_shares_its_derivative_at_a_limit():
    def gradients(*args):
        return grad(clip, (0, 1, 2))(*args)

    assert gradients(0.5, 0.0, 1.0) == (1.0, 0.0, 0.0)
    assert gradients(0.0, 0.0, 1.0) == (0.5, 0.5, 0.0)
    assert gradients(2.0, 0.0, 1.0) == (0.0, 0.0, 1.0)
    assert gradients(1.0, 1.0, 1.0) == (0.25, 0.25, 0.5)
    assert gradients(1.0, 3.0, 2.0) == (0.0, 0.0, 1.0)
    check_grads(clip, (X, np.array([-1.0, 0.0, 0.5]), 2.0), order=2)


def test_clip_refuses_what_is_ambiguous():
    with pytest.raises(ValueError, match="limit twice"):
        clip(X, 0, min=1)
    with pytest.raises(TypeError, match="out="):
        clip(X, 0, 1, np.empty_like(X))


@pytest.mark.parametrize("default", [0, 7.5])
@pytest.mark.parametrize("choices", [[X, X**2], [X.astype(np.float32), 3], [1, 2]], ids=["floats", "mixed", "ints"])
def test_select_is_numpys(choices, default):
    conditions = [X > 1, X > 0]
    assert_numpys(select(conditions, choices, default), np.select(conditions, choices, default))
    jitted = jit(lambda conditions: select(conditions, choices, default))
    assert_numpys(jitted(conditions), np.select(conditions, choices, default))


def test_derivatives_and_errors_of_select():
    check_grads(lambda x: select([x > 1, x < 0], [x**2, 3 * x], 7.0), (X,), order=2)
    with pytest.raises(ValueError, match="2 choices and 1 conditions"):
        select([X > 0], [X, X])
    with pytest.raises(ValueError, match="empty condition list"):
        select([], [])


PIECES = [
    (lambda x: [x < 0, x >= 0], [lambda x: -x, lambda x: x**2]),
    (lambda x: [x < 0], [lambda x: -x, 3.0]),
    (lambda x: [x < 1, x < 0], [lambda x: 2 * x, lambda x: -x]),
]


@pytest.mark.parametrize("conditions, functions", PIECES)
def test_piecewise_is_numpys(conditions, functions):
    wanted = np.piecewise(X, conditions(X), functions)
    assert_numpys(piecewise(X, conditions(X), functions), wanted)
    assert_numpys(jit(lambda x: piecewise(x, conditions(x), functions))(X), wanted)
    assert_numpys(vmap(lambda x: piecewise(x, conditions(x), functions))(X), wanted)
    check_grads(lambda x: piecewise(x, conditions(x), functions), (X,), order=2)


def test_piecewise_keeps_the_dtype_and_passes_arguments():
    x = np.arange(4)
    assert_numpys(piecewise(x, [x > 1], [lambda x: x / 4, 2.7]), np.piecewise(x, [x > 1], [lambda x: x / 4, 2.7]))
    assert_numpys(piecewise(X[0], X[0] > 0, [lambda x: 2 * x]), np.piecewise(X[0], X[0] > 0, [lambda x: 2 * x]))
    got = piecewise(X, [X > 0], [lambda x, a, b: a * x + b, 0], 2.0, b=1.0)
    assert_numpys(got, np.piecewise(X, [X > 0], [lambda x, a, b: a * x + b, 0], 2.0, b=1.0))
    with pytest.raises(ValueError, match="got 4 functions for 2 condition"):
        piecewise(X, [X > 0, X < 0], [1, 2, 3, 4])


def test_nan_to_num_is_numpys():
    for keywords in ({}, {"nan": 1.5}, {"posinf": 10, "neginf": -20.0}):
        for x in (EDGES, EDGES.astype(np.float32), COMPLEX_EDGES, np.arange(3), np.nan):
            assert_numpys(nan_to_num(x, **keywords), np.nan_to_num(x, **keywords))
            assert_numpys(jit(lambda x: nan_to_num(x, **keywords))(x), np.nan_to_num(x, **keywords))
    np.testing.assert_array_equal(vmap(grad(nan_to_num))(EDGES), [1, 1, 1, 0, 0, 0])
    with pytest.raises(TypeError, match="copy=False"):
        nan_to_num(EDGES, copy=False)


@pytest.mark.parametrize("equal_nan", [False, True])
def test_closeness_is_numpys(equal_nan):
    with np.errstate(invalid="ignore"):
        for a, b in [
            (EDGES[:, None], EDGES),
            (X, X * (1 + 1e-6)),
            (X, X + 1e-4),
            (np.arange(3), [0, 1, 3]),
            (True, False),
        ]:
            wanted = np.isclose(a, b, equal_nan=equal_nan)
            assert_numpys(isclose(a, b, equal_nan=equal_nan), wanted)
            assert allclose(a, b, equal_nan=equal_nan) == wanted.all()
            assert bool(jit(lambda: allclose(a, b, equal_nan=equal_nan))()) == wanted.all()
    np.testing.assert_array_equal(isclose(X, X + 0.1, rtol=0, atol=0.2), np.isclose(X, X + 0.1, rtol=0, atol=0.2))
    np.testing.assert_array_equal(isclose(np.uint8([1, 5]), np.uint8([2, 4]), atol=1), [True, True])


def test_equality_of_arrays():
    for a, b in [(X, X), (X, X + 1), (X, X[0]), (EDGES, EDGES), ([1, 2], (1.0, 2.0)), (np.ones((2, 3)), np.ones(3))]:
        assert bool(array_equal(a, b)) == np.array_equal(a, b)
        assert bool(array_equal(a, b, equal_nan=True)) == np.array_equal(a, b, equal_nan=True)
        assert bool(array_equiv(a, b)) == np.array_equiv(a, b)
    assert not array_equiv(np.ones(3), np.ones(2))
    np.testing.assert_array_equal(vmap(lambda x: array_equal(x, X[0]))(X), [True, False])
