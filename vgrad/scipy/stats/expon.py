"""The exponential distribution from `loc` on, with mean loc + scale.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.elementwise import exp, expm1, log, log1p
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def distance(x, loc, scale):
    """(distance of x from loc in units of scale, 0 below loc; whether x is below loc)."""
    x, loc, scale = inexact(x, loc, scale)
    return where(x < loc, 0, (x - loc) / scale), x < loc


def logpdf(x, loc=0, scale=1):
    """Log of the density: -inf below loc."""
    x, loc, scale = inexact(x, loc, scale)
    return where(x < loc, -np.inf, -(x - loc) / scale - log(scale))


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x."""
    z, _ = distance(x, loc, scale)
    return -expm1(-z)


def logcdf(x, loc=0, scale=1):
    """Log of cdf."""
    z, below = distance(x, loc, scale)
    return where(below, -np.inf, log1p(-exp(-where(below, 1, z))))


def sf(x, loc=0, scale=1):
    """Probability of a value above x."""
    return exp(logsf(x, loc, scale))


def logsf(x, loc=0, scale=1):
    """Log of sf."""
    z, _ = distance(x, loc, scale)
    return -z


def ppf(q, loc=0, scale=1):
    """The value below which the probability is q; NaN unless 0 <= q <= 1."""
    q, loc, scale = inexact(q, loc, scale)
    return where((q >= 0) & (q <= 1), loc - scale * log1p(-q), np.nan)
