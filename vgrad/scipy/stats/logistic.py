"""The logistic distribution around `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

from vgrad.primitives.elementwise import exp, log
from vgrad.primitives.elementwise import logistic as expit
from vgrad.primitives.powers import logaddexp
from vgrad.primitives.special import logit
from vgrad.scipy.special import inexact

__all__ = ["cdf", "isf", "logpdf", "pdf", "ppf", "sf"]


def logpdf(x, loc=0, scale=1):
    """Log of the density."""
    x, loc, scale = inexact(x, loc, scale)
    z = (x - loc) / scale
    return z - 2 * logaddexp(z, 0) - log(scale)


def pdf(x, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, loc, scale))


def cdf(x, loc=0, scale=1):
    """Probability of a value below x."""
    x, loc, scale = inexact(x, loc, scale)
    return expit((x - loc) / scale)


def sf(x, loc=0, scale=1):
    """Probability of a value above x."""
    x, loc, scale = inexact(x, loc, scale)
    return expit((loc - x) / scale)


def ppf(q, loc=0, scale=1):
    """The value below which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return loc + scale * logit(q)


def isf(q, loc=0, scale=1):
    """The value above which the probability is q."""
    q, loc, scale = inexact(q, loc, scale)
    return loc - scale * logit(q)
