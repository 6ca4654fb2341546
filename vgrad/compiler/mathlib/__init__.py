"""Mathematical functions for compiled kernels: exp_f32, exp_f64, log_f32, ...

Relies on Numba and the intrinsics. Imported only where something is compiled.

Every function is straight-line code of scalars that Numba reads: no branch, no loop, select instead of if, so that a
loop over an array becomes vector instructions. They are right within 4 units in the last place (exp, log, tanh, sin,
cos: 2), at -0, denormals, infinities and NaN too; what a function does elsewhere (poles, cuts) is what NumPy's or
SciPy's function of that name does.

They must be compiled without any fast-math flag: sums such as `(x + MAGIC) - MAGIC` and the steps that gather rounding
errors mean what they say. LLVM keeps flags instruction by instruction, so a kernel with flags may inline them.
Multiply-adds are written as fma.

FUNCTIONS lists them: {name: (function, kinds of the operands, kind of the result)}. Functions call each other and
intrinsics by their names. Coefficients of polynomials are minimax fits (Remez's exchange in 50 digits, weighted so that
the relative error of the function is level); the comment beside them gives the interval and that error.
"""

from vgrad.compiler.mathlib import (
    division,
    error_functions,
    error_inverses,
    exponential,
    gamma_functions,
    hyperbolic,
    inverse,
    parts,
    powers,
    random,
    trigonometric,
)
from vgrad.compiler.mathlib.table import FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "division",
    "error_functions",
    "error_inverses",
    "exponential",
    "gamma_functions",
    "hyperbolic",
    "inverse",
    "parts",
    "powers",
    "random",
    "trigonometric",
]
