"""The gamma distribution from `loc` on, with shape parameter a.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.elementwise import exp, log
from vgrad.primitives.special import igamma, igammac, lgamma, xlogy
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def logpdf(x, a, loc=0, scale=1):
    """Log of the density: -inf below loc."""
    x, a, loc, scale = inexact(x, a, loc, scale)
    inside = x >= loc
    z = where(inside, (x - loc) / scale, 1)
    return where(inside, xlogy(a - 1, z) - z - lgamma(a) - log(scale), -np.inf)


def pdf(x, a, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, a, loc, scale))


def cdf(x, a, loc=0, scale=1):
    """Probability of a value below x."""
    x, a, loc, scale = inexact(x, a, loc, scale)
    return igamma(a, where(x > loc, (x - loc) / scale, 0))


def logcdf(x, a, loc=0, scale=1):
    """Log of cdf."""
    return log(cdf(x, a, loc, scale))


def sf(x, a, loc=0, scale=1):
    """Probability of a value above x."""
    x, a, loc, scale = inexact(x, a, loc, scale)
    return igammac(a, where(x > loc, (x - loc) / scale, 0))


def logsf(x, a, loc=0, scale=1):
    """Log of sf."""
    return log(sf(x, a, loc, scale))
