"""Inverse sine, cosine and tangent.

Relies on table and the intrinsics.

atan2(y, x) = k pi/4 + s atan(u) with k an integer, s = 1 or -1, |u| <= tan(pi/8). The angle a between the nearer axis
and (x, y) has the tangent t = min(|x|, |y|) / max(|x|, |y|); where that is above tan(pi/8), a is
pi/4 + atan((t - 1) / (t + 1)). One quotient does it.

asin(x) = x + x^3 P(x^2) for |x| <= 1/2, and pi/2 - 2 asin(sqrt((1 - |x|) / 2)) beyond.
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
    fma_f32,
    fma_f64,
    polynomial,
    select,
    sqrt_f32,
    sqrt_f64,
)
from vgrad.compiler.mathlib.table import mathlib_function

QUARTER_PI_HIGH_F32, QUARTER_PI_LOW_F32 = np.float32(0.7853982), np.float32(-2.1855694e-08)
QUARTER_PI_HIGH_F64, QUARTER_PI_LOW_F64 = 0.7853981633974483, 3.061616997868383e-17
TAN_EIGHTH_PI_F32, TAN_EIGHTH_PI_F64 = np.float32(0.41421357), 0.41421356237309503
HUGE_F32, HUGE_F64 = np.float32(2.0**125), 2.0**1021  # of these the sum of two is finite
MINUTE_F32, MINUTE_F64 = (
    np.float32(2.0**-100),
    2.0**-900,
)  # quotients of smaller ones might miss digits of denormal ones

# (atan(u) - u) / u^3 of u^2 on |u| <= tan(pi/8), relative to atan(u): 2^-28.3 and 2^-58.3
atan_tail_f32 = polynomial("f32", (-0.33333316, 0.19998471, -0.14243531, 0.105937876, -0.06078121))
atan_tail_f64 = polynomial("f64", (
    -0.33333333333333326, 0.1999999999999765, -0.14285714285385911, 0.11111111088063284, -0.090909081409323,
    0.07692282688507153, -0.06666225873562927, 0.05877014518636218, -0.05218365701151376, 0.04503422812754861,
    -0.03347217055245609, 0.015193453969426177,
))  # fmt: skip
# (asin(s) - s) / s^3 of s^2 on |s| <= 1/2, relative to asin(s): 2^-27.2 and 2^-58.5
asin_tail_f32 = polynomial("f32", (0.16666752, 0.0749529, 0.045471232, 0.02417558, 0.042172547))
asin_tail_f64 = polynomial("f64", (
    0.1666666666666676, 0.0749999999997073, 0.04464285717466928, 0.030381942705387514, 0.02237221504727622,
    0.01735161105231485, 0.013980831049364517, 0.011398832811905998, 0.010780669345534493, 0.0037049202623025386,
    0.02171090416746181, -0.021003767720050946, 0.032631471395326885,
))  # fmt: skip


@mathlib_function
def angle_f32(small, large, turns, sign):
    """turns pi/4 + sign atan(small / large) for 0 <= small <= large."""
    steep = small > large * TAN_EIGHTH_PI_F32
    u = select(steep, small - large, small) / select(steep, small + large, large)
    z = u * u
    k = turns + select(steep, sign, float32(0))
    rest = fma_f32(u * z, atan_tail_f32(z), u)
    return fma_f32(k, QUARTER_PI_HIGH_F32, fma_f32(k, QUARTER_PI_LOW_F32, sign * rest))


@mathlib_function
def angle_f64(small, large, turns, sign):
    steep = small > large * TAN_EIGHTH_PI_F64
    u = select(steep, small - large, small) / select(steep, small + large, large)
    z = u * u
    k = turns + select(steep, sign, 0.0)
    rest = fma_f64(u * z, atan_tail_f64(z), u)
    return fma_f64(k, QUARTER_PI_HIGH_F64, fma_f64(k, QUARTER_PI_LOW_F64, sign * rest))


@mathlib_function
def atan_f32(x):
    size = abs_f32(x)
    over = size > float32(1)
    result = angle_f32(
        select(over, float32(1), size),
        select(over, size, float32(1)),
        select(over, float32(2), float32(0)),
        select(over, float32(-1), float32(1)),
    )
    return copysign_f32(result, x)


@mathlib_function
def atan_f64(x):
    size = abs_f64(x)
    over = size > 1.0
    result = angle_f64(
        select(over, 1.0, size), select(over, size, 1.0), select(over, 2.0, 0.0), select(over, -1.0, 1.0)
    )
    return copysign_f64(result, x)


@mathlib_function
def atan2_f32(y, x):
    height, width = abs_f32(y), abs_f32(x)
    over = height > width
    small, large = select(over, width, height), select(over, height, width)
    scale = select(large > HUGE_F32, float32(0.25), select(large < MINUTE_F32, float32(2.0**40), float32(1)))
    infinite, nothing = large == float32(np.inf), large == float32(0)
    small = select(infinite, select(small == float32(np.inf), float32(1), float32(0)), small * scale)
    large = select(infinite | nothing, float32(1), large * scale)
    left = bits_f32(x) < 0
    sign = select(left != over, float32(-1), float32(1))
    result = angle_f32(small, large, select(over, float32(2), select(left, float32(4), float32(0))), sign)
    return select((x == x) & (y == y), copysign_f32(result, y), x + y)


@mathlib_function
def atan2_f64(y, x):
    height, width = abs_f64(y), abs_f64(x)
    over = height > width
    small, large = select(over, width, height), select(over, height, width)
    scale = select(large > HUGE_F64, 0.25, select(large < MINUTE_F64, 2.0**60, 1.0))
    infinite, nothing = large == np.inf, large == 0.0
    small = select(infinite, select(small == np.inf, 1.0, 0.0), small * scale)
    large = select(infinite | nothing, 1.0, large * scale)
    left = bits_f64(x) < 0
    sign = select(left != over, -1.0, 1.0)
    result = angle_f64(small, large, select(over, 2.0, select(left, 4.0, 0.0)), sign)
    return select((x == x) & (y == y), copysign_f64(result, y), x + y)


@mathlib_function
def asin_f32(x):
    size = abs_f32(x)
    near = size <= float32(0.5)
    z = select(near, size * size, fma_f32(float32(-0.5), size, float32(0.5)))
    s = select(near, size, sqrt_f32(z))
    arc = fma_f32(s * z, asin_tail_f32(z), s)
    return copysign_f32(
        select(
            near,
            arc,
            fma_f32(float32(2), QUARTER_PI_HIGH_F32, fma_f32(float32(-2), arc, float32(2) * QUARTER_PI_LOW_F32)),
        ),
        x,
    )


@mathlib_function
def asin_f64(x):
    size = abs_f64(x)
    near = size <= 0.5
    z = select(near, size * size, fma_f64(-0.5, size, 0.5))
    s = select(near, size, sqrt_f64(z))
    arc = fma_f64(s * z, asin_tail_f64(z), s)
    return copysign_f64(
        select(near, arc, fma_f64(2.0, QUARTER_PI_HIGH_F64, fma_f64(-2.0, arc, 2.0 * QUARTER_PI_LOW_F64))), x
    )


@mathlib_function
def acos_f32(x):
    """2 asin(s) for x > 1/2, pi - 2 asin(s) for x < -1/2, pi/2 - asin(x) between."""
    size = abs_f32(x)
    near = size <= float32(0.5)
    z = select(near, size * size, fma_f32(float32(-0.5), size, float32(0.5)))
    s = select(near, x, sqrt_f32(z))
    arc = fma_f32(s * z, asin_tail_f32(z), s)
    k = select(near, float32(2), select(x < float32(0), float32(4), float32(0)))
    times = select(near, float32(-1), select(x < float32(0), float32(-2), float32(2)))
    return fma_f32(k, QUARTER_PI_HIGH_F32, fma_f32(times, arc, k * QUARTER_PI_LOW_F32))


@mathlib_function
def acos_f64(x):
    size = abs_f64(x)
    near = size <= 0.5
    z = select(near, size * size, fma_f64(-0.5, size, 0.5))
    s = select(near, x, sqrt_f64(z))
    arc = fma_f64(s * z, asin_tail_f64(z), s)
    k = select(near, 2.0, select(x < 0.0, 4.0, 0.0))
    times = select(near, -1.0, select(x < 0.0, -2.0, 2.0))
    return fma_f64(k, QUARTER_PI_HIGH_F64, fma_f64(times, arc, k * QUARTER_PI_LOW_F64))
