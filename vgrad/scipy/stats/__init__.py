"""scipy.stats' distributions, differentiable; one module each: norm.logpdf(x, loc, scale), ...

Relies on vgrad.numpy and vgrad.scipy.special.
"""

from vgrad.scipy.stats import bernoulli, beta, binom, cauchy, expon, gamma, laplace, logistic, norm, poisson, t, uniform

__all__ = [
    "bernoulli",
    "beta",
    "binom",
    "cauchy",
    "expon",
    "gamma",
    "laplace",
    "logistic",
    "norm",
    "poisson",
    "t",
    "uniform",
]
