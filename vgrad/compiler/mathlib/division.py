"""Division with remainder.

Relies on table and the intrinsics.

The remainder of x by a divisor is x - q divisor, which fma computes without loss while the integer q has no more digits
than a float; libm computes the others.
"""

from numba import float32

from vgrad.compiler.intrinsics import (
    abs_f32,
    abs_f64,
    copysign_f32,
    copysign_f64,
    floor_f32,
    floor_f64,
    fma_f32,
    fma_f64,
    rescued_by_libm,
    select,
    trunc_f32,
    trunc_f64,
)
from vgrad.compiler.mathlib.table import mathlib_function

LIMIT_F32, LIMIT_F64 = 2.0**22, 2.0**51
fmod_rescued_f32, fmod_rescued_f64 = (
    rescued_by_libm("fmod", "f32", LIMIT_F32),
    rescued_by_libm("fmod", "f64", LIMIT_F64),
)


@mathlib_function
def fmod_f32(x, divisor):
    """C's: the sign of x. NaN for a divisor 0."""
    size, step = abs_f32(x), abs_f32(divisor)
    # the rounded quotient may reach the next integer: then rest is negative, and too small by one step
    rest = fma_f32(-trunc_f32(size / step), step, size)
    rest = select(rest < float32(0), rest + step, rest)
    rest = select(size < step, size, rest)
    return fmod_rescued_f32(x, divisor, copysign_f32(rest, x))


@mathlib_function
def fmod_f64(x, divisor):
    size, step = abs_f64(x), abs_f64(divisor)
    # the rounded quotient may reach the next integer: then rest is negative, and too small by one step
    rest = fma_f64(-trunc_f64(size / step), step, size)
    rest = select(rest < 0.0, rest + step, rest)
    rest = select(size < step, size, rest)
    return fmod_rescued_f64(x, divisor, copysign_f64(rest, x))


@mathlib_function
def remainder_f32(x, divisor):
    """NumPy's: the sign of the divisor. NaN for a divisor 0."""
    rest = fmod_f32(x, divisor)
    moved = select((divisor < float32(0)) != (rest < float32(0)), rest + divisor, rest)
    return select(rest == float32(0), select(divisor == float32(0), rest, copysign_f32(float32(0), divisor)), moved)


@mathlib_function
def remainder_f64(x, divisor):
    rest = fmod_f64(x, divisor)
    moved = select((divisor < 0.0) != (rest < 0.0), rest + divisor, rest)
    return select(rest == 0.0, select(divisor == 0.0, rest, copysign_f64(0.0, divisor)), moved)


@mathlib_function
def floor_divide_f32(x, divisor):
    """NumPy's: (x - remainder) / divisor as an integer; x / divisor for a divisor 0."""
    rest = fmod_f32(x, divisor)
    quotient = (x - rest) / divisor
    quotient = select(
        (rest != float32(0)) & ((divisor < float32(0)) != (rest < float32(0))), quotient - float32(1), quotient
    )
    whole = floor_f32(quotient)
    whole = select(quotient - whole > float32(0.5), whole + float32(1), whole)
    ratio = x / divisor
    return select(divisor == float32(0), ratio, select(quotient == float32(0), copysign_f32(float32(0), ratio), whole))


@mathlib_function
def floor_divide_f64(x, divisor):
    rest = fmod_f64(x, divisor)
    quotient = (x - rest) / divisor
    quotient = select((rest != 0.0) & ((divisor < 0.0) != (rest < 0.0)), quotient - 1.0, quotient)
    whole = floor_f64(quotient)
    whole = select(quotient - whole > 0.5, whole + 1.0, whole)
    ratio = x / divisor
    return select(divisor == 0.0, ratio, select(quotient == 0.0, copysign_f64(0.0, ratio), whole))
