"""Elementwise mathematics with NumPy's names: arithmetic, exponentials, trigonometry, rounding, comparison, bits.

Relies on primitives. Operands broadcast and promote as in NumPy; derivatives at edges are JAX's.
"""

import builtins

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.numpy.operands import operand, refuse_out
from vgrad.primitives import bits, comparison, complex, elementwise, powers, special
from vgrad.primitives.broadcasting import convert_to, reduce_sum

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "around",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_count",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "divide",
    "divmod",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "gcd",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "i0",
    "imag",
    "invert",
    "iscomplex",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "modf",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "power",
    "rad2deg",
    "radians",
    "real",
    "real_if_close",
    "reciprocal",
    "remainder",
    "right_shift",
    "rint",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "spacing",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
]

UFUNC_PRIMITIVES = {  # NumPy's ufuncs that are one primitive each
    np.add: elementwise.add,
    np.subtract: elementwise.sub,
    np.multiply: elementwise.mul,
    np.divide: elementwise.div,
    np.negative: elementwise.neg,
    np.reciprocal: elementwise.reciprocal,
    np.square: elementwise.square,
    np.sqrt: elementwise.sqrt,
    np.cbrt: elementwise.cbrt,
    np.exp: elementwise.exp,
    np.exp2: elementwise.exp2,
    np.expm1: elementwise.expm1,
    np.log: elementwise.log,
    np.log2: elementwise.log2,
    np.log10: elementwise.log10,
    np.log1p: elementwise.log1p,
    np.sin: elementwise.sin,
    np.cos: elementwise.cos,
    np.tan: elementwise.tan,
    np.arcsin: elementwise.asin,
    np.arccos: elementwise.acos,
    np.arctan: elementwise.atan,
    np.arctan2: elementwise.atan2,
    np.sinh: elementwise.sinh,
    np.cosh: elementwise.cosh,
    np.tanh: elementwise.tanh,
    np.arcsinh: elementwise.asinh,
    np.arccosh: elementwise.acosh,
    np.arctanh: elementwise.atanh,
    np.sign: elementwise.sign,
    np.floor: elementwise.floor,
    np.ceil: elementwise.ceil,
    np.trunc: elementwise.trunc,
    np.rint: elementwise.rint,
    np.floor_divide: elementwise.floor_divide,
    np.remainder: elementwise.remainder,
    np.fmod: elementwise.fmod,
    np.ldexp: elementwise.ldexp,
    np.nextafter: elementwise.nextafter,
    np.spacing: elementwise.spacing,
    np.gcd: elementwise.gcd,
    np.lcm: elementwise.lcm,
    np.hypot: powers.hypot,
    np.logaddexp: powers.logaddexp,
    np.logaddexp2: powers.logaddexp2,
    np.absolute: comparison.absolute,
    np.maximum: comparison.maximum,
    np.minimum: comparison.minimum,
    np.copysign: comparison.copysign,
    np.heaviside: comparison.heaviside,
    np.equal: comparison.eq,
    np.not_equal: comparison.ne,
    np.less: comparison.lt,
    np.less_equal: comparison.le,
    np.greater: comparison.gt,
    np.greater_equal: comparison.ge,
    np.logical_and: comparison.logical_and,
    np.logical_or: comparison.logical_or,
    np.logical_xor: comparison.logical_xor,
    np.logical_not: comparison.logical_not,
    np.isfinite: comparison.isfinite,
    np.isnan: comparison.isnan,
    np.isinf: comparison.isinf,
    np.signbit: comparison.signbit,
    np.bitwise_and: bits.bitwise_and,
    np.bitwise_or: bits.bitwise_or,
    np.bitwise_xor: bits.bitwise_xor,
    np.invert: bits.invert,
    np.left_shift: bits.shift_left,
    np.right_shift: bits.shift_right_arithmetic,
    np.bitwise_count: bits.bitwise_count,
}


def surface(ufunc):
    """The function of vgrad.numpy for a ufunc that is one primitive."""
    primitive = UFUNC_PRIMITIVES[ufunc]

    def unary(x, /):
        return primitive(operand(x))

    def binary(x1, x2, /):
        return primitive(operand(x1), operand(x2))

    function = unary if ufunc.nin == 1 else binary
    function.__name__ = function.__qualname__ = ufunc.__name__
    function.__doc__ = f"As np.{ufunc.__name__}, elementwise."
    return function


# fmt: off
add, subtract, multiply = surface(np.add), surface(np.subtract), surface(np.multiply)
divide = true_divide = surface(np.divide)
floor_divide = surface(np.floor_divide)
remainder = mod = surface(np.remainder)
fmod, negative, reciprocal = surface(np.fmod), surface(np.negative), surface(np.reciprocal)
square, sqrt, cbrt = surface(np.square), surface(np.sqrt), surface(np.cbrt)
exp, exp2, expm1 = surface(np.exp), surface(np.exp2), surface(np.expm1)
log, log2, log10, log1p = surface(np.log), surface(np.log2), surface(np.log10), surface(np.log1p)
logaddexp, logaddexp2 = surface(np.logaddexp), surface(np.logaddexp2)
hypot, gcd, lcm = surface(np.hypot), surface(np.gcd), surface(np.lcm)

sin, cos, tan = surface(np.sin), surface(np.cos), surface(np.tan)
arcsin = asin = surface(np.arcsin)
arccos = acos = surface(np.arccos)
arctan = atan = surface(np.arctan)
arctan2 = atan2 = surface(np.arctan2)
sinh, cosh, tanh = surface(np.sinh), surface(np.cosh), surface(np.tanh)
arcsinh = asinh = surface(np.arcsinh)
arccosh = acosh = surface(np.arccosh)
arctanh = atanh = surface(np.arctanh)

absolute = abs = surface(np.absolute)
sign, copysign, heaviside = surface(np.sign), surface(np.copysign), surface(np.heaviside)
floor, ceil, trunc, rint = surface(np.floor), surface(np.ceil), surface(np.trunc), surface(np.rint)
ldexp, nextafter, spacing = surface(np.ldexp), surface(np.nextafter), surface(np.spacing)
maximum, minimum = surface(np.maximum), surface(np.minimum)

equal, not_equal = surface(np.equal), surface(np.not_equal)
less, less_equal = surface(np.less), surface(np.less_equal)
greater, greater_equal = surface(np.greater), surface(np.greater_equal)
logical_and, logical_or = surface(np.logical_and), surface(np.logical_or)
logical_xor, logical_not = surface(np.logical_xor), surface(np.logical_not)
isfinite, isnan, isinf, signbit = surface(np.isfinite), surface(np.isnan), surface(np.isinf), surface(np.signbit)

bitwise_and, bitwise_or, bitwise_xor = surface(np.bitwise_and), surface(np.bitwise_or), surface(np.bitwise_xor)
invert = bitwise_not = bitwise_invert = surface(np.invert)
left_shift = bitwise_left_shift = surface(np.left_shift)
right_shift = bitwise_right_shift = surface(np.right_shift)
bitwise_count = surface(np.bitwise_count)
# fmt: on


def is_complex(x):
    return type_of(x).dtype.kind == "c"


def inexact(x):
    """The operand, integers and booleans as floats."""
    x = operand(x)
    return x if type_of(x).dtype.kind in "fc" else convert_to(x, default_float())


def refuse_complex(name, x):
    if is_complex(x):
        raise TypeError(f"{name} is not defined for complex operands, got {type_of(x)}.")


# --------------------------------------------------------------------------------------------------------------- powers


def power(x1, x2, /):
    """x1 to the power of x2, as np.power. A Python int x2 makes products: fast, and differentiable everywhere.

    Edges: the derivative of x**0 is 0 for an integer 0 and NaN at x = 0 for a float 0; that of x**y with respect to y
           is NaN for negative x.
    Errors: ValueError for integers to negative integer powers.
    """
    x1 = operand(x1)
    if type(x2) is int and type_of(x1).dtype.kind != "b":
        return powers.integer_pow(x1, y=x2)
    return powers.power(x1, operand(x2))


pow = power


def float_power(x1, x2, /):
    """x1 to the power of x2 in float64 or complex128 at least, as np.float_power."""
    x1, x2 = operand(x1), operand(x2)
    dtype = np.result_type(promote(type_of(x1), type_of(x2))[0], np.float64)
    return powers.power(convert_to(x1, dtype), convert_to(x2, dtype))


def positive(x, /):
    """The operand itself. Errors: TypeError for booleans, as np.positive."""
    x = operand(x)
    if type_of(x).dtype.kind == "b":
        raise TypeError("positive does not accept booleans.")
    return x


def fabs(x, /):
    """Absolute value as a float, as np.fabs; not for complex numbers."""
    x = inexact(x)
    refuse_complex("fabs", x)
    return comparison.absolute(x)


def divmod(x1, x2, /):
    """(x1 // x2, x1 % x2)."""
    x1, x2 = operand(x1), operand(x2)
    return elementwise.floor_divide(x1, x2), elementwise.remainder(x1, x2)


def modf(x, /):
    """(fractional part, integral part), both with the sign of x."""
    x = inexact(x)
    refuse_complex("modf", x)
    finite = comparison.select(comparison.isinf(x), comparison.copysign(0.0, x), x)
    return elementwise.fmod(finite, 1), elementwise.trunc(x)


def frexp(x, /):
    """(mantissa in [0.5, 1), exponent) with x = mantissa * 2 ** exponent. The exponent has no derivative."""
    x = inexact(x)
    refuse_complex("frexp", x)
    exponent = elementwise.binary_exponent(x)
    return elementwise.ldexp(x, elementwise.neg(exponent)), exponent


# -------------------------------------------------------------------------------------- angles and other functions


def radians(x, /):
    """Degrees as radians."""
    return elementwise.mul(inexact(x), float(np.pi / 180))


deg2rad = radians


def degrees(x, /):
    """Radians as degrees."""
    return elementwise.mul(inexact(x), float(180 / np.pi))


rad2deg = degrees


def sinc(x, /):
    """sin(pi x) / (pi x), and 1 at 0. All derivatives are right at 0 too."""
    scaled = elementwise.mul(inexact(x), float(np.pi))
    near_zero = comparison.lt(comparison.absolute(scaled), 0.1)
    squared = elementwise.square(comparison.select(near_zero, scaled, 0))
    series = 1.0  # sum of (-squared)^k / (2 k + 1)!, by Horner's rule
    for k in (6, 5, 4, 3, 2, 1):
        series = elementwise.sub(1, elementwise.mul(elementwise.div(squared, 2 * k * (2 * k + 1)), series))
    away = comparison.select(near_zero, 1, scaled)
    return comparison.select(near_zero, series, elementwise.div(elementwise.sin(away), away))


def i0(x, /):
    """Modified Bessel function of the first kind, order 0."""
    x = inexact(x)
    refuse_complex("i0", x)
    return special.bessel_i0(x)


# ------------------------------------------------------------------------------------------------------------ rounding


def fix(x, out=None):
    """Rounded toward zero."""
    refuse_out(out, "fix")
    return elementwise.trunc(operand(x))


def round(a, decimals=0, out=None):
    """Rounded to `decimals` places (negative: to tens, hundreds, ...), halves to even, as np.round.

    The derivative is 0. Complex numbers are rounded part by part.
    """
    refuse_out(out, "round")
    a = operand(a)
    dtype = type_of(a).dtype
    if dtype.kind == "c":
        return complex.complex_of(round(complex.real(a), decimals), round(complex.imag(a), decimals))
    if dtype.kind in "iub":
        if decimals >= 0:
            return a
        return convert_to(round(convert_to(a, np.float64), decimals), dtype)
    if decimals == 0:
        return elementwise.rint(a)
    factor = float(10 ** builtins.abs(decimals))
    if decimals > 0:
        return elementwise.div(elementwise.rint(elementwise.mul(a, factor)), factor)
    return elementwise.mul(elementwise.rint(elementwise.div(a, factor)), factor)


around = round


# ------------------------------------------------------------------------------------------------------------- complex


def real(val, /):
    """Real part; a real operand itself."""
    val = operand(val)
    return complex.real(val) if is_complex(val) else val


def imag(val, /):
    """Imaginary part; zeros for a real operand."""
    val = operand(val)
    return complex.imag(val) if is_complex(val) else zeros_like(val)


def zeros_like(x):
    type_ = type_of(x)
    return np.zeros(type_.shape, type_.dtype)[()]


def conjugate(x, /):
    """Complex conjugate; a real operand itself."""
    x = operand(x)
    return complex.conj(x) if is_complex(x) else x


conj = conjugate


def angle(z, deg=False):
    """Argument of a complex number in radians (degrees if `deg`): pi for negative real numbers."""
    z = inexact(z)
    result = elementwise.atan2(imag(z), real(z))
    return degrees(result) if deg else result


def isreal(x, /):
    """True where the imaginary part is 0."""
    return comparison.eq(imag(x), 0)


def iscomplex(x, /):
    """True where the imaginary part is not 0."""
    return comparison.ne(imag(x), 0)


def real_if_close(a, tol=100):
    """The real part if all imaginary parts are below `tol` epsilons, else `a`. Needs known values, not traced."""
    a = operand(a)
    if not is_complex(a):
        return a
    part = complex.imag(a)
    limit = tol * np.finfo(type_of(part).dtype).eps if tol > 1 else tol
    far = convert_to(comparison.ge(comparison.absolute(part), limit), np.dtype(np.int64))
    count = reduce_sum(far, axes=tuple(range(type_of(a).ndim)))
    return complex.real(a) if comparison.eq(count, 0) else a


# --------------------------------------------------------------------------------------------------------- comparisons


def fmax(x1, x2, /):
    """The larger, and the number where the other is NaN. At a tie the derivative goes to x2."""
    x1, x2 = operand(x1), operand(x2)
    return comparison.select(comparison.logical_or(comparison.gt(x1, x2), comparison.isnan(x2)), x1, x2)


def fmin(x1, x2, /):
    """The smaller, and the number where the other is NaN. At a tie the derivative goes to x2."""
    x1, x2 = operand(x1), operand(x2)
    return comparison.select(comparison.logical_or(comparison.lt(x1, x2), comparison.isnan(x2)), x1, x2)


def isposinf(x, /, out=None):
    """True where positive infinity."""
    refuse_out(out, "isposinf")
    return comparison.eq(operand(x), np.inf)


def isneginf(x, /, out=None):
    """True where negative infinity."""
    refuse_out(out, "isneginf")
    return comparison.eq(operand(x), -np.inf)
