"""The error function and its kin.

Relies on exponential, table and the intrinsics.

erf(x) = x (1 + P(x^2)) for small x, and 1 - exp(|x| Q(|x|)) for the others up to where it rounds to 1.

The tails are made of erfcx(x) = exp(x^2) erfc(x), which for x >= 0 is a polynomial of (x - k) / (x + k) over 1 + 2 x,
and of exp(-x^2) with what the square rounded away.
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
    minimum_f32,
    minimum_f64,
    polynomial,
    select,
)
from vgrad.compiler.mathlib.exponential import (
    exp_f32,
    exp_f64,
    exp_product_f32,
    exp_product_f64,
    log_of_sum_f64,
)
from vgrad.compiler.mathlib.table import mathlib_function

# ------------------------------------------------------------------------------------------------------- error function

# erf(x) / x - 1 of x^2 on 0 <= x <= 0.93, 0 <= x <= 1: 2^-25.8 and 2^-56.3 (before rounding of coefficients 2^-62.7)
erf_small_f32 = polynomial("f32", (0.12837915, -0.3761249, 0.1128173, -0.026762916, 0.004987256, -0.000595902))
erf_small_f64 = polynomial("f64", (
    0.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072896, 0.005223977624780819,
    -0.0008548326978737272, 0.00012055331036671472, -1.4925593500741956e-05, 1.6460972712657822e-06,
    -1.6350024087941666e-07, 1.4657872154957349e-08, -1.1365636351452937e-09, 5.945212148626119e-11,
))  # fmt: skip
# log(erfc(x)) / x on 0.92 <= x <= 4, 1 <= x <= 5.95, relative to erf(x): 2^-30.3 and 2^-55.6
erf_large_f32 = polynomial(
    "f32", (-1.1286485, -0.6351512, -0.10623703, 0.02376216, -0.0036424813, 0.00032280074, -1.12297585e-05)
)  # fmt: skip
erf_large_f64 = polynomial("f64", (
    -1.1283791108184444, -0.6366202530442493, -0.10277082551983628, 0.01912496057009032, 0.00021204390871280612,
    -0.0016926179294433758, 0.0005746688458541415, 9.669275728700907e-07, -9.548175950874584e-05,
    5.603626493076606e-05, -2.0350528534471736e-05, 5.385002037427158e-06, -1.0780736500352118e-06,
    1.63014299179054e-07, -1.8129457656516186e-08, 1.4023003774655685e-09, -6.744038362371672e-11,
    1.5186500430375414e-12,
))  # fmt: skip


@mathlib_function
def erf_f32(x):
    size = abs_f32(x)
    bounded = select(size > float32(4), float32(4), size)
    large = float32(1) - exp_f32(bounded * erf_large_f32(bounded))
    return select(size < float32(0.925), fma_f32(x, erf_small_f32(x * x), x), copysign_f32(large, x))


@mathlib_function
def erf_f64(x):
    size = abs_f64(x)
    bounded = select(size > 5.95, 5.95, size)
    large = 1.0 - exp_f64(bounded * erf_large_f64(bounded))
    return select(size < 1.0, fma_f64(x, erf_small_f64(x * x), x), copysign_f64(large, x))


# ---------------------------------------------------------------------------------------------------------------- tails

# (1 + 2 x) erfcx(x) of (x - k) / (x + k), x >= 0, k = 2 and 4: 2^-24.9, 2^-54.0 (before rounding 2^-26.6, 2^-57.0)
erfcx_scaled_f32 = polynomial("f32", (
    1.2769784, -0.092763714, -0.16603105, 0.16404854, -0.05421232, -0.008013852, 0.008690138, 0.0012058349,
    -0.001396791, -0.00034643363, 0.00016122649, 5.9219346e-05,
))  # fmt: skip
erfcx_scaled_f64 = polynomial("f64", (
    1.2329951186255526, -0.1396211168405623, 0.015379652102619365, 0.06809705425466903, -0.10103906603628851,
    0.09373283499909689, -0.06633036581242292, 0.037167515526516336, -0.016197734057428168, 0.005031970067977077,
    -0.0007577732753534147, -0.0001992571481217836, 0.00015062154202809096, -2.4397741978296607e-05,
    -1.1221413927019578e-05, 5.706596032915598e-06, 2.921792570091138e-07, -8.210837615422838e-07,
    7.72498381769454e-08, 1.0633094308596369e-07, -2.0411809022296154e-08, -1.2343639554333809e-08,
    3.1118760449384336e-09, 9.305844404864138e-10, -2.561858511185626e-10,
))  # fmt: skip
ROOT_HALF_F32, ROOT_HALF_F64 = np.float32(0.70710677), 0.7071067811865476
LARGEST_F32, LARGEST_F64 = np.float32(3.4028235e38), 1.7976931348623157e308


@mathlib_function
def erfcx_positive_f32(x):
    """erfcx(x) for x >= 0; the quotient q gets back what its operations rounded away."""
    bounded = select(x > LARGEST_F32, LARGEST_F32, x)
    inverse = float32(1) / (bounded + float32(2))
    q = (bounded - float32(2)) * inverse
    lost = fma_f32(-q, bounded, fma_f32(q + float32(1), float32(-2), bounded))
    return float32(0.5) * erfcx_scaled_f32(fma_f32(inverse, lost, q)) / (float32(0.5) + x)


@mathlib_function
def erfcx_positive_f64(x):
    bounded = select(x > LARGEST_F64, LARGEST_F64, x)
    inverse = 1.0 / (bounded + 4.0)
    q = (bounded - 4.0) * inverse
    lost = fma_f64(-q, bounded, fma_f64(q + 1.0, -4.0, bounded))
    return 0.5 * erfcx_scaled_f64(fma_f64(inverse, lost, q)) / (0.5 + x)


@mathlib_function
def exp_square_f32(x, rate, factor):
    """factor * exp(rate x^2) for a rate that is a power of two or minus one."""
    bounded = minimum_f32(abs_f32(x), float32(15))
    square = bounded * bounded
    lost = fma_f32(bounded, bounded, -square)
    return exp_product_f32(rate * square, rate * lost, factor)


@mathlib_function
def exp_square_f64(x, rate, factor):
    bounded = minimum_f64(abs_f64(x), 40.0)
    square = bounded * bounded
    lost = fma_f64(bounded, bounded, -square)
    return exp_product_f64(rate * square, rate * lost, factor)


@mathlib_function
def erfcx_f32(x):
    right = erfcx_positive_f32(abs_f32(x))
    return select(x < float32(0), exp_square_f32(x, float32(1), float32(2)) - right, right)


@mathlib_function
def erfcx_f64(x):
    right = erfcx_positive_f64(abs_f64(x))
    return select(x < 0.0, exp_square_f64(x, 1.0, 2.0) - right, right)


@mathlib_function
def erfc_f32(x):
    right = exp_square_f32(x, float32(-1), erfcx_positive_f32(abs_f32(x)))
    return select(x < float32(0), float32(2) - right, right)


@mathlib_function
def erfc_f64(x):
    right = exp_square_f64(x, -1.0, erfcx_positive_f64(abs_f64(x)))
    return select(x < 0.0, 2.0 - right, right)


# -------------------------------------------------------------------------------------------------- normal distribution


@mathlib_function
def ndtr_f32(x):
    half = float32(0.5) * erfcx_positive_f32(ROOT_HALF_F32 * abs_f32(x))
    tail = exp_square_f32(x, float32(-0.5), half)
    return select(x > float32(0), float32(1) - tail, tail)


@mathlib_function
def ndtr_f64(x):
    half = 0.5 * erfcx_positive_f64(ROOT_HALF_F64 * abs_f64(x))
    tail = exp_square_f64(x, -0.5, half)
    return select(x > 0.0, 1.0 - tail, tail)


@mathlib_function
def log_ndtr_f64(x):
    half = 0.5 * erfcx_positive_f64(ROOT_HALF_F64 * abs_f64(x))
    right = x > 0.0
    logarithm = log_of_sum_f64(
        select(right, -exp_square_f64(select(right, x, 0.0), -0.5, half), half),
        select(right, 1.0, 0.0),
    )
    return select(right, -abs_f64(logarithm), fma_f64(-0.5 * x, x, logarithm))


@mathlib_function
def log_ndtr_f32(x):
    """In float64, for the errors of a tail in float32 would add up to more than 4 units in the last place."""
    return float32(log_ndtr_f64(float64(x)))
