"""Continuous distributions of one variable, each a function of uniform, normal or gamma samples.

Relies on uniform, and the primitives erf_inv and random_gamma. Samples are differentiable functions of the parameters.
"""

import numpy as np

from vgrad.core.types import default_complex, default_float
from vgrad.numpy.math import abs, exp, log, log1p, maximum, minimum, nextafter, power, sign, sqrt, tan
from vgrad.numpy.reductions import sum
from vgrad.numpy.selection import where
from vgrad.primitives.broadcasting import broadcast_to
from vgrad.primitives.complex import complex_of
from vgrad.primitives.rejection import random_gamma
from vgrad.primitives.special import erf, erf_inv, logit
from vgrad.primitives.stop_gradient import stop_gradient
from vgrad.random.arguments import sampler_arguments, shape_of, single_key
from vgrad.random.keys import split
from vgrad.random.uniform import floats_between, rademacher, unit_floats

__all__ = [
    "beta",
    "cauchy",
    "chisquare",
    "double_sided_maxwell",
    "exponential",
    "f",
    "gamma",
    "generalized_normal",
    "gumbel",
    "laplace",
    "loggamma",
    "logistic",
    "lognormal",
    "maxwell",
    "normal",
    "pareto",
    "rayleigh",
    "t",
    "triangular",
    "truncated_normal",
    "wald",
    "weibull_min",
]


# ------------------------------------------------------------------------------------------------ without parameters


def standard_normal(key, shape, dtype):
    """sqrt(2) erf_inv(u) with u uniform in (-1, 1)."""
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    return erf_inv(floats_between(key, shape, dtype, low, dtype.type(1))) * dtype.type(np.sqrt(2))


def normal(key, shape=(), dtype=None):
    """Standard normal floats. Complex numbers for a complex dtype: variance 1, real and imaginary part 1/2 each."""
    key, shape = single_key("normal", key), shape_of("normal", shape)
    dtype = default_complex() if dtype is complex else default_float() if dtype in (None, float) else np.dtype(dtype)
    if dtype.kind not in "fc":
        raise ValueError(f"dtype argument to `normal` must be a float or complex dtype, got {dtype}.")
    if dtype.kind == "f":
        return standard_normal(key, shape, dtype)
    part = np.finfo(dtype).dtype
    real, imag = [standard_normal(each, shape, part) for each in split(key)]
    return complex_of(real, imag) / part.type(np.sqrt(2))


def exponential(key, shape=(), dtype=None):
    """Density exp(-x), x >= 0."""
    key, shape, dtype = sampler_arguments("exponential", key, shape_of("exponential", shape), dtype)
    return -log1p(-unit_floats(key, shape, dtype))


def gumbel(key, shape=(), dtype=None, mode=None):
    """Distribution function exp(-exp(-x)).

    mode    None or "low": as many random bits as the dtype has. "high": twice as many, for the tail of high values
    """
    key, shape, dtype = sampler_arguments("gumbel", key, shape_of("gumbel", shape), dtype)
    if mode not in (None, "low", "high"):
        raise ValueError(f"gumbel: mode must be 'low' or 'high', got {mode!r}.")
    return standard_gumbel(key, shape, dtype, mode)


def standard_gumbel(key, shape, dtype, mode):
    tiny = np.finfo(dtype).tiny
    if mode != "high":
        return -log(-log(floats_between(key, shape, dtype, tiny, dtype.type(1))))
    coarse, fine = unit_floats(key, (2,) + shape, dtype)
    # fine bits below the coarse ones; from 1/2 on they could round the sum up to 1, which has no Gumbel value
    return -log(-log1p(-where(coarse >= 0.5, coarse, coarse + fine * np.finfo(dtype).eps)))


def laplace(key, shape=(), dtype=None):
    """Density exp(-|x|) / 2."""
    key, shape, dtype = sampler_arguments("laplace", key, shape_of("laplace", shape), dtype)
    u = floats_between(key, shape, dtype, dtype.type(-1) + np.finfo(dtype).epsneg, dtype.type(1))
    return sign(u) * log1p(-abs(u))


def logistic(key, shape=(), dtype=None):
    """Distribution function 1 / (1 + exp(-x))."""
    key, shape, dtype = sampler_arguments("logistic", key, shape_of("logistic", shape), dtype)
    return logit(floats_between(key, shape, dtype, np.finfo(dtype).tiny, dtype.type(1)))


def cauchy(key, shape=(), dtype=None):
    """Density 1 / (pi (1 + x**2))."""
    key, shape, dtype = sampler_arguments("cauchy", key, shape_of("cauchy", shape), dtype)
    u = floats_between(key, shape, dtype, np.finfo(dtype).eps, dtype.type(1))
    return tan(dtype.type(np.pi) * (u - 0.5))


def maxwell(key, shape=(), dtype=None):
    """The length of a standard normal vector of three components."""
    key, shape, dtype = sampler_arguments("maxwell", key, shape_of("maxwell", shape), dtype)
    return sqrt(sum(standard_normal(key, shape + (3,), dtype) ** 2, axis=-1))


# --------------------------------------------------------------------------------------- location, scale, end points


def truncated_normal(key, lower, upper, shape=None, dtype=None):
    """Standard normal floats in the open interval (lower, upper)."""
    key, shape, dtype, lower, upper = sampler_arguments("truncated_normal", key, shape, dtype, lower=lower, upper=upper)
    root_two = dtype.type(np.sqrt(2))
    u = floats_between(key, shape, dtype, erf(lower / root_two), erf(upper / root_two))
    samples = erf_inv(u) * root_two
    inner_lower, inner_upper = [
        nextafter(stop_gradient(bound), limit) for bound, limit in ((lower, np.inf), (upper, -np.inf))
    ]
    return minimum(maximum(inner_lower, samples), inner_upper)


def lognormal(key, sigma=1.0, shape=None, dtype=None):
    """exp(sigma x) with x standard normal."""
    key, shape, dtype, sigma = sampler_arguments("lognormal", key, shape, dtype, sigma=sigma)
    return exp(standard_normal(key, shape, dtype) * sigma)


def double_sided_maxwell(key, loc, scale, shape=(), dtype=None):
    """loc +- scale x with x from the Maxwell distribution; the shape of the parameters is put behind `shape`."""
    key, common, dtype, loc, scale = sampler_arguments("double_sided_maxwell", key, None, dtype, loc=loc, scale=scale)
    shape = shape_of("double_sided_maxwell", shape) + common
    maxwell_key, sign_key = split(key)
    return maxwell(maxwell_key, shape, dtype) * rademacher(sign_key, shape, dtype) * scale + loc


def rayleigh(key, scale, shape=None, dtype=None):
    """The length of a normal vector of two components with standard deviation `scale`."""
    key, shape, dtype, scale = sampler_arguments("rayleigh", key, shape, dtype, scale=scale)
    return sqrt(log(unit_floats(key, shape, dtype)) * -2) * scale


def triangular(key, left, mode, right, shape=None, dtype=None):
    """Density rising linearly from `left` to `mode` and falling linearly to `right`."""
    key, shape, dtype, left, mode, right = sampler_arguments(
        "triangular", key, shape, dtype, left=left, mode=mode, right=right
    )
    u = unit_floats(key, shape, dtype)
    rising = left + sqrt(u * (right - left) * (mode - left))
    falling = right - sqrt((1 - u) * (right - left) * (right - mode))
    return where(u < (mode - left) / (right - left), rising, falling)


# ------------------------------------------------------------------------------------------------- shape parameters


def pareto(key, b, shape=None, dtype=None):
    """Density b / x**(b + 1), x >= 1."""
    key, shape, dtype, b = sampler_arguments("pareto", key, shape, dtype, b=b)
    return exp(exponential(key, shape, dtype) / b)


def weibull_min(key, scale, concentration, shape=(), dtype=None):
    """Distribution function 1 - exp(-(x / scale)**concentration), x >= 0."""
    key, shape, dtype, scale, concentration = sampler_arguments(
        "weibull_min", key, shape, dtype, scale=scale, concentration=concentration
    )
    return power(-log1p(-unit_floats(key, shape, dtype)), 1 / concentration) * scale


def wald(key, mean, shape=None, dtype=None):
    """The inverse Gaussian distribution with this mean and scale 1: Michael, Schucany, Haas 1976."""
    key, shape, dtype, mean = sampler_arguments("wald", key, shape, dtype, mean=mean)
    normal_key, uniform_key = split(key)
    y = standard_normal(normal_key, shape, dtype) ** 2
    root = mean + (mean * mean * y) / 2 - (mean / 2) * sqrt(4 * mean * y + mean * mean * (y * y))
    u = unit_floats(uniform_key, shape, dtype)
    return where(u <= mean / (mean + root), root, mean * mean / root)


def draw_gamma(key, a, shape, log_space):
    return random_gamma(key, broadcast_to(a, shape), log_space=log_space)


def gamma(key, a, shape=None, dtype=None):
    """Density x**(a - 1) exp(-x) / gamma(a). The derivative by `a` is that of the quantile."""
    key, shape, dtype, a = sampler_arguments("gamma", key, shape, dtype, a=a)
    return draw_gamma(key, a, shape, log_space=False)


def loggamma(key, a, shape=None, dtype=None):
    """The logarithm of a gamma sample, accurate for small `a`, where the sample itself would round to 0."""
    key, shape, dtype, a = sampler_arguments("loggamma", key, shape, dtype, a=a)
    return draw_gamma(key, a, shape, log_space=True)


def beta(key, a, b, shape=None, dtype=None):
    """Density proportional to x**(a - 1) (1 - x)**(b - 1)."""
    key, shape, dtype, a, b = sampler_arguments("beta", key, shape, dtype, a=a, b=b)
    log_a, log_b = [draw_gamma(each, value, shape, log_space=True) for each, value in zip(split(key), (a, b))]
    largest = maximum(log_a, log_b)
    gamma_a, gamma_b = exp(log_a - largest), exp(log_b - largest)
    return gamma_a / (gamma_a + gamma_b)


def chisquare(key, df, shape=None, dtype=None):
    """The sum of `df` squares of standard normal numbers; df need not be whole."""
    key, shape, dtype, df = sampler_arguments("chisquare", key, shape, dtype, df=df)
    return 2 * exp(draw_gamma(key, df / 2, shape, log_space=True))


def f(key, dfnum, dfden, shape=None, dtype=None):
    """The quotient of two chi-square samples, each divided by its degrees of freedom."""
    key, shape, dtype, dfnum, dfden = sampler_arguments("f", key, shape, dtype, dfnum=dfnum, dfden=dfden)
    key_den, key_num = split(key)
    return (chisquare(key_num, dfnum, shape, dtype) / dfnum) / (chisquare(key_den, dfden, shape, dtype) / dfden)


def t(key, df, shape=None, dtype=None):
    """Student's t with `df` degrees of freedom."""
    key, shape, dtype, df = sampler_arguments("t", key, shape, dtype, df=df)
    normal_key, gamma_key = split(key)
    return standard_normal(normal_key, shape, dtype) * sqrt((df / 2) / draw_gamma(gamma_key, df / 2, shape, False))


def generalized_normal(key, p, shape=(), dtype=None):
    """Density proportional to exp(-|x|**p)."""
    key, shape, dtype, p = sampler_arguments("generalized_normal", key, shape, dtype, p=p)
    gamma_key, sign_key = split(key)
    return rademacher(sign_key, shape, dtype) * draw_gamma(gamma_key, 1 / p, shape, False) ** (1 / p)
