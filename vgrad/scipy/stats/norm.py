"""The normal distribution with mean `loc` and standard deviation `scale`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import math

from vgrad.primitives.elementwise import add, div, exp, log, mul, neg, square, sub
from vgrad.primitives.special import log_ndtr, ndtr, ndtri
from vgrad.scipy.special import inexact

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def standardized(x, loc, scale):
    x, loc, scale = inexact(x, loc, scale)
    return div(sub(x, loc), scale)


def logpdf(x, loc=0, scale=1):
    """Log of the density."""
    x, loc, scale = inexact(x, loc, scale)
    return neg(add(mul(0.5, square(div(sub(x, loc), scale))), add(HALF_LOG_TWO_PI, log(scale))))


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x."""
    return ndtr(standardized(x, loc, scale))


def logcdf(x, loc=0, scale=1):
    """Log of cdf, finite far into the lower tail."""
    return log_ndtr(standardized(x, loc, scale))


def sf(x, loc=0, scale=1):
    """Probability of a value above x, without cancellation."""
    return ndtr(neg(standardized(x, loc, scale)))


def logsf(x, loc=0, scale=1):
    """Log of sf, finite far into the upper tail."""
    return log_ndtr(neg(standardized(x, loc, scale)))


def ppf(q, loc=0, scale=1):
    """The value below which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return add(mul(ndtri(q), scale), loc)


def isf(q, loc=0, scale=1):
    """The value above which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return sub(loc, mul(ndtri(q), scale))
