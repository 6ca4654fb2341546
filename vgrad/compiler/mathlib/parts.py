"""Parts of numbers: the exponent of a float and its neighbours, the real part of a complex quotient.

Relies on table and the intrinsics.
"""

import numpy as np
from numba import float32, int32, int64

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    add_i32,
    bit_and_i32,
    bit_or_i32,
    bits_f32,
    bits_f64,
    copysign_f32,
    copysign_f64,
    float_of_bits_f32,
    float_of_bits_f64,
    maximum_i32,
    minimum_i32,
    select,
    shift_left_i32,
    shift_right_i32,
    subtract_i32,
)
from vgrad.compiler.mathlib.table import mathlib_function

INT32 = "i32"  # the kind of a result
# The least floats that are not denormal, and powers of two that make denormal ones so.
NORMAL_F32, NORMAL_F64 = np.float32(2.0**-126), 2.0**-1022
SCALE_F32, SCALE_F64 = np.float32(2.0**24), 2.0**54
# The bits of the mantissa, and those of 1/2.
MANTISSA_F32, MANTISSA_F64 = 0x007FFFFF, 0x000FFFFFFFFFFFFF
HALF_BITS_F32, HALF_BITS_F64 = 0x3F000000, 0x3FE0000000000000


@mathlib_function
def binary_exponent_f32(x) -> INT32:
    """The exponent that frexp gives: x = m 2^e with 1/2 <= |m| < 1; 0 for zeros, infinities and NaN."""
    size = abs_f32(x)
    denormal = size < NORMAL_F32
    biased = shift_right_i32(bits_f32(select(denormal, size * SCALE_F32, size)), 23)
    exponent = subtract_i32(biased, select(denormal, int32(126 + 24), int32(126)))
    return select((size > float32(0)) & (size < float32(np.inf)), exponent, int32(0))


@mathlib_function
def binary_exponent_f64(x) -> INT32:
    size = abs_f64(x)
    denormal = size < NORMAL_F64
    biased = int32(bits_f64(select(denormal, size * SCALE_F64, size)) >> 52)
    exponent = subtract_i32(biased, select(denormal, int32(1022 + 54), int32(1022)))
    return select((size > 0.0) & (size < np.inf), exponent, int32(0))


@mathlib_function
def complex_quotient_f32(a, b, c, d):
    """Real part of (a + b i) / (c + d i), by Smith's algorithm in NumPy's order of operations."""
    by_real = abs_f32(c) >= abs_f32(d)
    large, small = select(by_real, c, d), select(by_real, d, c)
    first, second = select(by_real, a, b), select(by_real, b, a)
    ratio = small / large
    quotient = (first + second * ratio) * (float32(1) / (large + small * ratio))
    return select(by_real & (large == float32(0)), first / abs_f32(large), quotient)


@mathlib_function
def complex_quotient_f64(a, b, c, d):
    by_real = abs_f64(c) >= abs_f64(d)
    large, small = select(by_real, c, d), select(by_real, d, c)
    first, second = select(by_real, a, b), select(by_real, b, a)
    ratio = small / large
    quotient = (first + second * ratio) * (1.0 / (large + small * ratio))
    return select(by_real & (large == 0.0), first / abs_f64(large), quotient)


@mathlib_function
def complex_reciprocal_f32(c, d):
    """Real part of 1 / (c + d i), as NumPy's reciprocal."""
    by_real = abs_f32(d) <= abs_f32(c)
    large, small = select(by_real, c, d), select(by_real, d, c)
    ratio = small / large
    return select(by_real, float32(1), ratio) / (large + small * ratio)


@mathlib_function
def complex_reciprocal_f64(c, d):
    by_real = abs_f64(d) <= abs_f64(c)
    large, small = select(by_real, c, d), select(by_real, d, c)
    ratio = small / large
    return select(by_real, 1.0, ratio) / (large + small * ratio)


@mathlib_function
def power_of_two_f32(exponent: INT32):
    """2^exponent in the range of normal floats."""
    return float_of_bits_f32(shift_left_i32(add_i32(exponent, int32(127)), 23))


@mathlib_function
def power_of_two_f64(exponent: INT32):
    return float_of_bits_f64(int64(add_i32(exponent, int32(1023))) << 52)


@mathlib_function
def ldexp_f32(x, exponent: INT32):
    """x * 2^exponent for |exponent| <= 2^30, rounded once."""
    size = abs_f32(x)
    bits = bits_f32(select(size < NORMAL_F32, size * SCALE_F32, size))
    mantissa = float_of_bits_f32(bit_or_i32(bit_and_i32(bits, MANTISSA_F32), HALF_BITS_F32))
    total = add_i32(binary_exponent_f32(x), exponent)
    total = minimum_i32(maximum_i32(total, int32(-160)), int32(160))
    first = shift_right_i32(total, 1)
    second = subtract_i32(total, first)
    # the product by the first power is exact
    result = mantissa * power_of_two_f32(first) * power_of_two_f32(second)
    return select((size > float32(0)) & (size < float32(np.inf)), copysign_f32(result, x), x)


@mathlib_function
def ldexp_f64(x, exponent: INT32):
    size = abs_f64(x)
    bits = bits_f64(select(size < NORMAL_F64, size * SCALE_F64, size))
    mantissa = float_of_bits_f64((bits & MANTISSA_F64) | HALF_BITS_F64)
    total = add_i32(binary_exponent_f64(x), exponent)
    total = minimum_i32(maximum_i32(total, int32(-1100)), int32(1100))
    first = shift_right_i32(total, 1)
    second = subtract_i32(total, first)
    # the product by the first power is exact
    result = mantissa * power_of_two_f64(first) * power_of_two_f64(second)
    return select((size > 0.0) & (size < np.inf), copysign_f64(result, x), x)


@mathlib_function
def nextafter_f32(x, y):
    """The float next to x in the direction of y."""
    away = select((x < y) == (x > float32(0)), int32(1), int32(-1))
    moved = float_of_bits_f32(add_i32(bits_f32(x), away))
    moved = select(x == float32(0), copysign_f32(float_of_bits_f32(1), y), moved)
    return select((x != x) | (y != y), x + y, select(x == y, y, moved))


@mathlib_function
def nextafter_f64(x, y):
    away = select((x < y) == (x > 0.0), 1, -1)
    moved = float_of_bits_f64(bits_f64(x) + away)
    moved = select(x == 0.0, copysign_f64(float_of_bits_f64(1), y), moved)
    return select((x != x) | (y != y), x + y, select(x == y, y, moved))
