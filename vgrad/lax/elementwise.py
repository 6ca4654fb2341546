"""Elementwise operations with `jax.lax`'s names. Unlike there, operands broadcast and promote as in NumPy.

Relies on primitives.
"""

import enum

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import operand
from vgrad.primitives import bits, comparison, elementwise, incomplete_gamma, powers, special
from vgrad.primitives import complex as complex_parts
from vgrad.primitives.broadcasting import convert_to

# fmt: off
__all__ = [
    "RoundingMethod", "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e",
    "bessel_i1e", "betainc", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "cbrt", "ceil", "clamp",
    "clz", "complex", "conj", "cos", "cosh", "digamma", "div", "eq", "erf", "erf_inv", "erfc", "exp", "exp2",
    "expm1", "floor", "ge", "gt", "igamma", "igamma_grad_a", "igammac", "imag", "integer_pow", "is_finite", "le",
    "lgamma", "log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter", "polygamma",
    "population_count", "pow", "random_gamma_grad", "real", "reciprocal", "reduce_precision", "rem", "round",
    "rsqrt", "select", "select_n", "shift_left", "shift_right_arithmetic", "shift_right_logical", "sign", "sin",
    "sinh", "sqrt", "square", "sub", "tan", "tanh", "zeta",
]
# fmt: on


def surface(primitive, name, text):
    """The function of vgrad.lax that is one primitive."""

    def apply(*operands):
        return primitive(*[operand(value) for value in operands])

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"{name}({text}), elementwise."
    return apply


def unary(primitive, name):
    return surface(primitive, name, "x")


def binary(primitive, name):
    return surface(primitive, name, "x, y")


neg, sign = unary(elementwise.neg, "neg"), unary(elementwise.sign, "sign")
add, sub = binary(elementwise.add, "add"), binary(elementwise.sub, "sub")
mul, rem = binary(elementwise.mul, "mul"), binary(elementwise.fmod, "rem")
abs, square = unary(comparison.absolute, "abs"), unary(elementwise.square, "square")
sqrt, cbrt = unary(elementwise.sqrt, "sqrt"), unary(elementwise.cbrt, "cbrt")
max, min = binary(comparison.maximum, "max"), binary(comparison.minimum, "min")

exp, exp2, expm1 = unary(elementwise.exp, "exp"), unary(elementwise.exp2, "exp2"), unary(elementwise.expm1, "expm1")
log, log1p = unary(elementwise.log, "log"), unary(elementwise.log1p, "log1p")
logistic = unary(elementwise.logistic, "logistic")
sin, cos, tan = unary(elementwise.sin, "sin"), unary(elementwise.cos, "cos"), unary(elementwise.tan, "tan")
asin, acos, atan = unary(elementwise.asin, "asin"), unary(elementwise.acos, "acos"), unary(elementwise.atan, "atan")
atan2 = binary(elementwise.atan2, "atan2")
sinh, cosh, tanh = unary(elementwise.sinh, "sinh"), unary(elementwise.cosh, "cosh"), unary(elementwise.tanh, "tanh")
asinh, acosh = unary(elementwise.asinh, "asinh"), unary(elementwise.acosh, "acosh")
atanh = unary(elementwise.atanh, "atanh")

floor, ceil = unary(elementwise.floor, "floor"), unary(elementwise.ceil, "ceil")
nextafter, is_finite = binary(elementwise.nextafter, "nextafter"), unary(comparison.isfinite, "is_finite")
eq, ne = binary(comparison.eq, "eq"), binary(comparison.ne, "ne")
lt, le = binary(comparison.lt, "lt"), binary(comparison.le, "le")
gt, ge = binary(comparison.gt, "gt"), binary(comparison.ge, "ge")

bitwise_and, bitwise_or = binary(bits.bitwise_and, "bitwise_and"), binary(bits.bitwise_or, "bitwise_or")
bitwise_xor, bitwise_not = binary(bits.bitwise_xor, "bitwise_xor"), unary(bits.invert, "bitwise_not")
shift_left = binary(bits.shift_left, "shift_left")
shift_right_arithmetic = binary(bits.shift_right_arithmetic, "shift_right_arithmetic")
shift_right_logical = binary(bits.shift_right_logical, "shift_right_logical")
population_count, clz = unary(bits.population_count, "population_count"), unary(bits.count_leading_zeros, "clz")

erf, erfc, erf_inv = unary(special.erf, "erf"), unary(special.erfc, "erfc"), unary(special.erf_inv, "erf_inv")
lgamma, digamma = unary(special.lgamma, "lgamma"), unary(special.digamma, "digamma")
polygamma, zeta = surface(special.polygamma, "polygamma", "m, x"), surface(special.zeta, "zeta", "x, q")
igamma, igammac = surface(special.igamma, "igamma", "a, x"), surface(special.igammac, "igammac", "a, x")
igamma_grad_a = surface(incomplete_gamma.igamma_grad_a, "igamma_grad_a", "a, x")
random_gamma_grad = surface(incomplete_gamma.random_gamma_grad, "random_gamma_grad", "a, x")
betainc = surface(special.betainc, "betainc", "a, b, x")
bessel_i0e, bessel_i1e = unary(special.bessel_i0e, "bessel_i0e"), unary(special.bessel_i1e, "bessel_i1e")


def div(x, y):
    """x / y; integers divide toward zero."""
    x, y = operand(x), operand(y)
    if type_of(x).dtype.kind in "iu" and type_of(y).dtype.kind in "iu":
        return elementwise.floor_divide(elementwise.sub(x, elementwise.fmod(x, y)), y)
    return elementwise.div(x, y)


def reciprocal(x):
    """1 / x of floats and complex numbers."""
    return elementwise.div(1, operand(x))


def rsqrt(x):
    """1 / sqrt(x)."""
    return elementwise.div(1, elementwise.sqrt(operand(x)))


def pow(x, y):
    """x to the power of y. A Python int y makes products."""
    return powers.integer_pow(operand(x), y=y) if type(y) is int else powers.power(operand(x), operand(y))


def integer_pow(x, y):
    """x to the power of a Python int y, by products."""
    return powers.integer_pow(operand(x), y=int(y))


class RoundingMethod(enum.IntEnum):
    """Where `round` takes numbers half way between two integers."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x, rounding_method=RoundingMethod.AWAY_FROM_ZERO):
    """The nearest integer as a float. The derivative is 0."""
    x = operand(x)
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return elementwise.rint(x)
    below_half = np.nextafter(type_of(x).dtype.type(0.5), type_of(x).dtype.type(0))  # 0.5 would round 0.49999... up
    return elementwise.trunc(elementwise.add(x, comparison.copysign(below_half, x)))


def reduce_precision(x, exponent_bits, mantissa_bits):
    """x, when its floats have no more than these bits. NotImplementedError for fewer: convert the dtype instead."""
    x = operand(x)
    dtype = type_of(x).dtype
    limits = np.finfo(dtype)
    if exponent_bits < limits.iexp or mantissa_bits < limits.nmant:
        raise NotImplementedError(
            f"reduce_precision to {exponent_bits} exponent bits and {mantissa_bits} mantissa bits of {dtype.name}, "
            f"which has {limits.iexp} and {limits.nmant}; write x.astype(np.float32) or float16 and back."
        )
    return x


def clamp(min, x, max):
    """x limited to [min, max]. At a limit the derivative is 0, as in jax.lax.clamp; np.clip shares it."""
    return comparison.clamp(operand(min), operand(x), operand(max))


def select(pred, on_true, on_false):
    """on_true where pred holds, else on_false."""
    return comparison.select(operand(pred), operand(on_true), operand(on_false))


def select_n(which, *cases):
    """For each element the case whose number is `which` (booleans: False is case 0)."""
    which, cases = operand(which), [operand(case) for case in cases]
    if not cases or (type_of(which).dtype.kind == "b" and len(cases) > 2):
        raise ShapeError(f"select_n: `which` of dtype {type_of(which).dtype} cannot choose among {len(cases)} cases.")
    result = cases[-1]
    for number in reversed(range(len(cases) - 1)):
        result = comparison.select(comparison.le(which, number), cases[number], result)
    return result


def real(x):
    """Real part of complex numbers."""
    return complex_parts.real(operand(x))


def imag(x):
    """Imaginary part of complex numbers."""
    return complex_parts.imag(operand(x))


def complex(x, y):
    """x + 1j * y of real operands."""
    return complex_parts.complex_of(operand(x), operand(y))


def conj(x):
    """Complex conjugate; real numbers become complex."""
    x = operand(x)
    dtype = type_of(x).dtype
    return complex_parts.conj(x if dtype.kind == "c" else convert_to(x, complex_parts.complex_dtypes(dtype)[1]))
