"""The uniform distribution on [loc, loc + scale].

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.comparison import clamp
from vgrad.primitives.elementwise import exp, log
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logpdf", "pdf", "ppf"]


def logpdf(x, loc=0, scale=1):
    """Log of the density: -inf outside."""
    x, loc, scale = inexact(x, loc, scale)
    inside = (x >= loc) & (x <= loc + scale)
    return where(inside, -log(scale), -np.inf)


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x."""
    x, loc, scale = inexact(x, loc, scale)
    return clamp(0, (x - loc) / scale, 1)


def ppf(q, loc=0, scale=1):
    """The value below which the probability is q; NaN unless 0 <= q <= 1."""
    q, loc, scale = inexact(q, loc, scale)
    return where((q >= 0) & (q <= 1), loc + scale * q, np.nan)
