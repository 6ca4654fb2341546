"""Distributions of whole numbers: Poisson, geometric, binomial, multinomial.

Relies on uniform and the rejection samplers. Samples have no derivative by the parameters.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.lax.control import scan
from vgrad.numpy.math import floor, log, log1p
from vgrad.numpy.reductions import cumsum
from vgrad.numpy.selection import clip, where
from vgrad.numpy.shape import flip, moveaxis
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.primitives.rejection import random_binomial, random_poisson
from vgrad.random.arguments import (
    fitted_shape,
    float_dtype,
    int_dtype,
    real_parameters,
    sampler_arguments,
    shape_of,
    single_key,
)
from vgrad.random.keys import split
from vgrad.random.uniform import floats_between

__all__ = ["binomial", "geometric", "multinomial", "poisson"]


def poisson(key, lam, shape=None, dtype=None):
    """Counts with mean `lam`, integers; -1 where lam is NaN. The rate is used in float32."""
    dtype = int_dtype("poisson", dtype)
    key, shape, _, rate = sampler_arguments("poisson", key, shape, np.float32, lam=lam)
    return random_poisson(key, broadcast_to(rate, shape), dtype=dtype)


@np.errstate(divide="ignore")  # p = 0 and p = 1 are valid: infinitely many trials, one trial
def geometric(key, p, shape=None, dtype=None):
    """Trials until the first success of probability p, at least 1; the largest integer where p is 0."""
    dtype = int_dtype("geometric", dtype)
    key, shape, float_type, p = sampler_arguments("geometric", key, shape, None, p=p)
    u = floats_between(key, shape, float_type, np.finfo(float_type).tiny, float_type.type(1))
    most = np.iinfo(dtype).max
    trials = floor(log(u) / log1p(-p)) + 1
    return where(trials < most, convert_to(where(trials < most, trials, 0), dtype), dtype.type(most))


def binomial(key, n, p, shape=None, dtype=None):
    """Successes among n trials of probability p, as floats; NaN where n or p is not valid.

    About one sample in a thousand is not jax.random's, which takes the error of Stirling's formula at 9 for all larger
    numbers.
    """
    key, shape, _, n, p = sampler_arguments("binomial", key, shape, dtype, n=n, p=p)
    return random_binomial(key, broadcast_to(n, shape), broadcast_to(p, shape))


def multinomial(key, n, p, *, shape=None, dtype=None, unroll=1):
    """How often each category comes up in n trials, as floats.

    Shapes: p (..., categories), its sums need not be 1; n (...); shape, when given, includes the categories
    """
    key, dtype = single_key("multinomial", key), float_dtype("multinomial", dtype)
    n, p = real_parameters("multinomial", dtype, n=n, p=p).values()
    if type_of(p).ndim == 0:
        raise ShapeError("multinomial: p must have an axis of categories, got shape ().")
    categories = type_of(p).shape[-1:]
    first = convert_to(p[..., 0], dtype) if categories[0] else np.zeros(type_of(p).shape[:-1], dtype)
    if shape is not None and shape_of("multinomial", shape)[-1:] != categories:
        raise ShapeError(f"multinomial: shape {shape} must end with the categories of p of shape {type_of(p).shape}.")
    lead = fitted_shape("multinomial", None if shape is None else shape_of("multinomial", shape)[:-1], n=n, p=first)
    p = moveaxis(broadcast_to(p, lead + categories), -1, 0)
    remaining = flip(cumsum(flip(p, 0), axis=0), 0)
    ratios = clip(p / where(remaining == 0, 1, remaining), 0, 1)

    def draw(trials, row):
        ratio, row_key = row
        count = random_binomial(row_key, trials, ratio)
        return trials - count, count

    _, counts = scan(draw, broadcast_to(n, lead), (ratios, split(key, categories[0])), unroll=unroll)
    return moveaxis(counts, 0, -1)
