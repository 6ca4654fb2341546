"""Sine, cosine, tangent.

Relies on table and the intrinsics.

x = n pi/2 + r with |r| <= pi/4: pi/2 is given in three parts, and fma subtracts their multiples without loss. This
holds while n is not too large; beyond, libm computes (see `rescued_by_libm`), at its speed.
"""

import numpy as np
from numba import float32

from vgrad.compiler.intrinsics import (
    add_i32,
    bit_and_i32,
    bit_xor_i32,
    bits_f32,
    bits_f64,
    float_of_bits_f32,
    float_of_bits_f64,
    fma_f32,
    fma_f64,
    polynomial,
    rescued_by_libm,
    select,
    shift_left_i32,
)
from vgrad.compiler.mathlib.table import mathlib_function

INT32, INT64 = "i32", "i64"  # kinds of operands
MAGIC_F32, MAGIC_F64 = (
    np.float32(12582912),
    6755399441055744.0,
)  # 1.5 * 2^23, 1.5 * 2^52: x + MAGIC ends in the bits of round(x)
TWO_BY_PI_F32, TWO_BY_PI_F64 = np.float32(0.63661975), 0.6366197723675814
# pi / 2 in three parts
HALF_PI_1_F32, HALF_PI_2_F32, HALF_PI_3_F32 = (
    np.float32(1.5707964),
    np.float32(-4.371139e-08),
    np.float32(-1.7151245e-15),
)
HALF_PI_1_F64, HALF_PI_2_F64, HALF_PI_3_F64 = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33

# (sin(r) - r) / r^3 of r^2 on |r| <= pi/4, relative to sin(r): 2^-28.0 and 2^-68.7
sine_tail_f32 = polynomial("f32", (-0.16666655, 0.008332156, -0.00019514629))
sine_tail_f64 = polynomial("f64", (
    -0.16666666666666666, 0.008333333333333323, -0.0001984126984125465, 2.755731921398518e-06, -2.5052104860788867e-08,
    1.605836044227272e-10, -7.578403410960453e-13,
))  # fmt: skip
# (cos(r) - 1 + r^2 / 2) / r^4 of r^2 there, relative to cos(r): 2^-33.0 and 2^-63.9
cosine_tail_f32 = polynomial("f32", (0.041666646, -0.001388731, 2.4432415e-05))
cosine_tail_f64 = polynomial("f64", (
    0.041666666666666595, -0.0013888888888872893, 2.4801587288747478e-05, -2.755731414842004e-07,
    2.0875696545611557e-09, -1.1358309141177366e-11,
))  # fmt: skip

LIMIT_F32, LIMIT_F64 = 131072.0, 1048576.0
sine_rescued_f32, sine_rescued_f64 = rescued_by_libm("sin", "f32", LIMIT_F32), rescued_by_libm("sin", "f64", LIMIT_F64)
cosine_rescued_f32, cosine_rescued_f64 = (
    rescued_by_libm("cos", "f32", LIMIT_F32),
    rescued_by_libm("cos", "f64", LIMIT_F64),
)
tangent_rescued_f32, tangent_rescued_f64 = (
    rescued_by_libm("tan", "f32", LIMIT_F32),
    rescued_by_libm("tan", "f64", LIMIT_F64),
)


@mathlib_function
def quarter_rest_f32(x, n):
    """x - n pi/2 for an integral float n."""
    return fma_f32(n, -HALF_PI_3_F32, fma_f32(n, -HALF_PI_2_F32, fma_f32(n, -HALF_PI_1_F32, x)))


@mathlib_function
def quarter_rest_f64(x, n):
    return fma_f64(n, -HALF_PI_3_F64, fma_f64(n, -HALF_PI_2_F64, fma_f64(n, -HALF_PI_1_F64, x)))


@mathlib_function
def wave_f32(r, quarter: INT32):
    """sin(r + quarter pi/2) for |r| <= pi/4."""
    z = r * r
    sine = fma_f32(r * z, sine_tail_f32(z), r)
    cosine = fma_f32(z, fma_f32(z, cosine_tail_f32(z), float32(-0.5)), float32(1))
    value = select(bit_and_i32(quarter, 1) == 0, sine, cosine)
    return float_of_bits_f32(bit_xor_i32(bits_f32(value), shift_left_i32(bit_and_i32(quarter, 2), 30)))


@mathlib_function
def wave_f64(r, quarter: INT64):
    z = r * r
    sine = fma_f64(r * z, sine_tail_f64(z), r)
    cosine = fma_f64(z, fma_f64(z, cosine_tail_f64(z), -0.5), 1.0)
    value = select(quarter & 1 == 0, sine, cosine)
    return float_of_bits_f64(bits_f64(value) ^ ((quarter & 2) << 62))


@mathlib_function
def sin_f32(x):
    shifted = fma_f32(x, TWO_BY_PI_F32, MAGIC_F32)
    r = quarter_rest_f32(x, shifted - MAGIC_F32)
    return sine_rescued_f32(x, select(x == float32(0), x, wave_f32(r, bits_f32(shifted))))


@mathlib_function
def sin_f64(x):
    shifted = fma_f64(x, TWO_BY_PI_F64, MAGIC_F64)
    r = quarter_rest_f64(x, shifted - MAGIC_F64)
    return sine_rescued_f64(x, select(x == 0.0, x, wave_f64(r, bits_f64(shifted))))


@mathlib_function
def cos_f32(x):
    shifted = fma_f32(x, TWO_BY_PI_F32, MAGIC_F32)
    r = quarter_rest_f32(x, shifted - MAGIC_F32)
    return cosine_rescued_f32(x, wave_f32(r, add_i32(bits_f32(shifted), 1)))


@mathlib_function
def cos_f64(x):
    shifted = fma_f64(x, TWO_BY_PI_F64, MAGIC_F64)
    r = quarter_rest_f64(x, shifted - MAGIC_F64)
    return cosine_rescued_f64(x, wave_f64(r, bits_f64(shifted) + 1))


@mathlib_function
def tan_f32(x):
    shifted = fma_f32(x, TWO_BY_PI_F32, MAGIC_F32)
    r = quarter_rest_f32(x, shifted - MAGIC_F32)
    quarter = bits_f32(shifted)
    quotient = wave_f32(r, quarter) / wave_f32(r, add_i32(quarter, 1))
    return tangent_rescued_f32(x, select(x == float32(0), x, quotient))


@mathlib_function
def tan_f64(x):
    shifted = fma_f64(x, TWO_BY_PI_F64, MAGIC_F64)
    r = quarter_rest_f64(x, shifted - MAGIC_F64)
    quarter = bits_f64(shifted)
    quotient = wave_f64(r, quarter) / wave_f64(r, quarter + 1)
    return tangent_rescued_f64(x, select(x == 0.0, x, quotient))
