"""Inverses of the error function and of the normal distribution.

Relies on error_functions, exponential, table and the intrinsics.

In the middle erfinv(x) = x P(w) with w = -log(1 - x^2). In the tails, where erfc(y) = c is small, float32 uses a
polynomial of sqrt(w); float64 takes a first guess of y from sqrt(-log c) and improves it by a step of Halley's on
log erfc(y) = log c. ndtri is had in float64 always, since its float32 operands reach far into the tail. Adding 0
to erfinv makes it 0 at -0, as SciPy's.
"""

import numpy as np
from numba import float32, float64

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    copysign_f32,
    copysign_f64,
    fma_f32,
    fma_f64,
    polynomial,
    select,
    sqrt_f32,
    sqrt_f64,
)
from vgrad.compiler.mathlib.error_functions import erfcx_positive_f64
from vgrad.compiler.mathlib.exponential import log_f32, log_f64
from vgrad.compiler.mathlib.table import mathlib_function

# erfinv(x) / x of w - 2.5 on w <= 5, of w - 3.125 on w <= 6.25: 2^-23.6 and 2^-55.4 (before rounding 2^-27.4, 2^-58.2)
middle_f32 = polynomial("f32", (
    1.5014094, 0.24664028, -0.004177387, -0.0012527419, 0.00021834446, -4.963346e-06, -3.4627108e-06,
    4.6616984e-07, 2.3233165e-08, -8.790964e-09,
))  # fmt: skip
middle_f64 = polynomial("f64", (
    1.6536545626831027, 0.24015818242558834, -0.006033670871426996, -0.0007407025341545548, 0.00018673420802052925,
    -1.3882523394196326e-05, -1.3654691772638842e-06, 4.234788171194718e-07, -2.9070389895603815e-08,
    -4.112660642235226e-09, 1.051222566834543e-09, -5.4142946533791993e-11, -1.2978504106408851e-11,
    2.6305035338272044e-12, -8.079294125997106e-14, -4.001591276588648e-14, 6.533346993183437e-15,
    -3.9876149727633394e-17, -1.2344938812130875e-16, 1.5545058664391253e-17, 6.957171632450395e-19,
    -3.4875881723868775e-19, 1.6536933244438478e-20, 3.2192572285202415e-21, -3.0011499254873346e-22,
))  # fmt: skip
# erfinv(x) / x of sqrt(w) - 3.15 on 2.2 <= sqrt(w) <= 4.1: 2^-23.4 (before rounding 2^-26.3)
tail_f32 = polynomial("f32", (
    2.9834175, 1.0040613, 0.0066662105, -0.0049368762, 0.0034716015, -0.002337036, 0.0012675138, -0.00033747067,
    -0.00015619324, 0.000117350886,
))  # fmt: skip
# y / s of (s - 8.4) / (s + 8.4) where erfc(y) = exp(-s^2), 2.62 <= s <= 27.4: 2^-23.5, which the step cubes
first_guess_f64 = polynomial("f64", (
    0.9807645004166368, 0.06299593120876465, -0.09830645333183304, 0.11539743147181067, -0.12376691942174907,
    0.12776089904339225, -0.12466499283530566, 0.09649173364505774, -0.087885650289736, 0.15338704675673365,
    -0.1268181187589543,
))  # fmt: skip
MIDDLE_F32, MIDDLE_F64 = np.float32(5), 6.25
ROOT_PI_F64, ROOT_TWO_F64 = 1.772453850905516, 1.4142135623730951


@mathlib_function
def erfinv_f32(x):
    w = -log_f32(fma_f32(-x, x, float32(1)))
    factor = select(w < MIDDLE_F32, middle_f32(w - float32(2.5)), tail_f32(sqrt_f32(w) - float32(3.15)))
    return select(abs_f32(x) == float32(1), copysign_f32(float32(np.inf), x), fma_f32(x, factor, float32(0)))


@mathlib_function
def erfc_inverse_tail_f64(c):
    """y with erfc(y) = c for 0 < c < 0.001."""
    level = -log_f64(c)
    s = sqrt_f64(level)
    y = s * first_guess_f64((s - 8.4) / (s + 8.4))
    scaled = erfcx_positive_f64(y)
    slope = -2.0 / (ROOT_PI_F64 * scaled)  # of log erfc
    step = (fma_f64(-y, y, level) + log_f64(scaled)) / slope
    return y - step / fma_f64(step, y + 0.5 * slope, 1.0)


@mathlib_function
def erfinv_f64(x):
    w = -log_f64(fma_f64(-x, x, 1.0))
    tail = copysign_f64(erfc_inverse_tail_f64(1.0 - abs_f64(x)), x)
    value = select(w < MIDDLE_F64, fma_f64(x, middle_f64(w - 3.125), 0.0), tail)
    outside = select(abs_f64(x) == 1.0, copysign_f64(np.inf, x), np.nan)
    return select(abs_f64(x) < 1.0, value, outside)


@mathlib_function
def ndtri_f64(p):
    rest = 1.0 - p
    w = -log_f64(4.0 * p * rest)
    tail = erfc_inverse_tail_f64(2.0 * select(p < 0.5, p, rest))
    x = 2.0 * p - 1.0
    value = ROOT_TWO_F64 * select(w < MIDDLE_F64, x * middle_f64(w - 3.125), copysign_f64(tail, x))
    outside = select((p == 0.0) | (p == 1.0), copysign_f64(np.inf, x), np.nan)
    return select((p > 0.0) & (p < 1.0), value, outside)


@mathlib_function
def ndtri_f32(p):
    return float32(ndtri_f64(float64(p)))
