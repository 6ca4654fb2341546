"""Exponentials and logarithms, and the functions made of them: logistic, tanh.

Relies on table and the intrinsics.

exp(x) = 2^(2k) exp(r) with x = 2 k ln 2 + r, |r| <= ln 2. An even exponent costs one or two more terms than the usual
|r| <= ln 2 / 2, but 2^k * 2^k then never leaves the normal range on the way to a denormal or to infinity. k is had by
adding 1.5 * 2^23 (2^52), which leaves it in the low bits of the sum; with the bias of the exponent added, one shift
makes the bits of 2^k.

log(x) = e ln 2 + log(1 + f) with x = 2^e (1 + f), 1 + f between the roots of 1/2 and 2.
"""

import numpy as np
from numba import float32

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    add_i32,
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
    shift_right_i32,
    subtract_i32,
)
from vgrad.compiler.mathlib.table import mathlib_function

# --------------------------------------------------------------------------------------------------------- exponentials

# 1.5 * 2^23 and the bias: the low bits of x + MAGIC are round(x) + bias
MAGIC_F32, MAGIC_F64 = np.float32(12582912 + 127), 6755399441055744.0 + 1023
HALF_LOG2E_F32, HALF_LOG2E_F64 = np.float32(0.7213475204444817), 0.7213475204444817  # 1 / (2 ln 2)
TWO_LOG2E_F32, HALF_LN2_F32 = np.float32(2.885390081777927), np.float32(0.34657359027997264)
# 2 ln 2 in two parts
TWO_LN2_HIGH_F32, TWO_LN2_LOW_F32 = np.float32(1.3862944), np.float32(-3.8093084e-09)
TWO_LN2_HIGH_F64, TWO_LN2_LOW_F64 = 1.3862943611198906, 4.638093627692599e-17

# (e^r - 1 - r) / r^2 on |r| <= ln 2, relative to e^r: 2^-30.6 and 2^-61.7
exp_tail_f32 = polynomial(
    "f32", (0.5, 0.16666675, 0.04166652, 0.008332496, 0.0013893894, 0.00020115136, 2.443322e-05)
)  # fmt: skip
exp_tail_f64 = polynomial("f64", (
    0.5, 0.16666666666666652, 0.04166666666666734, 0.0083333333333383, 0.0013888888888795865, 0.00019841269835448733,
    2.480158735884718e-05, 2.755732247578089e-06, 2.755730199616476e-07, 2.505117008451709e-08, 2.0879144450427383e-09,
    1.6194031652943125e-10, 1.1376445053363064e-11,
))  # fmt: skip
# the same relative to e^r - 1: 2^-29.4 and 2^-60.3
expm1_tail_f32 = polynomial(
    "f32", (0.5, 0.16666673, 0.04166662, 0.008332602, 0.0013890485, 0.00020100623, 2.478078e-05)
)  # fmt: skip
expm1_tail_f64 = polynomial("f64", (
    0.5, 0.16666666666666657, 0.04166666666666684, 0.008333333333336733, 0.0013888888888859894, 0.0001984126983674119,
    2.4801587321342566e-05, 2.755732199223158e-06, 2.7557313089580775e-07, 2.505125413733266e-08,
    2.0877528398801876e-09, 1.618851293649931e-10, 1.1468683147961335e-11,
))  # fmt: skip

# (exp(2 r) - 1 - 2 r) / r^2 on |r| <= ln 2 / 4, relative to exp(2 r) - 1: 2^-26.1
expm1_double_tail_f32 = polynomial("f32", (1.9999999, 1.3333235, 0.6666752, 0.26772952, 0.08884811))

# (tanh(x) - x) / x^3 of x^2 on |x| <= 0.56, relative to tanh(x): 2^-60.0
tanh_tail_f64 = polynomial("f64", (
    -0.3333333333333328, 0.13333333333323943, -0.053968253962190106, 0.02186948834045152, -0.008863231850418315,
    0.0035920843761816095, -0.0014554931463715889, 0.0005882384168896689, -0.0002328534837786454,
    8.255458760713108e-05, -1.9021560867668894e-05,
))  # fmt: skip


@mathlib_function
def exp_f32(x):
    x = select(float32(90) < x, float32(90), x)
    x = select(float32(-105) > x, float32(-105), x)
    shifted = fma_f32(x, HALF_LOG2E_F32, MAGIC_F32)
    k = shifted - MAGIC_F32
    r = fma_f32(k, -TWO_LN2_LOW_F32, fma_f32(k, -TWO_LN2_HIGH_F32, x))
    power = float_of_bits_f32(shift_left_i32(bits_f32(shifted), 23))
    return fma_f32(fma_f32(r, exp_tail_f32(r), float32(1)), r, float32(1)) * power * power


@mathlib_function
def exp_f64(x):
    x = select(711.0 < x, 711.0, x)
    x = select(-746.0 > x, -746.0, x)
    shifted = fma_f64(x, HALF_LOG2E_F64, MAGIC_F64)
    k = shifted - MAGIC_F64
    r = fma_f64(k, -TWO_LN2_LOW_F64, fma_f64(k, -TWO_LN2_HIGH_F64, x))
    power = float_of_bits_f64(bits_f64(shifted) << 52)
    return fma_f64(fma_f64(r, exp_tail_f64(r), 1.0), r, 1.0) * power * power


@mathlib_function
def exp_product_f32(x, low, factor):
    """factor * exp(x + low), where low is what x lacks of an exact sum: some last places of x.

    The product does not pass through a denormal or infinite exp(x): the factor may be as far from 1 as 2^-60 or 2^60.
    """
    y = select(float32(132) < x, float32(132), x)
    y = select(float32(-147) > y, float32(-147), y)
    shifted = fma_f32(y, HALF_LOG2E_F32, MAGIC_F32)
    k = shifted - MAGIC_F32
    r = fma_f32(k, -TWO_LN2_HIGH_F32, y) + fma_f32(k, -TWO_LN2_LOW_F32, select(x == y, low, float32(0)))
    power = float_of_bits_f32(shift_left_i32(bits_f32(shifted), 23))
    return fma_f32(factor, fma_f32(r * r, exp_tail_f32(r), r), factor) * power * power


@mathlib_function
def exp_product_f64(x, low, factor):
    y = select(753.0 < x, 753.0, x)
    y = select(-788.0 > y, -788.0, y)
    shifted = fma_f64(y, HALF_LOG2E_F64, MAGIC_F64)
    k = shifted - MAGIC_F64
    r = fma_f64(k, -TWO_LN2_HIGH_F64, y) + fma_f64(k, -TWO_LN2_LOW_F64, select(x == y, low, 0.0))
    power = float_of_bits_f64(bits_f64(shifted) << 52)
    return fma_f64(factor, fma_f64(r * r, exp_tail_f64(r), r), factor) * power * power


@mathlib_function
def expm1_f32(x):
    y = select(float32(90) < x, float32(90), x)
    y = select(float32(-40) > y, float32(-40), y)
    shifted = fma_f32(y, HALF_LOG2E_F32, MAGIC_F32)
    k = shifted - MAGIC_F32
    r = fma_f32(k, -TWO_LN2_LOW_F32, fma_f32(k, -TWO_LN2_HIGH_F32, y))
    exponent = shift_left_i32(bits_f32(shifted), 23)
    power = float_of_bits_f32(exponent)
    inverse = float_of_bits_f32(subtract_i32(0x7F000000, exponent))
    rest = fma_f32(r * r, expm1_tail_f32(r), r)
    return copysign_f32(fma_f32(rest, power, power - inverse) * power, x)


@mathlib_function
def expm1_f64(x):
    y = select(711.0 < x, 711.0, x)
    y = select(-80.0 > y, -80.0, y)
    shifted = fma_f64(y, HALF_LOG2E_F64, MAGIC_F64)
    k = shifted - MAGIC_F64
    r = fma_f64(k, -TWO_LN2_LOW_F64, fma_f64(k, -TWO_LN2_HIGH_F64, y))
    exponent = bits_f64(shifted) << 52
    power = float_of_bits_f64(exponent)
    inverse = float_of_bits_f64(0x7FE0000000000000 - exponent)
    rest = fma_f64(r * r, expm1_tail_f64(r), r)
    return copysign_f64(fma_f64(rest, power, power - inverse) * power, x)


@mathlib_function
def logistic_f32(x):
    small = exp_f32(-abs_f32(x))
    return select(x < float32(0), small, float32(1)) / (float32(1) + small)


@mathlib_function
def logistic_f64(x):
    small = exp_f64(-abs_f64(x))
    return select(x < 0.0, small, 1.0) / (1.0 + small)


@mathlib_function
def tanh_f32(x):
    """q = fall / (2 + fall) with fall = exp(-2 |x|) - 1, then a Newton step for what sum and quotient rounded away.

    The step has 1 / (2 + fall) = (1 - q) / 2. With y = -|x| = k ln 2 / 2 + r, fall is 2^k (exp(2 r) - 1) + 2^k - 1.
    """
    y = -abs_f32(x)
    y = select(float32(-20) > y, float32(-20), y)
    shifted = fma_f32(y, TWO_LOG2E_F32, MAGIC_F32)
    r = fma_f32(shifted - MAGIC_F32, -HALF_LN2_F32, y)
    power = float_of_bits_f32(shift_left_i32(bits_f32(shifted), 23))
    fall = fma_f32(fma_f32(r * r, expm1_double_tail_f32(r), r + r), power, power - float32(1))
    total = float32(2) + fall
    q = fall / total
    lost = fma_f32(-q, fall - (total - float32(2)), fma_f32(-q, total, fall))
    return copysign_f32(fma_f32(lost, fma_f32(float32(-0.5), q, float32(0.5)), q), x)


@mathlib_function
def tanh_f64(x):
    """A polynomial near 0; beyond, 1 - q, q = 2 e / (1 + e), e = exp(-2 |x|), improved by 1 / (1 + e) = 1 - q / 2."""
    size = abs_f64(x)
    z = size * size
    near = fma_f64(size * z, tanh_tail_f64(z), size)
    small = exp_f64(-2.0 * select(size > 22.0, 22.0, size))
    total = 1.0 + small
    q = 2.0 * small / total
    lost = fma_f64(-q, small - (total - 1.0), fma_f64(-q, total, 2.0 * small))
    return copysign_f64(select(size < 0.55, near, fma_f64(-lost, fma_f64(-0.5, q, 1.0), 1.0 - q)), x)


# ----------------------------------------------------------------------------------------------------------- logarithms

LN2_HIGH_F32, LN2_LOW_F32 = np.float32(0.6931472), np.float32(-1.9046542e-09)
LN2_HIGH_F64, LN2_LOW_F64 = 0.6931471805599453, 2.3190468138462996e-17
ROOT_HALF_BITS_F32, ROOT_HALF_BITS_F64 = 0x3F3504F3, 0x3FE6A09E667F3BCD
INTEGER_F32, INTEGER_F64 = (
    np.float32(12582912),
    6755399441055744.0,
)  # an integer added to the bits of this is added to it
INTEGER_BITS_F32, INTEGER_BITS_F64 = 0x4B400000, 0x4338000000000000

# (log(1 + f) - f + f^2 / 2) / f^3 for 1 + f from sqrt(1/2) to sqrt(2): 2^-29.9
log_tail_f32 = polynomial("f32", (
    0.33333305, -0.24999972, 0.2000269, -0.1667059, 0.14209832, -0.123527825, 0.119081795, -0.12006352, 0.07106236,
))  # fmt: skip
# (log((1 + s) / (1 - s)) - 2 s) / s^3 of s^2 there, with s = f / (2 + f): 2^-59.3
log_tail_f64 = polynomial("f64", (
    0.6666666666666744, 0.399999999993409, 0.2857142876026737, 0.22222196601709862, 0.18183673291210947,
    0.15311109081074167, 0.14826808795838858,
))  # fmt: skip


@mathlib_function
def log_mantissa_rest_f32(f):
    """log(1 + f) - f for 1 + f between sqrt(1/2) and sqrt(2)."""
    return f * f * fma_f32(f, log_tail_f32(f), float32(-0.5))


@mathlib_function
def log_mantissa_rest_f64(f):
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    return fma_f64(s, fma_f64(z, log_tail_f64(z), half_square), -half_square)


@mathlib_function
def log_f32(x):
    denormal = x < float32(1.1754944e-38)
    y = select(denormal, x * float32(16777216), x)
    exponent = shift_right_i32(subtract_i32(bits_f32(y), ROOT_HALF_BITS_F32), 23)
    f = float_of_bits_f32(subtract_i32(bits_f32(y), shift_left_i32(exponent, 23))) - float32(1)
    e = float_of_bits_f32(add_i32(exponent, INTEGER_BITS_F32)) - select(
        denormal, INTEGER_F32 + float32(24), INTEGER_F32
    )
    result = fma_f32(e, LN2_HIGH_F32, f + fma_f32(e, LN2_LOW_F32, log_mantissa_rest_f32(f)))
    return log_or_edge_f32(x, result)


@mathlib_function
def log_f64(x):
    denormal = x < 2.2250738585072014e-308
    y = select(denormal, x * 18014398509481984.0, x)
    exponent = (bits_f64(y) - ROOT_HALF_BITS_F64) >> 52
    f = float_of_bits_f64(bits_f64(y) - (exponent << 52)) - 1.0
    e = float_of_bits_f64(exponent + INTEGER_BITS_F64) - select(denormal, INTEGER_F64 + 54.0, INTEGER_F64)
    result = fma_f64(e, LN2_HIGH_F64, f + fma_f64(e, LN2_LOW_F64, log_mantissa_rest_f64(f)))
    return log_or_edge_f64(x, result)


@mathlib_function
def log_or_edge_f32(x, result):
    """The logarithm's value at 0, below 0, at infinity and NaN, else the result."""
    edge = select(x == float32(0), float32(-np.inf), select(x < float32(0), float32(np.nan), x))
    return select((x > float32(0)) & (x < float32(np.inf)), result, edge)


@mathlib_function
def log_or_edge_f64(x, result):
    edge = select(x == 0.0, -np.inf, select(x < 0.0, np.nan, x))
    return select((x > 0.0) & (x < np.inf), result, edge)


@mathlib_function
def log_of_sum_f32(x, origin):
    """log(origin + x) for an origin of 1, or 0 if x is not denormal.

    As log, but 1 + f is had as (1 + x) / 2^e without rounding 1 + x: f = x where e = 0.
    """
    y = origin + x
    exponent = shift_left_i32(shift_right_i32(subtract_i32(bits_f32(y), ROOT_HALF_BITS_F32), 23), 23)
    inverse = float_of_bits_f32(subtract_i32(0x3F800000, exponent))
    large = float_of_bits_f32(subtract_i32(bits_f32(y), exponent)) - float32(1)
    f = select((origin == float32(0)) | (x > float32(1e9)), large, fma_f32(x, inverse, inverse - float32(1)))
    e = float_of_bits_f32(add_i32(shift_right_i32(exponent, 23), INTEGER_BITS_F32)) - INTEGER_F32
    result = fma_f32(e, LN2_HIGH_F32, f + fma_f32(e, LN2_LOW_F32, log_mantissa_rest_f32(f)))
    return log_or_edge_f32(y, result)


@mathlib_function
def log1p_f32(x):
    return copysign_f32(log_of_sum_f32(x, float32(1)), x)


@mathlib_function
def log_of_sum_f64(x, origin):
    y = origin + x
    exponent = ((bits_f64(y) - ROOT_HALF_BITS_F64) >> 52) << 52
    inverse = float_of_bits_f64(0x3FF0000000000000 - exponent)
    large = float_of_bits_f64(bits_f64(y) - exponent) - 1.0
    f = select((origin == 0.0) | (x > 1e18), large, fma_f64(x, inverse, inverse - 1.0))
    e = float_of_bits_f64((exponent >> 52) + INTEGER_BITS_F64) - INTEGER_F64
    result = fma_f64(e, LN2_HIGH_F64, f + fma_f64(e, LN2_LOW_F64, log_mantissa_rest_f64(f)))
    return log_or_edge_f64(y, result)


@mathlib_function
def log1p_f64(x):
    return copysign_f64(log_of_sum_f64(x, 1.0), x)
