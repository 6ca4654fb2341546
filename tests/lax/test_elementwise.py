"""vgrad.lax.elementwise: what differs from NumPy's functions of the same kind."""

import numpy as np
import pytest
from scipy import special

from vgrad import grad, jit, vmap
from vgrad.errors import NotDifferentiable, ShapeError
from vgrad.lax import elementwise as lax
from vgrad.testing import check_grads

X = np.array([-1.5, -0.2, 0.3, 2.6])
POSITIVE = np.array([0.2, 0.9, 1.4, 3.1])
INTEGERS = np.array([-7, 7, -8, 9])

NUMPYS = {  # lax's name: NumPy's or SciPy's function, operands
    "abs": (np.abs, X), "acos": (np.arccos, X / 3), "acosh": (np.arccosh, POSITIVE + 1), "add": (np.add, X, 2.0),
    "asin": (np.arcsin, X / 3), "asinh": (np.arcsinh, X), "atan": (np.arctan, X), "atan2": (np.arctan2, X, POSITIVE),
    "atanh": (np.arctanh, X / 3), "bessel_i0e": (special.i0e, X), "bessel_i1e": (special.i1e, X),
    "betainc": (special.betainc, 1.5, POSITIVE, X[2]), "cbrt": (np.cbrt, X), "ceil": (np.ceil, X), "cos": (np.cos, X),
    "cosh": (np.cosh, X), "digamma": (special.digamma, X), "eq": (np.equal, X, 0.3), "erf": (special.erf, X),
    "erf_inv": (special.erfinv, X / 3), "erfc": (special.erfc, X), "exp": (np.exp, X), "exp2": (np.exp2, X),
    "expm1": (np.expm1, X), "floor": (np.floor, X), "ge": (np.greater_equal, X, 0.3), "gt": (np.greater, X, 0.3),
    "igamma": (special.gammainc, POSITIVE, 1.5), "igammac": (special.gammaincc, POSITIVE, 1.5),
    "is_finite": (np.isfinite, X), "le": (np.less_equal, X, 0.3), "lgamma": (special.gammaln, X),
    "log": (np.log, POSITIVE), "log1p": (np.log1p, POSITIVE), "logistic": (special.expit, X), "lt": (np.less, X, 0.3),
    "max": (np.maximum, X, 0.0), "min": (np.minimum, X, 0.0), "mul": (np.multiply, X, POSITIVE),
    "ne": (np.not_equal, X, 0.3), "neg": (np.negative, X), "nextafter": (np.nextafter, X, 1.0),
    "polygamma": (special.polygamma, 2, POSITIVE), "pow": (np.power, POSITIVE, X),
    "reciprocal": (np.reciprocal, X), "rem": (np.fmod, X, 0.7), "sign": (np.sign, X), "sin": (np.sin, X),
    "sinh": (np.sinh, X), "sqrt": (np.sqrt, POSITIVE), "square": (np.square, X), "sub": (np.subtract, X, POSITIVE),
    "tan": (np.tan, X), "tanh": (np.tanh, X), "zeta": (special.zeta, POSITIVE + 1, 2.0),
    "bitwise_and": (np.bitwise_and, INTEGERS, 3), "bitwise_or": (np.bitwise_or, INTEGERS, 3),
    "bitwise_xor": (np.bitwise_xor, INTEGERS, 3), "bitwise_not": (np.invert, INTEGERS),
    "shift_left": (np.left_shift, INTEGERS, 2), "shift_right_arithmetic": (np.right_shift, INTEGERS, 2),
    "real": (np.real, X + 1j), "imag": (np.imag, X + 1j), "conj": (np.conj, X + 1j),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMPYS)
def test_values_are_numpys(name):
    function, *operands = NUMPYS[name]
    wanted = function(*operands)
    for got in (getattr(lax, name)(*operands), jit(getattr(lax, name))(*operands)):
        np.testing.assert_allclose(got, wanted, rtol=1e-14)
        assert got.dtype == wanted.dtype
    assert getattr(lax, name).__doc__


def test_every_name_exists():
    assert all(callable(getattr(lax, name)) for name in lax.__all__)


def test_integers_divide_toward_zero():
    np.testing.assert_array_equal(lax.div(INTEGERS, 2), [-3, 3, -4, 4])
    np.testing.assert_array_equal(lax.div(INTEGERS, np.int64(-4)), [1, -1, 2, -2])
    np.testing.assert_array_equal(lax.rem(INTEGERS, 4), [-3, 3, 0, 1])
    np.testing.assert_array_equal(lax.div(X, 2), X / 2)


def test_round_knows_two_methods():
    x = np.array([0.5, -0.5, 1.5, -2.5, 2.4, 0.49999999999999994, np.nan, -np.inf])
    np.testing.assert_array_equal(lax.round(x), [1, -1, 2, -3, 2, 0, np.nan, -np.inf])
    np.testing.assert_array_equal(lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), np.rint(x))
    assert lax.round(x.astype(np.float32)).dtype == np.float32
    assert grad(lax.round)(0.7) == 0


def test_clamp_has_no_derivative_at_a_limit():
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(lax.clamp(0, x, 1), [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(vmap(grad(lambda x: lax.clamp(0.0, x, 1.0)))(x), [0, 0, 1, 0, 0])
    assert grad(lax.clamp, (0, 1, 2))(0.0, -1.0, 1.0) == (1, 0, 0)
    assert grad(lax.clamp, (0, 1, 2))(0.0, 3.0, 1.0) == (0, 0, 1)


def test_select_n_chooses_by_number():
    cases = X, 2 * X, 3 * X
    np.testing.assert_array_equal(lax.select_n(np.array([2, 0, 1, 2]), *cases), X * [3, 1, 2, 3])
    np.testing.assert_array_equal(lax.select_n(X > 0, X, -X), np.where(X > 0, -X, X))
    np.testing.assert_array_equal(lax.select(X > 0, X, -X), np.abs(X))
    check_grads(lambda x, y: lax.select_n(np.array([1, 0, 0, 1]), x, y), (X, POSITIVE), order=2)
    with pytest.raises(ShapeError, match="among 3 cases"):
        lax.select_n(X > 0, *cases)


def test_powers_and_roots():
    np.testing.assert_allclose(lax.integer_pow(X, -3), X**-3.0)
    np.testing.assert_allclose(lax.rsqrt(POSITIVE), POSITIVE**-0.5)
    assert grad(lambda x: lax.pow(x, 0))(0.0) == 0
    check_grads(lax.rsqrt, (POSITIVE,), order=2, rtol=1e-3)
    check_grads(lambda x: lax.integer_pow(x, -2), (POSITIVE,), order=2, rtol=1e-3)


def test_bits_are_counted_in_twos_complement():
    for dtype in (np.int8, np.int32, np.int64):
        width = 8 * np.dtype(dtype).itemsize
        x = np.array([0, 1, 5, -1], dtype)
        np.testing.assert_array_equal(lax.population_count(x), [0, 1, 2, width])
        np.testing.assert_array_equal(lax.clz(x), [width, width - 1, width - 3, 0])
        np.testing.assert_array_equal(lax.shift_right_logical(x, dtype(1)), [0, 0, 2, np.iinfo(dtype).max])
        assert lax.clz(x).dtype == lax.population_count(x).dtype == dtype


def test_complex_numbers_from_parts():
    z = lax.complex(np.array([1.0, np.inf]), np.array([np.inf, 2.0]))
    np.testing.assert_array_equal([z.real, z.imag], [[1, np.inf], [np.inf, 2]])
    assert lax.complex(np.float32(1), np.float32(2)).dtype == np.complex64
    assert lax.conj(2.0).dtype == np.complex128
    assert grad(lambda x: lax.imag(lax.complex(x, 3 * x)))(1.0) == 3.0


def test_logistic_is_stable():
    x = np.array([-1000.0, -30.0, 0.0, 1000.0])
    np.testing.assert_allclose(lax.logistic(x), special.expit(x), rtol=1e-15)
    np.testing.assert_allclose(vmap(grad(lax.logistic))(x), special.expit(x) * special.expit(-x), rtol=1e-15, atol=0)
    np.testing.assert_allclose(lax.logistic(X + 1j), 1 / (1 + np.exp(-X - 1j)))


def test_derivatives_of_incomplete_gamma_in_its_order():
    a = np.array([0.3, 1.0, 4.2, 60.0, 60.0, 500.0])[:, None]
    x = a * np.array([0.1, 0.7, 1.0, 1.3, 3.0])
    step = 1e-5 * a
    wanted = (special.gammainc(a + step, x) - special.gammainc(a - step, x)) / (2 * step)
    np.testing.assert_allclose(lax.igamma_grad_a(a, x), wanted, rtol=1e-5, atol=1e-10)
    check_grads(lax.igamma, (a[:3], x[:3]), order=1, atol=1e-4, rtol=1e-4)
    check_grads(lax.igammac, (a[:3], x[:3]), order=1, atol=1e-4, rtol=1e-4)
    np.testing.assert_array_equal(lax.igamma_grad_a(2.0, np.array([0.0, np.inf, -1.0, np.nan])), [0, 0, np.nan, np.nan])


def test_derivatives_of_gamma_samples_follow_the_quantile():
    a, p = np.array([0.4, 2.0, 30.0])[:, None], np.array([0.01, 0.5, 0.999])
    wanted = (special.gammaincinv(a * 1.00001, p) - special.gammaincinv(a * 0.99999, p)) / (2e-5 * a)
    np.testing.assert_allclose(lax.random_gamma_grad(a, special.gammaincinv(a, p)), wanted, rtol=1e-5)
    assert np.isfinite(lax.random_gamma_grad(0.01, 1e-200))  # where P itself underflows
    assert lax.random_gamma_grad(np.float32(2), np.float32(1)).dtype == np.float32


def test_derivatives_that_do_not_exist_are_refused():
    with pytest.raises(NotDifferentiable, match="betainc has no derivative"):
        grad(lax.betainc)(1.0, 2.0, 0.3)
    with pytest.raises(NotDifferentiable, match="polygamma has no derivative"):
        grad(lax.polygamma)(1.0, 2.0)
    with pytest.raises(NotDifferentiable, match="with respect to a"):
        grad(grad(lax.igamma))(1.0, 2.0)


def test_reduce_precision_keeps_what_has_no_more_bits():
    assert grad(lambda x: lax.reduce_precision(x, 11, 52) * x)(3.0) == 6.0
    assert lax.reduce_precision(np.float32(0.1), exponent_bits=8, mantissa_bits=23) == np.float32(0.1)
    with pytest.raises(
        NotImplementedError, match="8 exponent bits and 5 mantissa bits of float64, which has 11 and 52"
    ):
        lax.reduce_precision(0.1, 8, 5)
