"""Inverses of the error function and of the normal distribution.

Relies on exponential, table and the intrinsics.

erfinv(x) / x is a polynomial of w = -log(1 - x^2) in the middle, and of sqrt(w) in the tails. ndtri(p) is
sqrt(2) erfinv(2 p - 1), where 1 - x^2 = 4 p (1 - p) reaches farther; it is had in float64 always, since its float32
operands reach far into the tail, too. Adding 0 to erfinv makes it 0 at -0, as SciPy's.
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
# erfinv(x) / x of sqrt(w) - 3.25 on 2.5 <= sqrt(w) <= 4, of sqrt(w) - 5 on 4 <= sqrt(w) <= 6.12: 2^-59.4 and 2^-59.1
wing_f64 = polynomial("f64", (
    3.0838856104922208, 1.0052589676941655, 0.005370914553555139, -0.0037512085082264464, 0.0024914420979500335,
    -0.001688275535388409, 0.0009532893417519378, -0.00035503781474031747, 2.4031510709698928e-05,
    6.828712546717317e-05, -4.7320665340683265e-05, 1.246498852017526e-05, 2.9325126650401824e-06,
    -3.985588919242277e-06, 1.4817714794774919e-06, -2.7820730429684122e-08, -2.4577384081092077e-07,
    1.3177914441447784e-07, -2.067340850340833e-08, -1.538165829864858e-08, 7.59089476261302e-09,
))  # fmt: skip
edge_f64 = polynomial("f64", (
    4.849906401408584, 1.010300464864545, -0.00013871931838029209, -0.00021503011980639167, 7.599527809974649e-05,
    -1.968177107497366e-05, 4.526052502987234e-06, -9.930264165225212e-07, 2.29052909741321e-07,
    -6.756893399421267e-08, 2.9018431456384675e-08, -1.5222890373594653e-08, 7.821760893587481e-09,
    -3.520603613273855e-09, 1.315692594471119e-09, -3.925924580865051e-10, 6.972280783237e-11, 2.0373849740774546e-11,
    -2.0424894096493216e-11, 4.745225878265084e-12,
))  # fmt: skip
# erfinv(x) / (x s) of (s - 11) / (s + 11), s = sqrt(w), on 6.08 <= s <= 27.5: 2^-60.1
far_f64 = polynomial("f64", (
    0.9905678977844492, 0.02951045959499166, -0.042624429161786166, 0.04488517021816616, -0.041823745636726986,
    0.03463828499086887, -0.024601355044640186, 0.012413939544788831, 0.001181122171911394, -0.015626321034099513,
    0.03035643231454632, -0.04490999237852546, 0.05884192989980388, -0.07177974417285758, 0.08348439655531363,
    -0.09400668514301372, 0.10252726988882607, -0.10609742388678926, 0.10775047041258648, -0.125237127482124,
    0.15420236349086794, -0.1347281840247612, 0.053270175011193764,
))  # fmt: skip
MIDDLE_F32, MIDDLE_F64 = np.float32(5), 6.25
ROOT_TWO_F64 = 1.4142135623730951


@mathlib_function
def erfinv_f32(x):
    w = -log_f32(fma_f32(-x, x, float32(1)))
    factor = select(w < MIDDLE_F32, middle_f32(w - float32(2.5)), tail_f32(sqrt_f32(w) - float32(3.15)))
    return select(abs_f32(x) == float32(1), copysign_f32(float32(np.inf), x), fma_f32(x, factor, float32(0)))


@mathlib_function
def erfinv_factor_f64(w, s):
    """erfinv(x) / x for w = -log(1 - x^2) <= 6.1^2 and s = sqrt(w)."""
    return select(w < MIDDLE_F64, middle_f64(w - 3.125), select(s < 4.0, wing_f64(s - 3.25), edge_f64(s - 5.0)))


@mathlib_function
def erfinv_f64(x):
    w = -log_f64(fma_f64(-x, x, 1.0))
    value = fma_f64(x, erfinv_factor_f64(w, sqrt_f64(w)), 0.0)
    outside = select(abs_f64(x) == 1.0, copysign_f64(np.inf, x), np.nan)
    return select(abs_f64(x) < 1.0, value, outside)


@mathlib_function
def ndtri_f64(p):
    w = -log_f64(4.0 * p * (1.0 - p))
    s = sqrt_f64(w)
    factor = select(s < 6.1, erfinv_factor_f64(w, s), s * far_f64((s - 11.0) / (s + 11.0)))
    x = 2.0 * p - 1.0
    outside = select((p == 0.0) | (p == 1.0), copysign_f64(np.inf, x), np.nan)
    return select((p > 0.0) & (p < 1.0), ROOT_TWO_F64 * x * factor, outside)


@mathlib_function
def ndtri_f32(p):
    return float32(ndtri_f64(float64(p)))
