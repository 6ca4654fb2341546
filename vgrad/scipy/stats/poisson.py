"""The Poisson distribution with mean mu, moved by `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.elementwise import exp, floor, rint
from vgrad.primitives.special import igammac, lgamma, xlogy
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logpmf", "pmf"]


def logpmf(k, mu, loc=0):
    """Log of the probability of k: -inf unless k - loc is an integer of at least 0."""
    k, mu, loc = inexact(k, mu, loc)
    count = k - loc
    possible = (count >= 0) & (count == rint(count))
    count = where(possible, count, 0)
    return where(possible, xlogy(count, mu) - lgamma(count + 1) - mu, -np.inf)


def pmf(k, mu, loc=0):
    """The probability of k."""
    return exp(logpmf(k, mu, loc))


def cdf(k, mu, loc=0):
    """Probability of at most k."""
    k, mu, loc = inexact(k, mu, loc)
    count = k - loc
    return where(count >= 0, igammac(floor(where(count >= 0, count, 0)) + 1, mu), 0)
