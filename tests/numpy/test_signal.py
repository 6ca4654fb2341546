"""vgrad.numpy.signal against NumPy, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import grad, jit, vmap
from vgrad import numpy as vnp
from vgrad.errors import ShapeError
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
X, Y = rng.normal(size=7), rng.normal(size=4)
F = rng.normal(size=(4, 5, 3))
POINTS = np.array([0.0, 0.5, 1.5, 2.0, 4.0])
PLACES = np.array([[-1.0, 0.1, 0.7], [1.9, 3.0, 5.0]])

# name, operands, keywords, differentiable
CASES = [
    *[
        (name, operands, {"mode": mode}, True)
        for name in ("convolve", "correlate")
        for operands in ((X, Y), (Y, X), (X, X[:3]), (X, X), (X + 1j * X[::-1], Y - 2j), (Y - 2j, 1j * X), (X, X[:1]))
        for mode in ("full", "same", "valid")
    ],
    ("convolve", (np.arange(4), [1, 2]), {}, False),
    ("correlate", (X, Y), {}, True),
    ("interp", (PLACES, POINTS, X[:5]), {}, True),
    ("interp", (0.7, POINTS, X[:5]), {}, True),
    ("interp", (PLACES, POINTS, X[:5]), {"left": -3.0, "right": 2.0}, True),
    ("interp", (PLACES, POINTS[::-1], X[:5]), {"period": 4.6}, True),
    ("interp", (PLACES, POINTS, X[:5] + 1j), {}, True),
    ("interp", (PLACES, POINTS[:1], X[:1]), {}, False),
    ("interp", ([1, 2], [1, 2, 3], [3, 2, 0]), {}, False),
    ("diff", (F,), {}, True),
    ("diff", (F,), {"n": 2, "axis": 0}, True),
    ("diff", (F,), {"n": 0}, True),
    ("diff", (F,), {"n": 9}, True),
    ("diff", (X,), {"prepend": 0, "append": Y}, True),
    ("diff", (F,), {"axis": 1, "prepend": F[:, :2], "append": 1.0}, True),
    ("diff", (np.array([True, True, False]),), {}, False),
    ("diff", (np.arange(5) ** 2,), {"n": 2}, False),
    ("ediff1d", (F,), {}, True),
    ("ediff1d", (X,), {"to_end": [1.0, 2.0], "to_begin": 7.0}, True),
    ("ediff1d", (np.arange(4),), {"to_begin": 3}, False),
    ("gradient", (X,), {}, True),
    ("gradient", (F,), {}, True),
    ("gradient", (F, 0.5), {}, True),
    ("gradient", (F, 0.5, 2.0, np.array([0.0, 1.0, 3.0])), {}, True),
    ("gradient", (F, POINTS), {"axis": 1}, True),
    ("gradient", (F, POINTS, 0.3), {"axis": (1, 0), "edge_order": 2}, True),
    ("gradient", (X,), {"edge_order": 2}, True),
    ("gradient", (np.arange(5) ** 2,), {}, False),
    ("gradient", (np.float32(X),), {}, False),
    ("trapezoid", (F,), {}, True),
    ("trapezoid", (F,), {"dx": 0.5, "axis": 0}, True),
    ("trapezoid", (F, POINTS), {"axis": 1}, True),
    ("trapezoid", (F, F**2), {"axis": -2}, True),
    ("trapezoid", (np.arange(4), [0, 1, 4, 9]), {}, False),
    ("unwrap", (9 * X,), {}, True),
    ("unwrap", (9 * F,), {"axis": 0, "period": 3.0}, True),
    ("unwrap", (9 * X,), {"discont": 5.0}, True),
    ("unwrap", (np.array([0, 3, 8, 1, 5]),), {"period": 6}, False),
    ("unwrap", (np.array([0, 3, 8, 1, 5]),), {"period": 5}, False),
    *[(name, (size,), {}, False) for name in ("bartlett", "blackman", "hamming", "hanning") for size in (0, 1, 6)],
    *[("kaiser", (size, 2.5), {}, False) for size in (0, 1, 2, 7)],
]


def leaves(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def case_id(value):
    return ",".join(str(np.shape(x)) for x in value) if isinstance(value, tuple) else str(value)[:60]


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_values_and_dtypes_are_numpys(name, operands, keywords, differentiable):
    got, wanted = getattr(vnp, name)(*operands, **keywords), getattr(np, name)(*operands, **keywords)
    assert type(got) is type(wanted)
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        assert one.dtype == other.dtype
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_derivatives_vmap_and_jit(name, operands, keywords, differentiable):
    if not differentiable:
        return

    def function(*operands):
        return leaves(getattr(vnp, name)(*operands, **keywords))

    check_grads(function, operands, order=1)
    for got, wanted in zip(jit(function)(*operands), function(*operands), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    for number, operand in enumerate(operands):
        axes = tuple([0 if place == number else None for place in range(len(operands))])
        rows = np.stack([np.asarray(operand), 2 * np.asarray(operand)])
        stacked = [rows if place == number else other for place, other in enumerate(operands)]
        looped = [function(*[row if place == number else x for place, x in enumerate(operands)]) for row in rows]
        for got, *wanted in zip(vmap(function, axes)(*stacked), *looped, strict=True):
            np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-12, atol=1e-12)


def test_numpy_functions_on_tracers():
    def function(x):
        return np.convolve(x, Y).sum() + np.interp(x, POINTS, Y[0] * POINTS).sum() + np.gradient(np.diff(x)).sum()

    np.testing.assert_allclose(jit(function)(X), function(X))


@pytest.mark.parametrize("place, slope", [(-1.0, 0.0), (0.0, 2.0), (0.5, 2.0), (1.0, -1.0), (3.0, 3.0), (4.0, 0.0)])
def test_slope_of_interp_at_points_is_jaxs(place, slope):
    points, values = np.arange(4.0), np.array([1.0, 3.0, 2.0, 5.0])
    assert grad(vnp.interp)(place, points, values) == slope


def test_interp_extrapolates():
    points, values = np.arange(4.0), np.array([1.0, 3.0, 2.0, 5.0])
    got = vnp.interp(np.array([-1.0, 4.0]), points, values, left="extrapolate", right="extrapolate")
    np.testing.assert_allclose(got, [-1.0, 8.0])


def test_kaiser_is_differentiable_in_its_shape():
    check_grads(lambda beta: vnp.kaiser(6, beta), (2.5,), order=1)


def test_errors():
    for function, operands, text in [
        (vnp.convolve, (F, Y), r"two sequences that are not empty, got shapes \(4, 5, 3\) and \(4,\)"),
        (vnp.correlate, (X, Y[:0]), r"two sequences that are not empty, got shapes \(7,\) and \(0,\)"),
        (vnp.interp, (0.5, POINTS, X), r"got \(5,\) and \(7,\)"),
        (vnp.gradient, (X[:1],), r"shape \(1,\) is too small along axis 0"),
        (vnp.gradient, (X, POINTS), r"points of shape \(5,\) do not fit axis 0 of shape \(7,\)"),
    ]:
        with pytest.raises(ShapeError, match=text):
            function(*operands)
    with pytest.raises(ValueError, match='mode must be "full"'):
        vnp.convolve(X, Y, mode="other")
    with pytest.raises(ValueError, match="order must be non-negative but got -1"):
        vnp.diff(X, -1)
    with pytest.raises(TypeError, match="2 spacings do not fit 3 axes"):
        vnp.gradient(F, 1.0, 2.0)
