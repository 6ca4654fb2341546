"""The Cauchy distribution around `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import math

from vgrad.primitives.elementwise import atan2, exp, log, log1p, square, tan
from vgrad.scipy.special import inexact

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]


def logpdf(x, loc=0, scale=1):
    """Log of the density."""
    x, loc, scale = inexact(x, loc, scale)
    return -log1p(square((x - loc) / scale)) - log(math.pi * scale)


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x, without cancellation in the lower tail."""
    x, loc, scale = inexact(x, loc, scale)
    return atan2(scale, loc - x) / math.pi


def logcdf(x, loc=0, scale=1):
    """Log of cdf."""
    return log(cdf(x, loc, scale))


def sf(x, loc=0, scale=1):
    """Probability of a value above x, without cancellation in the upper tail."""
    x, loc, scale = inexact(x, loc, scale)
    return atan2(scale, x - loc) / math.pi


def logsf(x, loc=0, scale=1):
    """Log of sf."""
    return log(sf(x, loc, scale))


def ppf(q, loc=0, scale=1):
    """The value below which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return loc + scale * tan(math.pi * (q - 0.5))


def isf(q, loc=0, scale=1):
    """The value above which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return loc - scale * tan(math.pi * (q - 0.5))
