"""Error and gamma functions of mathlib: their distance from mpmath's in last places; SciPy's values at edges.

Relies on vgrad.compiler.build for the loops around them.
"""

import ctypes
import functools

import mpmath
import numpy as np
import pytest
import scipy.special

from vgrad.compiler.build import KernelSource, compile_kernels

DTYPES = {"f32": np.float32, "f64": np.float64}
SCIPY_NAMES = {"lgamma": "gammaln"}
COUNT = 60  # operands per row of the table
DIGITS = 34


def erfcx(x):
    if x > 1000:
        return (1 - 1 / (2 * x**2) + 3 / (4 * x**4)) / (x * mpmath.sqrt(mpmath.pi))
    return mpmath.erfc(x) * mpmath.exp(x * x)


def log_ndtr(x):
    return mpmath.log(mpmath.ncdf(x)) if x < 0 else mpmath.log1p(-mpmath.ncdf(-x))


def lgamma(x):
    return mpmath.log(abs(mpmath.gamma(x))) if x < 100 else mpmath.loggamma(x)


def erf_inverse(x):
    """By Newton's method on the logarithm of the tail."""
    size = abs(x)
    if size < 0.5:
        return mpmath.erfinv(x)
    return mpmath.sign(x) * erfc_inverse(1 - size)


def erfc_inverse(c):
    y = mpmath.mpf(scipy.special.erfcinv(float(c)))
    for _ in range(2):
        tail = mpmath.erfc(y)
        y += mpmath.log(tail / c) * tail * mpmath.exp(y * y) * mpmath.sqrt(mpmath.pi) / 2
    return y


def ndtri(p):
    root = mpmath.sqrt(2)
    return root * erf_inverse(2 * p - 1) if 0.25 < p else -root * erfc_inverse(2 * p)


# function, mpmath's, interval (logarithmic if wide and positive), units in the last place, dtypes
BOTH, DOUBLE = ("f32", "f64"), ("f64",)
TABLE = [
    ("erf", mpmath.erf, (-1.1, 1.1), 2, BOTH),
    ("erf", mpmath.erf, (0.9, 6), 2, BOTH),
    ("erf", mpmath.erf, (1e-38, 1e-3), 2, BOTH),
    ("erfc", mpmath.erfc, (-6, 1), 4, BOTH),
    ("erfc", mpmath.erfc, (1, 10.5), 4, BOTH),
    ("erfc", mpmath.erfc, (10.5, 27.3), 4, DOUBLE),
    ("erfcx", erfcx, (0, 3), 4, BOTH),
    ("erfcx", erfcx, (1, 1e37), 4, BOTH),
    ("erfcx", erfcx, (-9.3, 0), 4, BOTH),
    ("erfcx", erfcx, (-26.6, -9), 4, DOUBLE),
    ("ndtr", mpmath.ncdf, (-6, 6), 4, BOTH),
    ("ndtr", mpmath.ncdf, (-14, -5), 4, BOTH),
    ("ndtr", mpmath.ncdf, (-38.5, -14), 4, DOUBLE),
    ("log_ndtr", log_ndtr, (-6, 3), 4, BOTH),
    ("log_ndtr", log_ndtr, (3, 12), 4, BOTH),
    ("log_ndtr", log_ndtr, (-200, -6), 4, BOTH),
    ("erfinv", erf_inverse, (-0.99, 0.99), 4, BOTH),
    ("erfinv", erf_inverse, (0.98, 0.9999999), 4, BOTH),
    ("erfinv", erf_inverse, (0.9999999, 0.9999999999999), 4, DOUBLE),
    ("ndtri", ndtri, (0.001, 0.999), 4, BOTH),
    ("ndtri", ndtri, (1e-37, 0.1), 4, BOTH),
    ("ndtri", ndtri, (1e-300, 1e-30), 4, DOUBLE),
    ("lgamma", lgamma, (0.01, 7), 4, BOTH),
    ("lgamma", lgamma, (0.95, 1.05), 4, BOTH),
    ("lgamma", lgamma, (1.95, 2.05), 4, BOTH),
    ("lgamma", lgamma, (6, 1e30), 4, BOTH),
    ("lgamma", lgamma, (1e-37, 0.1), 4, BOTH),
    ("lgamma", lgamma, (-0.99, -0.01), 4, BOTH),
    ("gamma", mpmath.gamma, (0.1, 7), 4, BOTH),
    ("gamma", mpmath.gamma, (1e-37, 0.1), 4, BOTH),
    ("gamma", mpmath.gamma, (6, 35), 4, BOTH),
    ("gamma", mpmath.gamma, (35, 171.6), 4, DOUBLE),
    ("gamma", mpmath.gamma, (-8, 0), 4, BOTH),
    ("gamma", mpmath.gamma, (-170, -8), 4, DOUBLE),
    ("digamma", mpmath.digamma, (0.01, 7), 4, BOTH),
    ("digamma", mpmath.digamma, (1.46, 1.463), 4, BOTH),
    ("digamma", mpmath.digamma, (5, 1e30), 4, BOTH),
    ("digamma", mpmath.digamma, (1e-37, 0.1), 4, BOTH),
    ("digamma", mpmath.digamma, (-0.4, -0.01), 4, BOTH),
]  # fmt: skip
NAMES = sorted({row[0] for row in TABLE})
EDGES = [
    0,
    -0.0,
    0.5,
    -0.5,
    1,
    -1,
    2,
    -2,
    3,
    -2.5,
    0.3,
    100,
    -100,
    1e-40,
    1e30,
    -1e30,
    1e300,
    np.inf,
    -np.inf,
    np.nan,
    6.5,
    172,
]


@functools.cache
def addresses():
    """{(name, kind): address of a kernel}, compiled together."""
    keys = [(name, kind) for name in NAMES for kind in DTYPES]
    text = "def kernel(x, out, size):\n    for i in range(size):\n        out[i] = {}_{}(x[i])\n"
    sources = [KernelSource(text.format(name, kind), (f"*{kind}", f"*{kind}", "i64")) for name, kind in keys]
    return dict(zip(keys, compile_kernels(sources)))


def compiled(name, kind, operands):
    result = np.empty_like(operands)
    words = np.array([operands.ctypes.data, result.ctypes.data, operands.size])
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses()[name, kind])(words.ctypes.data)
    return result


@pytest.mark.parametrize(("name", "exact", "domain", "bound", "kinds"), TABLE)
def test_distance_from_the_exact_value(name, exact, domain, bound, kinds):
    low, high = domain
    generator = np.random.default_rng(7)
    if low > 0 and high / low > 50:
        points = np.exp(generator.uniform(np.log(low), np.log(high), COUNT))
    else:
        points = generator.uniform(low, high, COUNT)
    for kind in kinds:
        operands = points.astype(DTYPES[kind])
        for operand, value in zip(operands.tolist(), compiled(name, kind, operands)):
            with mpmath.workdps(DIGITS):
                right = exact(mpmath.mpf(operand))
                unit = mpmath.mpf(float(np.spacing(abs(DTYPES[kind](float(right))))))
                distance = float(abs(mpmath.mpf(float(value)) - right) / unit)
            assert distance <= bound, f"{name}_{kind}({operand!r}) = {value!r}"


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_edges_are_those_of_scipy(name, kind):
    with np.errstate(all="ignore"):
        operands = np.array(EDGES).astype(DTYPES[kind])
        right = getattr(scipy.special, SCIPY_NAMES.get(name, name))(operands)
    np.testing.assert_allclose(compiled(name, kind, operands), right, rtol=2e-6 if kind == "f32" else 1e-14)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_next_to_roots_below_zero_the_error_is_absolute(name):
    operands = np.linspace(-20.3, -2.3, 18 * 7)
    right = getattr(scipy.special, SCIPY_NAMES.get(name, name))(operands)
    np.testing.assert_allclose(compiled(name, "f64", operands), right, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kind", DTYPES)
def test_zeros_have_the_sign_that_scipy_gives_them(kind):
    zeros = np.array([0.0, -0.0], DTYPES[kind])
    assert np.signbit(compiled("erf", kind, zeros)).tolist() == [False, True]
    assert np.signbit(compiled("erfinv", kind, zeros)).tolist() == [False, False]
