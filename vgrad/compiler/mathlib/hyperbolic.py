"""Hyperbolic sine and cosine, and the inverse hyperbolic functions. The hyperbolic tangent is in exponential.

Relies on table, exponential and the intrinsics.

sinh and cosh are made of e^|x| / 2, which is finite wherever they are.
"""

import numpy as np
from numba import float32

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    bits_f32,
    bits_f64,
    copysign_f32,
    copysign_f64,
    float_of_bits_f32,
    float_of_bits_f64,
    fma_f32,
    fma_f64,
    polynomial,
    select,
    shift_left_i32,
    sqrt_f32,
    sqrt_f64,
)
from vgrad.compiler.mathlib.exponential import (
    HALF_LOG2E_F32,
    HALF_LOG2E_F64,
    MAGIC_F32,
    MAGIC_F64,
    TWO_LN2_HIGH_F32,
    TWO_LN2_HIGH_F64,
    TWO_LN2_LOW_F32,
    TWO_LN2_LOW_F64,
    exp_tail_f32,
    exp_tail_f64,
    log1p_f32,
    log1p_f64,
)
from vgrad.compiler.mathlib.table import mathlib_function

LN2_F32, LN2_F64 = np.float32(0.6931472), 0.6931471805599453
LARGE_F32, LARGE_F64 = np.float32(1e9), 1e18  # above, x^2 + 1 is x^2 and 1 + x is x; the squares are finite below

# (sinh(x) - x) / x^3 of x^2 on |x| <= 1, relative to sinh(x): 2^-27.5 and 2^-56.8
sinh_tail_f32 = polynomial("f32", (0.16666667, 0.00833335, 0.00019836161, 2.8169475e-06))
sinh_tail_f64 = polynomial("f64", (
    0.16666666666666666, 0.008333333333333333, 0.000198412698412696, 2.7557319224116247e-06, 2.5052108346516444e-08,
    1.6059050600607195e-10, 7.6464829217445e-13, 2.848232708443095e-15,
))  # fmt: skip


@mathlib_function
def half_exp_f32(x):
    """exp(x) / 2 for x >= 0."""
    x = select(float32(91) < x, float32(91), x)
    shifted = fma_f32(x, HALF_LOG2E_F32, MAGIC_F32)
    k = shifted - MAGIC_F32
    r = fma_f32(k, -TWO_LN2_LOW_F32, fma_f32(k, -TWO_LN2_HIGH_F32, x))
    power = float_of_bits_f32(shift_left_i32(bits_f32(shifted), 23))
    return fma_f32(fma_f32(r, exp_tail_f32(r), float32(1)), r, float32(1)) * power * (float32(0.5) * power)


@mathlib_function
def half_exp_f64(x):
    x = select(712.0 < x, 712.0, x)
    shifted = fma_f64(x, HALF_LOG2E_F64, MAGIC_F64)
    k = shifted - MAGIC_F64
    r = fma_f64(k, -TWO_LN2_LOW_F64, fma_f64(k, -TWO_LN2_HIGH_F64, x))
    power = float_of_bits_f64(bits_f64(shifted) << 52)
    return fma_f64(fma_f64(r, exp_tail_f64(r), 1.0), r, 1.0) * power * (0.5 * power)


@mathlib_function
def sinh_f32(x):
    size = abs_f32(x)
    half = half_exp_f32(size)
    near = fma_f32(size * size * size, sinh_tail_f32(size * size), size)
    return copysign_f32(select(size < float32(1), near, half - float32(0.25) / half), x)


@mathlib_function
def sinh_f64(x):
    size = abs_f64(x)
    half = half_exp_f64(size)
    near = fma_f64(size * size * size, sinh_tail_f64(size * size), size)
    return copysign_f64(select(size < 1.0, near, half - 0.25 / half), x)


@mathlib_function
def cosh_f32(x):
    half = half_exp_f32(abs_f32(x))
    return half + float32(0.25) / half


@mathlib_function
def cosh_f64(x):
    half = half_exp_f64(abs_f64(x))
    return half + 0.25 / half


@mathlib_function
def asinh_f32(x):
    """log(|x| + sqrt(x^2 + 1)), and log(2 |x|) for large ones."""
    size = abs_f32(x)
    large = size > LARGE_F32
    square = size * size
    growth = size + square / (float32(1) + sqrt_f32(square + float32(1)))
    return copysign_f32(log1p_f32(select(large, size, growth)) + select(large, LN2_F32, float32(0)), x)


@mathlib_function
def asinh_f64(x):
    size = abs_f64(x)
    large = size > LARGE_F64
    square = size * size
    growth = size + square / (1.0 + sqrt_f64(square + 1.0))
    return copysign_f64(log1p_f64(select(large, size, growth)) + select(large, LN2_F64, 0.0), x)


@mathlib_function
def acosh_f32(x):
    beyond = x - float32(1)
    large = x > LARGE_F32
    growth = beyond + sqrt_f32(fma_f32(beyond, beyond, float32(2) * beyond))
    result = log1p_f32(select(large, x, growth)) + select(large, LN2_F32, float32(0))
    return select(x < float32(1), float32(np.nan), result)


@mathlib_function
def acosh_f64(x):
    beyond = x - 1.0
    large = x > LARGE_F64
    growth = beyond + sqrt_f64(fma_f64(beyond, beyond, 2.0 * beyond))
    result = log1p_f64(select(large, x, growth)) + select(large, LN2_F64, 0.0)
    return select(x < 1.0, np.nan, result)


@mathlib_function
def atanh_f32(x):
    size = abs_f32(x)
    return copysign_f32(float32(0.5) * log1p_f32(float32(2) * size / (float32(1) - size)), x)


@mathlib_function
def atanh_f64(x):
    size = abs_f64(x)
    return copysign_f64(0.5 * log1p_f64(2.0 * size / (1.0 - size)), x)
