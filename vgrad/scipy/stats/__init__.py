"""scipy.stats' distributions, differentiable; one module each: norm.logpdf(x, loc, scale), ...

Relies on vgrad.numpy and vgrad.scipy.special.
"""

from vgrad.scipy.stats import norm

__all__ = ["norm"]
