"""Bits, uniform floats, integers, coin flips: what all other samplers are made of.

Relies on keys and arguments. A sampler draws all its bits from its key: the same key gives the same samples, whatever
the transformation, and the samples of jax.random (its partitionable Threefry) for the same dtype.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.numpy.operands import operand
from vgrad.primitives.bits import shift_right_arithmetic
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.primitives.comparison import clamp, gt, lt, maximum, select
from vgrad.primitives.elementwise import add, mul, remainder, sub
from vgrad.primitives.threefry import random_bits
from vgrad.random.arguments import (
    fitted_shape,
    float_dtype,
    int_dtype,
    real_parameters,
    sampler_arguments,
    shape_of,
    single_key,
    uint_dtype,
)
from vgrad.random.keys import split

__all__ = ["bernoulli", "bits", "rademacher", "randint", "uniform"]


def bits(key, shape=(), dtype=None):
    """Uniform random unsigned integers over the whole range of the dtype (uint8 to uint64).

    dtype   None: as wide as the default float
    """
    key = single_key("bits", key)
    dtype = uint_dtype("bits", dtype)
    return random_bits(key, shape=shape_of("bits", shape), bit_width=8 * dtype.itemsize)


def unit_floats(key, shape, dtype):
    """Uniform in [0, 1): multiples of the spacing of floats just above 1."""
    info = np.finfo(dtype)
    random = random_bits(key, shape=shape, bit_width=info.bits)
    kept = shift_right_arithmetic(random, random.dtype.type(info.bits - info.nmant))
    return mul(convert_to(kept, dtype), dtype.type(2.0**-info.nmant))


def floats_between(key, shape, dtype, minval, maxval):
    """Uniform in [minval, maxval); the bounds have the dtype or are Python numbers."""
    low, high = dtype.type(minval) if isinstance(minval, float) else minval, maxval
    high = dtype.type(high) if isinstance(high, float) else high
    return maximum(low, add(mul(unit_floats(key, shape, dtype), sub(high, low)), low))


def uniform(key, shape=(), dtype=None, minval=0.0, maxval=1.0):
    """Uniform floats in [minval, maxval), differentiable in both.

    minval, maxval      scalars or arrays that broadcast to `shape`
    """
    if type(minval) is float and type(maxval) is float and (minval, maxval) == (0.0, 1.0):
        return unit_floats(single_key("uniform", key), shape_of("uniform", shape), float_dtype("uniform", dtype))
    key, shape, dtype, low, high = sampler_arguments("uniform", key, shape, dtype, minval=minval, maxval=maxval)
    return floats_between(key, shape, dtype, low, high)


def bernoulli(key, p=0.5, shape=None):
    """True with probability p. The shape is that of p when it is None."""
    key = single_key("bernoulli", key)
    p = operand(p, "bernoulli: p")
    dtype = type_of(p).dtype if type_of(p).dtype.kind == "f" else float_dtype("bernoulli", None)
    p = real_parameters("bernoulli", dtype, p=p)["p"]
    return lt(unit_floats(key, fitted_shape("bernoulli", shape, p=p), dtype), p)


def rademacher(key, shape=(), dtype=None):
    """-1 or 1, each with probability 1/2; integers unless dtype says otherwise."""
    key = single_key("rademacher", key)
    dtype = int_dtype("rademacher", None) if dtype is None else np.dtype(dtype)
    heads = bernoulli(key, 0.5, shape_of("rademacher", shape))
    return sub(mul(dtype.type(2), convert_to(heads, dtype)), dtype.type(1))


def whole_number(name, value):
    """The value as an integer operand of shape and dtype of its own; floats are cut off."""
    value = operand(value, name)
    type_ = type_of(value)
    if type_.dtype.kind == "c":
        raise TypeError(f"{name} must be an integer, got dtype {type_.dtype}.")
    return convert_to(value, type_.dtype if type_.dtype.kind in "iu" else np.dtype(np.int64))


def clipped(value, dtype):
    """(the integers clipped to the range of `dtype` and converted to it, where they were above it)."""
    own, wanted = np.iinfo(type_of(value).dtype), np.iinfo(dtype)
    low, high = [own.dtype.type(bound) for bound in (max(own.min, wanted.min), min(own.max, wanted.max))]
    return convert_to(clamp(low, value, high), dtype), gt(value, high)


@np.errstate(over="ignore")  # arithmetic is modulo a power of 2, which NumPy reports for scalars
def randint(key, shape, minval, maxval, dtype=None):
    """Integers in [minval, maxval), or minval where maxval <= minval.

    minval, maxval      integers, scalars or arrays that broadcast to `shape`; clipped to the range of the dtype
    dtype               None: an int as wide as the default float
    Twice as many bits are drawn as the dtype has (64 for narrow ones), so that the remainder by the span is nearly
    unbiased.
    """
    key = single_key("randint", key)
    dtype = np.dtype(type_of(0).dtype if dtype is int else dtype) if dtype is not None else int_dtype("randint", None)
    if dtype.kind not in "iu":
        raise TypeError(f"randint only accepts integer dtypes, got {dtype}.")
    minval, maxval = whole_number("randint: minval", minval), whole_number("randint: maxval", maxval)
    shape = fitted_shape("randint", shape, minval=minval, maxval=maxval)
    (low, _), (high, beyond) = clipped(minval, dtype), clipped(maxval, dtype)
    width = max(8 * dtype.itemsize, 32)
    unsigned = np.dtype(f"uint{width}")
    one = unsigned.type(1)

    nonempty = gt(high, low)
    span = select(nonempty, sub(convert_to(high, unsigned), convert_to(low, unsigned)), one)
    # One more when maxval is the dtype's maximum plus one; 0 then stands for all numbers of the dtype.
    span = select(beyond & nonempty, add(span, one), span)
    half = remainder_of(unsigned.type(2 ** (width // 2)), span)
    multiplier = remainder_of(mul(half, half), span)
    high_bits, low_bits = [random_bits(each, shape=shape, bit_width=width) for each in split(key)]
    offset = add(mul(remainder_of(high_bits, span), multiplier), remainder_of(low_bits, span))
    return broadcast_to(add(low, convert_to(remainder_of(offset, span), dtype)), shape)


def remainder_of(value, span):
    """value modulo span, where a span of 0 leaves the value as it is."""
    return select(lt(0, span), remainder(value, maximum(span, type_of(span).dtype.type(1))), value)
