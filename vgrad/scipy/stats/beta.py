"""The beta distribution on [loc, loc + scale] with shape parameters a and b.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.comparison import clamp
from vgrad.primitives.elementwise import exp, log
from vgrad.primitives.special import betainc, betaln, xlog1py, xlogy
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]


def logpdf(x, a, b, loc=0, scale=1):
    """Log of the density: -inf outside."""
    x, a, b, loc, scale = inexact(x, a, b, loc, scale)
    z = (x - loc) / scale
    inside = (z >= 0) & (z <= 1)
    z = where(inside, z, 0.5)
    return where(inside, xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b) - log(scale), -np.inf)


def pdf(x, a, b, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, a, b, loc, scale))


def cdf(x, a, b, loc=0, scale=1):
    """Probability of a value below x. No derivative with respect to a and b."""
    x, a, b, loc, scale = inexact(x, a, b, loc, scale)
    return betainc(a, b, clamp(0, (x - loc) / scale, 1))


def logcdf(x, a, b, loc=0, scale=1):
    """Log of cdf."""
    return log(cdf(x, a, b, loc, scale))


def sf(x, a, b, loc=0, scale=1):
    """Probability of a value above x. No derivative with respect to a and b."""
    x, a, b, loc, scale = inexact(x, a, b, loc, scale)
    return betainc(b, a, 1 - clamp(0, (x - loc) / scale, 1))


def logsf(x, a, b, loc=0, scale=1):
    """Log of sf."""
    return log(sf(x, a, b, loc, scale))
