"""Powers, roots, logarithms to the bases 2 and 10, and the logarithm of a sum of exponentials.

Relies on table, exponential and the intrinsics.

pow(x, y) = exp(y log |x|) with the sign of an odd power. For float32 float64 is exact enough; for float64 the logarithm
and its multiple are sums of two floats, good to 2^-63 of themselves.

logaddexp is right within 4 units in the last place of the larger of the operands and the result: where the result is
near 0, two numbers cancel, as in NumPy.
"""

import numpy as np
from numba import float32, float64

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
    floor_f32,
    floor_f64,
    fma_f32,
    fma_f64,
    maximum_f32,
    maximum_f64,
    minimum_f32,
    minimum_f64,
    polynomial,
    round_even_f32,
    round_even_f64,
    select,
    shift_left_i32,
    shift_right_i32,
    sqrt_f32,
    sqrt_f64,
    subtract_i32,
    trunc_f64,
)
from vgrad.compiler.mathlib.exponential import (
    INTEGER_BITS_F32,
    INTEGER_BITS_F64,
    INTEGER_F32,
    INTEGER_F64,
    LN2_HIGH_F64,
    LN2_LOW_F64,
    ROOT_HALF_BITS_F32,
    ROOT_HALF_BITS_F64,
    exp_f32,
    exp_f64,
    exp_product_f64,
    exp_tail_f32,
    exp_tail_f64,
    log1p_f32,
    log1p_f64,
    log_f64,
    log_mantissa_rest_f32,
    log_mantissa_rest_f64,
    log_or_edge_f32,
    log_or_edge_f64,
)
from vgrad.compiler.mathlib.parts import NORMAL_F32, NORMAL_F64, SCALE_F32, SCALE_F64
from vgrad.compiler.mathlib.table import mathlib_function

LN2_F32, LN2_F64 = np.float32(0.6931472), 0.6931471805599453
LOG2E_HIGH_F32, LOG2E_LOW_F32 = np.float32(1.442695), np.float32(1.925963e-08)
LOG2E_HIGH_F64, LOG2E_LOW_F64 = 1.4426950408889634, 2.0355273740931033e-17
LOG10E_HIGH_F32, LOG10E_LOW_F32 = np.float32(0.4342945), np.float32(-1.010305e-08)
LOG10E_HIGH_F64, LOG10E_LOW_F64 = 0.4342944819032518, 1.098319650216765e-17
LOG10_2_HIGH_F32, LOG10_2_LOW_F32 = np.float32(0.30103), np.float32(-1.4320989e-08)
LOG10_2_HIGH_F64, LOG10_2_LOW_F64 = 0.3010299956639812, -2.8037281277851704e-18
TWO_THIRDS_HIGH, TWO_THIRDS_LOW = 0.6666666666666666, 3.700743415417188e-17
CBRT_2_F32, CBRT_4_F32 = np.float32(1.2599211), np.float32(1.587401)
CBRT_2_F64, CBRT_4_F64 = 1.2599210498948732, 1.5874010519681996
DIGITS_F32, DIGITS_F64 = np.float32(24), 54.0  # of SCALE, which is 2^24 and 2^54
CBRT_SCALE_F32, CBRT_SCALE_F64 = np.float32(2.0**-8), 2.0**-18
BIAS_F32, BIAS_F64 = np.float32(127), 1023.0
THIRD_F32, THIRD_F64 = np.float32(0.33333334), 0.3333333333333333
# Above BIG and below SMALL squares leave the normal range; then numbers are multiplied with these powers of two.
BIG_F32, BIG_F64 = np.float32(2.0**62), 2.0**510
SMALL_F32, SMALL_F64 = np.float32(2.0**-40), 2.0**-450
HUGE_SCALE_F32, HUGE_SCALE_F64 = np.float32(2.0**80), 2.0**600
TINY_SCALE_F32, TINY_SCALE_F64 = np.float32(2.0**-80), 2.0**-600
# 2^x is infinite or zero beyond these
HIGHEST_F32, HIGHEST_F64 = np.float32(130), 1026.0
LOWEST_F32, LOWEST_F64 = np.float32(-152), -1080.0
LARGEST_EXPONENT = 2.0**80  # of a power; the least logarithm but 0 is 2^-53
MANTISSA_F32, MANTISSA_F64 = 0x007FFFFF, 0x000FFFFFFFFFFFFF
ONE_BITS_F32, ONE_BITS_F64 = 0x3F800000, 0x3FF0000000000000

# cbrt(m) for 1 <= m <= 2: 2^-13.7 and 2^-22.5, before a step that triples the digits
cbrt_start_f32 = polynomial("f32", (0.55282634, 0.5871071, -0.16296417, 0.023103626))
cbrt_start_f64 = polynomial("f64", (
    0.4471363467458488, 0.9501203308694591, -0.6662143796777714, 0.3853972867733598, -0.14448805912385906,
    0.03090879083760749, -0.0028601454730146645,
))  # fmt: skip
# (log((1 + s) / (1 - s)) - 2 s - 2/3 s^3) / s^5 of s^2 for (1 + s) / (1 - s) from sqrt(1/2) to sqrt(2): 2^-66.4
log_far_tail_f64 = polynomial("f64", (
    0.3999999999999998, 0.28571428571445096, 0.2222222221753923, 0.1818181887003022, 0.15384556888043177,
    0.13336316818454014, 0.1167483004860035, 0.11988919905139216,
))  # fmt: skip


@mathlib_function
def hypot_f32(x, y):
    large, small = maximum_f32(abs_f32(x), abs_f32(y)), minimum_f32(abs_f32(x), abs_f32(y))
    scale = select(large > BIG_F32, TINY_SCALE_F32, select(large < SMALL_F32, HUGE_SCALE_F32, float32(1)))
    back = select(large > BIG_F32, HUGE_SCALE_F32, select(large < SMALL_F32, TINY_SCALE_F32, float32(1)))
    a, b = large * scale, small * scale
    result = sqrt_f32(fma_f32(a, a, b * b)) * back
    return select((abs_f32(x) == float32(np.inf)) | (abs_f32(y) == float32(np.inf)), float32(np.inf), result)


@mathlib_function
def hypot_f64(x, y):
    large, small = maximum_f64(abs_f64(x), abs_f64(y)), minimum_f64(abs_f64(x), abs_f64(y))
    scale = select(large > BIG_F64, TINY_SCALE_F64, select(large < SMALL_F64, HUGE_SCALE_F64, 1.0))
    back = select(large > BIG_F64, HUGE_SCALE_F64, select(large < SMALL_F64, TINY_SCALE_F64, 1.0))
    a, b = large * scale, small * scale
    result = sqrt_f64(fma_f64(a, a, b * b)) * back
    return select((abs_f64(x) == np.inf) | (abs_f64(y) == np.inf), np.inf, result)


@mathlib_function
def logaddexp_f32(x, y):
    result = maximum_f32(x, y) + log1p_f32(exp_f32(-abs_f32(x - y)))
    return select(x == y, x + LN2_F32, result)


@mathlib_function
def logaddexp_f64(x, y):
    result = maximum_f64(x, y) + log1p_f64(exp_f64(-abs_f64(x - y)))
    return select(x == y, x + LN2_F64, result)


@mathlib_function
def cbrt_f32(x):
    """x = 2^(3k + j) m with j = 0, 1, 2; a step of Halley's for 2^j m."""
    size = abs_f32(x)
    denormal = size < NORMAL_F32
    y = bits_f32(select(denormal, size * SCALE_F32, size))
    e = float_of_bits_f32(add_i32(shift_right_i32(y, 23), INTEGER_BITS_F32)) - (INTEGER_F32 + BIAS_F32)
    k = floor_f32(fma_f32(e, THIRD_F32, THIRD_F32 * float32(0.5)))
    j = fma_f32(float32(-3), k, e)
    m = float_of_bits_f32(bit_or_i32(bit_and_i32(y, MANTISSA_F32), ONE_BITS_F32))
    v = m * select(j == float32(0), float32(1), select(j == float32(1), float32(2), float32(4)))
    t = cbrt_start_f32(m) * select(j == float32(0), float32(1), select(j == float32(1), CBRT_2_F32, CBRT_4_F32))
    square = t * t
    excess = fma_f32(square, t, -v)
    root = t - t * excess / fma_f32(float32(2) * square, t, v)
    biased = bits_f32(k + (INTEGER_F32 + BIAS_F32))
    result = root * float_of_bits_f32(shift_left_i32(biased, 23)) * select(denormal, CBRT_SCALE_F32, float32(1))
    return select((size > float32(0)) & (size < float32(np.inf)), copysign_f32(result, x), x)


@mathlib_function
def cbrt_f64(x):
    size = abs_f64(x)
    denormal = size < NORMAL_F64
    y = bits_f64(select(denormal, size * SCALE_F64, size))
    e = float_of_bits_f64((y >> 52) + INTEGER_BITS_F64) - (INTEGER_F64 + BIAS_F64)
    k = floor_f64(fma_f64(e, THIRD_F64, THIRD_F64 * 0.5))
    j = fma_f64(-3.0, k, e)
    m = float_of_bits_f64((y & MANTISSA_F64) | ONE_BITS_F64)
    v = m * select(j == 0.0, 1.0, select(j == 1.0, 2.0, 4.0))
    t = cbrt_start_f64(m) * select(j == 0.0, 1.0, select(j == 1.0, CBRT_2_F64, CBRT_4_F64))
    square = t * t
    excess = fma_f64(square, t, -v)
    root = t - t * excess / fma_f64(2.0 * square, t, v)
    biased = bits_f64(k + (INTEGER_F64 + BIAS_F64))
    result = root * float_of_bits_f64(biased << 52) * select(denormal, CBRT_SCALE_F64, 1.0)
    return select((size > 0.0) & (size < np.inf), copysign_f64(result, x), x)


@mathlib_function
def exp2_f32(x):
    """2^k exp(r ln 2) with x = k + r: exact for integers. 2^k, which may leave the normal range, is a product."""
    y = select(HIGHEST_F32 < x, HIGHEST_F32, x)
    y = select(LOWEST_F32 > y, LOWEST_F32, y)
    k = round_even_f32(y)
    half = floor_f32(k * float32(0.5))
    u = (y - k) * LN2_F32
    first = float_of_bits_f32(shift_left_i32(bits_f32(half + (INTEGER_F32 + BIAS_F32)), 23))
    second = float_of_bits_f32(shift_left_i32(bits_f32(k - half + (INTEGER_F32 + BIAS_F32)), 23))
    return fma_f32(fma_f32(u, exp_tail_f32(u), float32(1)), u, float32(1)) * first * second


@mathlib_function
def exp2_f64(x):
    y = select(HIGHEST_F64 < x, HIGHEST_F64, x)
    y = select(LOWEST_F64 > y, LOWEST_F64, y)
    k = round_even_f64(y)
    half = floor_f64(k * 0.5)
    u = (y - k) * LN2_F64
    first = float_of_bits_f64(bits_f64(half + (INTEGER_F64 + BIAS_F64)) << 52)
    second = float_of_bits_f64(bits_f64(k - half + (INTEGER_F64 + BIAS_F64)) << 52)
    return fma_f64(fma_f64(u, exp_tail_f64(u), 1.0), u, 1.0) * first * second


@mathlib_function
def log2_f32(x):
    denormal = x < NORMAL_F32
    y = select(denormal, x * SCALE_F32, x)
    exponent = shift_right_i32(subtract_i32(bits_f32(y), ROOT_HALF_BITS_F32), 23)
    f = float_of_bits_f32(subtract_i32(bits_f32(y), shift_left_i32(exponent, 23))) - float32(1)
    e = float_of_bits_f32(add_i32(exponent, INTEGER_BITS_F32)) - select(denormal, INTEGER_F32 + DIGITS_F32, INTEGER_F32)
    rest = log_mantissa_rest_f32(f)
    product = f * LOG2E_HIGH_F32
    lost = fma_f32(f, LOG2E_HIGH_F32, -product) + fma_f32(f, LOG2E_LOW_F32, rest * LOG2E_HIGH_F32)
    return log_or_edge_f32(x, select(e == float32(0), product + lost, e + (product + lost)))


@mathlib_function
def log2_f64(x):
    denormal = x < NORMAL_F64
    y = select(denormal, x * SCALE_F64, x)
    exponent = (bits_f64(y) - ROOT_HALF_BITS_F64) >> 52
    f = float_of_bits_f64(bits_f64(y) - (exponent << 52)) - 1.0
    e = float_of_bits_f64(exponent + INTEGER_BITS_F64) - select(denormal, INTEGER_F64 + DIGITS_F64, INTEGER_F64)
    rest = log_mantissa_rest_f64(f)
    product = f * LOG2E_HIGH_F64
    lost = fma_f64(f, LOG2E_HIGH_F64, -product) + fma_f64(f, LOG2E_LOW_F64, rest * LOG2E_HIGH_F64)
    return log_or_edge_f64(x, select(e == 0.0, product + lost, e + (product + lost)))


@mathlib_function
def log10_f32(x):
    denormal = x < NORMAL_F32
    y = select(denormal, x * SCALE_F32, x)
    exponent = shift_right_i32(subtract_i32(bits_f32(y), ROOT_HALF_BITS_F32), 23)
    f = float_of_bits_f32(subtract_i32(bits_f32(y), shift_left_i32(exponent, 23))) - float32(1)
    e = float_of_bits_f32(add_i32(exponent, INTEGER_BITS_F32)) - select(denormal, INTEGER_F32 + DIGITS_F32, INTEGER_F32)
    low = fma_f32(e, LOG10_2_LOW_F32, fma_f32(f, LOG10E_LOW_F32, log_mantissa_rest_f32(f) * LOG10E_HIGH_F32))
    whole = e * LOG10_2_HIGH_F32
    lost = fma_f32(e, LOG10_2_HIGH_F32, -whole) + low
    return log_or_edge_f32(x, whole + fma_f32(f, LOG10E_HIGH_F32, lost))


@mathlib_function
def log10_f64(x):
    denormal = x < NORMAL_F64
    y = select(denormal, x * SCALE_F64, x)
    exponent = (bits_f64(y) - ROOT_HALF_BITS_F64) >> 52
    f = float_of_bits_f64(bits_f64(y) - (exponent << 52)) - 1.0
    e = float_of_bits_f64(exponent + INTEGER_BITS_F64) - select(denormal, INTEGER_F64 + DIGITS_F64, INTEGER_F64)
    low = fma_f64(e, LOG10_2_LOW_F64, fma_f64(f, LOG10E_LOW_F64, log_mantissa_rest_f64(f) * LOG10E_HIGH_F64))
    whole = e * LOG10_2_HIGH_F64
    lost = fma_f64(e, LOG10_2_HIGH_F64, -whole) + low
    return log_or_edge_f64(x, whole + fma_f64(f, LOG10E_HIGH_F64, lost))


@mathlib_function
def pow_f64(x, y):
    size = abs_f64(x)
    denormal = size < NORMAL_F64
    scaled = select(denormal, size * SCALE_F64, size)
    exponent = (bits_f64(scaled) - ROOT_HALF_BITS_F64) >> 52
    m = float_of_bits_f64(bits_f64(scaled) - (exponent << 52))
    e = float_of_bits_f64(exponent + INTEGER_BITS_F64) - select(denormal, INTEGER_F64 + DIGITS_F64, INTEGER_F64)
    # log m = 2 s + 2/3 s^3 + ..., s = (m - 1) / (m + 1); of every number a high part and the low part that it lacks
    f = m - 1.0
    total = m + 1.0
    total_low = m - (total - 1.0)
    s = f / total
    s_low = (fma_f64(-s, total, f) - s * total_low) / total
    z = s * s
    z_low = fma_f64(s, s, -z) + 2.0 * s * s_low
    cube = s * z
    cube_low = fma_f64(s, z, -cube) + fma_f64(s, z_low, s_low * z)
    far = z * log_far_tail_f64(z)
    factor = TWO_THIRDS_HIGH + far
    factor_low = (TWO_THIRDS_HIGH - factor) + far + TWO_THIRDS_LOW
    near = cube * factor
    near_low = fma_f64(cube, factor, -near) + fma_f64(cube, factor_low, cube_low * factor)
    log_m = 2.0 * s + near
    log_m_low = (2.0 * s - log_m) + near + (2.0 * s_low + near_low)
    whole = e * LN2_HIGH_F64
    whole_low = fma_f64(e, LN2_HIGH_F64, -whole) + e * LN2_LOW_F64
    high = whole + log_m
    low = (whole - high) + log_m + (whole_low + log_m_low)
    # y log x; where y is so large that the power can only be 0, 1 or infinity, another such y does as well
    times = copysign_f64(select(abs_f64(y) > LARGEST_EXPONENT, LARGEST_EXPONENT, abs_f64(y)), y)
    w = times * high
    w_low = fma_f64(times, low, fma_f64(times, high, -w))
    result = exp_product_f64(w, w_low, 1.0)
    return pow_or_edge_f64(x, y, result)


@mathlib_function
def pow_or_edge_f64(x, y, result):
    """The power, of which the result is |x|^y where x is finite and not 0."""
    size = abs_f64(x)
    result = select(size == 0.0, select(y < 0.0, np.inf, 0.0), result)
    result = select(size == np.inf, select(y < 0.0, 0.0, np.inf), result)
    negative = bits_f64(x) < 0
    half = 0.5 * y
    integral = trunc_f64(y) == y
    result = select(negative & integral & (trunc_f64(half) != half), -result, result)
    result = select((x < 0.0) & (size < np.inf) & (not integral), np.nan, result)
    result = select((x != x) | (y != y), np.nan, result)
    return select((y == 0.0) | (x == 1.0), 1.0, result)


@mathlib_function
def pow_f32(x, y):
    base, exponent = float64(x), float64(y)
    bounded = select(abs_f64(exponent) > LARGEST_EXPONENT, copysign_f64(LARGEST_EXPONENT, exponent), exponent)
    return float32(pow_or_edge_f64(base, exponent, exp_f64(bounded * log_f64(abs_f64(base)))))
