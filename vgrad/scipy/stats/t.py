"""Student's t distribution around `loc` with df degrees of freedom.

Relies on vgrad.scipy.special. All arguments broadcast.
"""

import math

from vgrad.primitives.elementwise import exp, log, log1p, square
from vgrad.primitives.special import lgamma
from vgrad.scipy.special import inexact

__all__ = ["logpdf", "pdf"]


def logpdf(x, df, loc=0, scale=1):
    """Log of the density."""
    x, df, loc, scale = inexact(x, df, loc, scale)
    half = (df + 1) / 2
    normalizer = lgamma(df / 2) - lgamma(half) + log(math.pi * df) / 2 + log(scale)
    return -normalizer - half * log1p(square((x - loc) / scale) / df)


def pdf(x, df, loc=0, scale=1):
    """The density."""
    return exp(logpdf(x, df, loc, scale))
