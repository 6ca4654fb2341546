"""scipy.special's functions, differentiable.

Relies on primitives. Operands broadcast; integers become floats. Derivatives at edges are JAX's.
"""

import math

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.numpy.operands import axes_of, operand
from vgrad.primitives import complex, elementwise, special
from vgrad.primitives.broadcasting import convert_to, reduce_sum, reshape_to
from vgrad.primitives.comparison import absolute, eq, ge, gt, isfinite, logical_and, lt, ne, select
from vgrad.primitives.elementwise import add, div, exp, log, mul, sub
from vgrad.primitives.reduction import reduce_max
from vgrad.primitives.stop_gradient import stop_gradient

# fmt: off
__all__ = [
    "bernoulli", "beta", "betainc", "betaln", "dawsn", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp1",
    "expi", "expit", "expn", "factorial", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn", "i0", "i0e", "i1",
    "i1e", "kl_div", "log_ndtr", "log_softmax", "loggamma", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "rel_entr", "softmax", "spence", "xlog1py", "xlogy", "zeta",
]
# fmt: on


def inexact(*operands):
    """The operands with their common dtype, a float: so Python scalars among them do not widen float32."""
    operands = [operand(x) for x in operands]
    dtype, _ = promote(*[type_of(x) for x in operands])
    dtype = dtype if dtype.kind in "fc" else default_float()
    return [convert_to(x, dtype) for x in operands]


def surface(primitive, name, text):
    """The function that is one primitive."""

    def apply(*operands):
        return primitive(*[operand(value) for value in operands])

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = text
    return apply


# fmt: off
erf = surface(special.erf, "erf", "erf(x): the error function.")
erfc = surface(special.erfc, "erfc", "erfc(x): 1 - erf(x), without cancellation.")
erfcx = surface(special.erfcx, "erfcx", "erfcx(x): exp(x**2) * erfc(x).")
erfinv = surface(special.erf_inv, "erfinv", "erfinv(y): inverse of the error function.")
dawsn = surface(special.dawsn, "dawsn", "dawsn(x): Dawson's integral.")
ndtr = surface(special.ndtr, "ndtr", "ndtr(x): distribution function of the standard normal distribution.")
ndtri = surface(special.ndtri, "ndtri", "ndtri(p): quantiles of the standard normal distribution.")
log_ndtr = surface(special.log_ndtr, "log_ndtr", "log_ndtr(x): log of ndtr(x), finite far into the lower tail.")

expit = surface(elementwise.logistic, "expit", "expit(x): 1 / (1 + exp(-x)), without overflow.")
logit = surface(special.logit, "logit", "logit(p): log(p / (1 - p)).")
xlogy = surface(special.xlogy, "xlogy", "xlogy(x, y): x * log(y), and 0 where x = 0.")
xlog1py = surface(special.xlog1py, "xlog1py", "xlog1py(x, y): x * log(1 + y), and 0 where x = 0.")
expi = surface(special.expi, "expi", "expi(x): the exponential integral Ei.")
expn = surface(special.expn, "expn", "expn(n, x): the exponential integral E_n. No derivative with respect to n.")
spence = surface(special.spence, "spence", "spence(x): the dilogarithm of 1 - x.")

gamma = surface(special.gamma, "gamma", "gamma(x).")
gammaln = loggamma = surface(special.lgamma, "gammaln", "gammaln(x): log of |gamma(x)|.")
gammasgn = surface(special.gammasgn, "gammasgn", "gammasgn(x): sign of gamma(x).")
digamma = psi = surface(special.digamma, "digamma", "digamma(x): derivative of gammaln.")
polygamma = surface(special.polygamma, "polygamma", "polygamma(n, x): the n-th derivative of digamma.")
gammainc = surface(special.igamma, "gammainc", "gammainc(a, x): regularized lower incomplete gamma function.")
gammaincc = surface(special.igammac, "gammaincc", "gammaincc(a, x): regularized upper incomplete gamma function.")
betaln = surface(special.betaln, "betaln", "betaln(a, b): log of |beta(a, b)|.")
betainc = surface(special.betainc, "betainc", "betainc(a, b, x): regularized incomplete beta function.")

i0 = surface(special.bessel_i0, "i0", "i0(x): modified Bessel function of order 0.")
i1 = surface(special.bessel_i1, "i1", "i1(x): modified Bessel function of order 1.")
i0e = surface(special.bessel_i0e, "i0e", "i0e(x): exp(-|x|) * i0(x).")
i1e = surface(special.bessel_i1e, "i1e", "i1e(x): exp(-|x|) * i1(x).")
# fmt: on


def zeta(x, q=1.0):
    """Hurwitz zeta function, sum of (k + q)**-x over k = 0, 1, ...; with q = 1 Riemann's."""
    return special.zeta(operand(x), operand(q))


def exp1(x):
    """The exponential integral E_1."""
    return special.expn(1, operand(x))


def factorial(n, exact=False):
    """gamma(n + 1), and 0 for negative n. `exact` must be false."""
    if exact:
        raise NotImplementedError("factorial: exact=True is not supported; math.factorial computes exact integers.")
    (n,) = inexact(n)
    return select(lt(n, 0), 0, special.gamma(add(n, 1)))


def beta(a, b):
    """gamma(a) * gamma(b) / gamma(a + b)."""
    a, b = inexact(a, b)
    sign = mul(mul(special.gammasgn(a), special.gammasgn(b)), special.gammasgn(add(a, b)))
    return mul(sign, exp(special.betaln(a, b)))


def multigammaln(a, d):
    """Log of the multivariate gamma function of dimension d (a Python int), for a > (d - 1) / 2."""
    (a,) = inexact(a)
    total = d * (d - 1) / 4 * math.log(math.pi)
    for number in range(int(d)):
        total = add(total, special.lgamma(sub(a, number / 2)))
    return total


def entr(x):
    """-x * log(x); 0 at x = 0, -inf for negative x."""
    (x,) = inexact(x)
    return select(lt(x, 0), -np.inf, special.entr(x))


def rel_entr(p, q):
    """p * log(p / q); 0 where p = 0 and q >= 0, inf where p or q is negative or only q is 0."""
    p, q = inexact(p, q)
    regular = logical_and(gt(p, 0), gt(q, 0))
    safe_p, safe_q = select(regular, p, 1), select(regular, q, 1)
    value = mul(safe_p, log(div(safe_p, safe_q)))
    return select(logical_and(eq(p, 0), ge(q, 0)), 0, select(regular, value, np.inf))


def kl_div(p, q):
    """rel_entr(p, q) - p + q."""
    p, q = inexact(p, q)
    return add(sub(rel_entr(p, q), p), q)


def bernoulli(n):
    """The Bernoulli numbers B_0, ..., B_n (n a Python int), with B_1 = -1/2."""
    from scipy.special import bernoulli as numbers  # here, since it takes longer to import than all of vgrad

    return numbers(int(n))[: int(n) + 1]


# ------------------------------------------------------------------------------------------------- sums of exponentials


def shift_of(a, axes):
    """The maximum along `axes`, kept as axes of size 1, without a derivative; 0 where it is not finite."""
    type_ = type_of(a)
    kept = tuple([1 if axis in axes else length for axis, length in enumerate(type_.shape)])
    if any([type_.shape[axis] == 0 for axis in axes]):
        return np.zeros(kept, type_.dtype)
    largest = stop_gradient(reduce_max(a, axes=axes))
    return reshape_to(select(isfinite(largest), largest, 0), kept)


def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False, where=None):
    """log(sum(b * exp(a))) along the axes, without overflow.

    b               weights, broadcast with a; where it is 0, a does not matter
    return_sign     return (log of the absolute value of the sum, sign of the sum); else a negative sum gives NaN
    where           elements to take
    Edges: an empty sum gives -inf. Its derivative, and that of a sum of exp(-inf) alone, is NaN.
    """
    (a,) = inexact(a)
    if b is not None:
        a, b = inexact(a, b)
        a = select(ne(b, 0), a, -np.inf)
    if where is not None:
        a = select(operand(where), a, -np.inf)
    type_ = type_of(a)
    is_complex = type_.dtype.kind == "c"
    axes = axes_of(axis, type_.ndim, "logsumexp")
    shift = shift_of(complex.real(a) if is_complex else a, axes)
    terms = exp(sub(a, shift))
    total = reduce_sum(terms if b is None else mul(terms, b), axes=axes)
    sign = elementwise.sign(total)
    size = absolute(total) if return_sign or (b is not None and not is_complex) else total
    result = add(log(size), reshape_to(shift, type_of(total).shape))
    if b is not None and not return_sign and not is_complex:
        result = select(lt(sign, 0), np.nan, result)
    if keepdims:
        shape = type_of(shift).shape
        result, sign = reshape_to(result, shape), reshape_to(sign, shape)
    return (result, sign) if return_sign else result


def softmax(x, axis=None):
    """exp(x) / sum(exp(x)) along the axes."""
    (x,) = inexact(x)
    axes = axes_of(axis, type_of(x).ndim, "softmax")
    shift = shift_of(x, axes)
    terms = exp(sub(x, shift))
    return div(terms, reshape_to(reduce_sum(terms, axes=axes), type_of(shift).shape))


def log_softmax(x, axis=None):
    """x - logsumexp(x) along the axes."""
    (x,) = inexact(x)
    axes = axes_of(axis, type_of(x).ndim, "log_softmax")
    shift = shift_of(x, axes)
    shifted = sub(x, shift)
    return sub(shifted, log(reshape_to(reduce_sum(exp(shifted), axes=axes), type_of(shift).shape)))
