"""The Laplace distribution around `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

from vgrad.primitives.comparison import absolute, select
from vgrad.primitives.elementwise import exp, log
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logpdf", "pdf"]


def logpdf(x, loc=0, scale=1):
    """Log of the density."""
    x, loc, scale = inexact(x, loc, scale)
    return -absolute((x - loc) / scale) - log(2 * scale)


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x."""
    x, loc, scale = inexact(x, loc, scale)
    tail = 0.5 * exp(-absolute((x - loc) / scale))
    return select(x <= loc, tail, 1 - tail)
