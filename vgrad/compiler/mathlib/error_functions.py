"""The error function and its kin.

Relies on exponential, table and the intrinsics.

erf(x) = x (1 + P(x^2)) for small x, and 1 - exp(|x| Q(|x|)) for the others up to where it rounds to 1.
"""

from numba import float32

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    copysign_f32,
    copysign_f64,
    fma_f32,
    fma_f64,
    polynomial,
    select,
)
from vgrad.compiler.mathlib.exponential import exp_f32, exp_f64
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
