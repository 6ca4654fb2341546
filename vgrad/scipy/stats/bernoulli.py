"""The Bernoulli distribution: 1 with probability p, else 0, moved by `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.elementwise import exp
from vgrad.primitives.special import xlog1py, xlogy
from vgrad.scipy.special import inexact

__all__ = ["cdf", "logpmf", "pmf", "ppf"]


def logpmf(k, p, loc=0):
    """Log of the probability of k: -inf unless k - loc is 0 or 1."""
    k, p, loc = inexact(k, p, loc)
    x = k - loc
    possible = (x == 0) | (x == 1)
    x = where(possible, x, 0)
    return where(possible, xlogy(x, p) + xlog1py(1 - x, -p), -np.inf)


def pmf(k, p, loc=0):
    """The probability of k."""
    return exp(logpmf(k, p, loc))


def cdf(k, p):
    """Probability of at most k."""
    k, p = inexact(k, p)
    return where(k < 0, 0, where(k < 1, 1 - p, 1))


def ppf(q, p):
    """The smaller of 0 and 1 whose cdf is at least q; NaN unless 0 <= q <= 1."""
    q, p = inexact(q, p)
    return where((q >= 0) & (q <= 1), where(q <= 1 - p, q * 0, 1), np.nan)
