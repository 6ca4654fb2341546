"""Special functions: error, gamma, beta, Bessel, zeta and their kin. Values by scipy.special, derivatives as rows.

Relies on elementwise, comparison, powers and incomplete_gamma.
"""

import numpy as np

from vgrad.core.primitive import host, refuse
from vgrad.core.types import default_float
from vgrad.primitives.comparison import absolute, eq, lt, maximum, replace_zero, select
from vgrad.primitives.elementwise import (
    add,
    div,
    elementwise,
    exp,
    inexact,
    log,
    log1p,
    mul,
    neg,
    sign,
    square,
    sub,
)
from vgrad.primitives.incomplete_gamma import igamma_grad_a
from vgrad.primitives.powers import power

TWO_BY_ROOT_PI = float(2 / np.sqrt(np.pi))
ROOT_TWO = float(np.sqrt(2))
ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


def scipy_special(name):
    """The function of scipy.special, on floats of the common precision of the operands."""

    def evaluate(*operands):
        from scipy import special  # here, since scipy.special takes longer to import than all of vgrad

        dtype = np.result_type(*operands)
        if dtype.kind not in "fc":
            dtype = default_float()
        result = getattr(special, name)(*[np.asarray(operand, dtype) for operand in operands])
        return result if result.dtype == dtype else result.astype(dtype)

    return evaluate


RARE = host("a rare special function of SciPy")


def special(name, lower, *derivatives, scipy_name=None):
    function = scipy_special(scipy_name or name)
    return elementwise(name, function, lower=lower, dtype=inexact, derivatives=derivatives)


def gaussian(x):
    return exp(neg(square(x)))


def gamma_density(a, x):
    """x^(a-1) e^-x / gamma(a), and its limit at x = 0."""
    return exp(sub(sub(xlogy(sub(a, 1), x), x), lgamma(a)))


def beta_density(a, b, x):
    return exp(sub(add(xlogy(sub(a, 1), x), xlog1py(sub(b, 1), neg(x))), betaln(a, b)))


def order_below(y, n, x):
    """Derivative of the exponential integral E_n: -E_(n-1), where E_0(x) = e^-x / x."""
    lower = expn(maximum(sub(n, 1), 0), x)
    return neg(select(eq(n, 0), add(y, div(y, x)), lower))


def i1_derivative(y, x):
    """I_0(x) - I_1(x) / x, which is 1/2 at 0."""
    return sub(bessel_i0(x), select(eq(x, 0), 0.5, div(y, replace_zero(x))))


def i1e_derivative(y, x):
    return sub(sub(bessel_i0e(x), mul(sign(x), y)), select(eq(x, 0), 0.5, div(y, replace_zero(x))))


def spence_derivative(y, x):
    """log(x) / (1 - x), by its series near 1."""
    distance = sub(x, 1)
    near = lt(absolute(distance), 1e-4)
    series = sub(mul(distance, sub(0.5, mul(distance, sub(1 / 3, mul(0.25, distance))))), 1)
    return select(near, series, div(log(x), select(near, 1, neg(distance))))


# B_2j / (2 j)! for j = 1, 2, ..., the coefficients of the Euler-Maclaurin formula
EULER_MACLAURIN = [
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000,
]  # fmt: skip


def zeta_wrt_exponent(y, s, q):
    """Sum of -log(k + q) (k + q)^-s: sixteen terms, and the Euler-Maclaurin formula for the rest."""
    total = 0.0
    for k in range(16):
        base = add(q, k)
        total = sub(total, mul(log(base), power(base, neg(s))))
    base, above_one = add(q, 16), sub(s, 1)
    logarithm, last = log(base), power(base, neg(s))
    integral = div(mul(base, last), above_one)
    total = sub(total, mul(integral, add(logarithm, div(1, above_one))))
    total = sub(total, mul(0.5, mul(last, logarithm)))
    factor, slope = div(mul(s, last), base), sub(div(1, s), logarithm)  # slope: derivative of log(factor)
    for j, coefficient in enumerate(EULER_MACLAURIN, 1):
        total = add(total, mul(coefficient, mul(factor, slope)))
        for i in (2 * j - 1, 2 * j):
            factor, slope = div(mul(factor, add(s, i)), base), add(slope, div(1, add(s, i)))
    return total


# 1 and -1 take turns between the poles
SIGN_OF_GAMMA = (
    "select(x0 > 0, 1, select(x0 == 0, copysign(1, x0), select(x0 == floor(x0), nan,"
    " select(floor(x0) == 2 * floor(0.5 * x0), 1, select(x0 == x0, -1, x0)))))"
)

# fmt: off
erf = special("erf", "erf(x0)", lambda y, x: mul(TWO_BY_ROOT_PI, gaussian(x)))
erfc = special("erfc", "erfc(x0)", lambda y, x: mul(-TWO_BY_ROOT_PI, gaussian(x)))
erfcx = special("erfcx", "erfcx(x0)", lambda y, x: sub(mul(2, mul(x, y)), TWO_BY_ROOT_PI))
erf_inv = special("erf_inv", "erfinv(x0)", lambda y, x: mul(1 / TWO_BY_ROOT_PI, exp(square(y))), scipy_name="erfinv")
ndtr = special("ndtr", "ndtr(x0)", lambda y, x: div(gaussian(div(x, ROOT_TWO)), ROOT_TWO_PI))
ndtri = special("ndtri", "ndtri(x0)", lambda y, x: mul(ROOT_TWO_PI, exp(mul(0.5, square(y)))))
log_ndtr = special(
    "log_ndtr",
    "log_ndtr(x0)",
    lambda y, x: div(ROOT_TWO / np.sqrt(np.pi).item(), erfcx(div(x, -ROOT_TWO))),
)
dawsn = special("dawsn", RARE, lambda y, x: sub(1, mul(2, mul(x, y))))

expn = special("expn", RARE, refuse("expn has no derivative with respect to its order"), order_below)
expi = special("expi", RARE, lambda y, x: div(exp(x), x))
spence = special("spence", RARE, spence_derivative)
xlogy = special(
    "xlogy",
    "select((x0 == 0) & (x1 == x1), 0, x0 * log(x1))",
    lambda y, x0, x1: log(x1),
    lambda y, x0, x1: div(x0, x1),
)
xlog1py = special(
    "xlog1py",
    "select((x0 == 0) & (x1 == x1), 0, x0 * log1p(x1))",
    lambda y, x0, x1: log1p(x1),
    lambda y, x0, x1: div(x0, add(x1, 1)),
)
logit = special(
    "logit",
    "select(abs(x0 - 0.475) < 0.175, log1p(2 * (x0 - 0.5)) - log1p(-2 * (x0 - 0.5)), log(x0 / (1 - x0)))",
    lambda y, x: div(1, mul(x, sub(1, x))),
)
entr = special(
    "entr",
    "select(x0 > 0, -x0 * log(x0), select(x0 == 0, 0, select(x0 < 0, -inf, x0)))",
    lambda y, x: sub(-1, log(x)),
)

lgamma = special("lgamma", "lgamma(x0)", lambda y, x: digamma(x), scipy_name="gammaln")
gamma = special("gamma", "gamma(x0)", lambda y, x: mul(y, digamma(x)))
gammasgn = special("gammasgn", SIGN_OF_GAMMA)
digamma = special("digamma", "digamma(x0)", lambda y, x: polygamma(1, x))
polygamma = special(
    "polygamma", RARE,
    refuse("polygamma has no derivative with respect to its order"),
    lambda y, m, x: polygamma(add(m, 1), x),
)
zeta = special(
    "zeta", RARE,
    zeta_wrt_exponent,
    lambda y, x, q: neg(mul(x, zeta(add(x, 1), q))),
)
betaln = special(
    "betaln", RARE,
    lambda y, a, b: sub(digamma(a), digamma(add(a, b))),
    lambda y, a, b: sub(digamma(b), digamma(add(a, b))),
)
betainc = special(
    "betainc", RARE,
    refuse("betainc has no derivative with respect to its parameters a and b, only to x"),
    refuse("betainc has no derivative with respect to its parameters a and b, only to x"),
    lambda y, a, b, x: beta_density(a, b, x),
)
igamma = special(
    "igamma", RARE, lambda y, a, x: igamma_grad_a(a, x), lambda y, a, x: gamma_density(a, x), scipy_name="gammainc"
)
igammac = special(
    "igammac", RARE,
    lambda y, a, x: neg(igamma_grad_a(a, x)),
    lambda y, a, x: neg(gamma_density(a, x)),
    scipy_name="gammaincc",
)

bessel_i0 = special("bessel_i0", RARE, lambda y, x: bessel_i1(x), scipy_name="i0")
bessel_i1 = special("bessel_i1", RARE, i1_derivative, scipy_name="i1")
bessel_i0e = special("bessel_i0e", RARE, lambda y, x: sub(bessel_i1e(x), mul(sign(x), y)), scipy_name="i0e")
bessel_i1e = special("bessel_i1e", RARE, i1e_derivative, scipy_name="i1e")
# fmt: on
