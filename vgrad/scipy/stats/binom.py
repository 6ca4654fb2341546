"""The binomial distribution: successes in n trials of probability p, moved by `loc`.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import numpy as np

from vgrad.numpy.selection import where
from vgrad.primitives.elementwise import exp
from vgrad.primitives.special import lgamma, xlog1py, xlogy
from vgrad.scipy.special import inexact

__all__ = ["logpmf", "pmf"]


def logpmf(k, n, p, loc=0):
    """Log of the probability of k: -inf outside of loc, ..., loc + n."""
    k, n, p, loc = inexact(k, n, p, loc)
    count = k - loc
    possible = (count >= 0) & (count <= n)
    count = where(possible, count, 0)
    ways = lgamma(n + 1) - lgamma(count + 1) - lgamma(n - count + 1)
    return where(possible, ways + xlogy(count, p) + xlog1py(n - count, -p), -np.inf)


def pmf(k, n, p, loc=0):
    """The probability of k."""
    return exp(logpmf(k, n, p, loc))
