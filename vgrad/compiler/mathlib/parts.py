"""Parts of numbers: the exponent of a float, the real part of a complex quotient.

Relies on table and the intrinsics.
"""

import numpy as np
from numba import float32, int32

from vgrad.compiler.intrinsics import abs_f32, abs_f64, bits_f32, bits_f64, select, shift_right_i32, subtract_i32
from vgrad.compiler.mathlib.table import mathlib_function

INT32 = "i32"  # the kind of a result
# The least floats that are not denormal, and powers of two that make denormal ones so.
NORMAL_F32, NORMAL_F64 = np.float32(2.0**-126), 2.0**-1022
SCALE_F32, SCALE_F64 = np.float32(2.0**24), 2.0**54


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
