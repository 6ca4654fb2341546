"""Powers, and functions whose derivatives need a case at an edge: pow, integer_pow, hypot, logaddexp.

Relies on elementwise and comparison.
"""

import numpy as np

from vgrad.core.primitive import Expression, Primitive, refuse
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.comparison import eq, replace_zero, select
from vgrad.primitives.elementwise import div, elementwise, exp, exp2, like, log, mul, sub

# -------------------------------------------------------------------------------------- integer_pow: a static exponent


def integer_pow_type(x, *, y):
    if y < 0 and x.dtype.kind in "iu":
        raise ShapeError(f"Integers to negative integer powers are not allowed: {x} ** {y}. Write x.astype(float).")
    return ArrayType(x.shape, x.dtype, x.weak)


def integer_pow_evaluate(x, *, y):
    """Products of repeated squares: fast, and exact for small integers."""
    if y < 0:
        if np.result_type(x).kind in "iub":
            return np.power(x, y)  # raises: integers have no negative powers
        return np.reciprocal(integer_pow_evaluate(x, y=-y))
    if y == 0:
        return np.ones_like(x)[()]
    product = None
    while True:
        if y % 2:
            product = x if product is None else np.multiply(product, x)
        y //= 2
        if not y:
            return product
        x = np.square(x)


def integer_pow_text(*, y):
    """The same products, from the highest bit of the exponent to the lowest."""
    text = "1"
    for place, bit in enumerate(f"{abs(y):b}" if y else ""):
        text = "x0" if place == 0 else f"square({text})"
        if place and bit == "1":
            text += " * x0"
    return text if y >= 0 else {"f": f"1 / ({text})", "c": f"complex_reciprocal({text})"}


def integer_pow_jvp(output, operands, tangents, *, y):
    (x,), (tangent,) = operands, tangents
    if y in (0, 1):
        return tangent if y else None
    return like(mul(tangent, mul(y, x if y == 2 else integer_pow(x, y=y - 1))), output)


integer_pow = Primitive(
    "integer_pow",
    output_type=integer_pow_type,
    evaluate=integer_pow_evaluate,
    jvp=integer_pow_jvp,
    transpose=refuse("integer_pow is not linear in its operand"),
    batch=lambda operands, mapped_axes, *, y: (integer_pow(operands[0], y=y), mapped_axes[0]),
    lower=Expression(integer_pow_text, lambda x, *, y: (x.dtype,)),
)


# ---------------------------------------------------------------------------------------------------------------- pow


def power_wrt_base(y, base, exponent):
    """exponent * base ** (exponent - 1). An integer exponent 0 gives 0 even at base 0; a float one gives NaN there."""
    if type_of(exponent).dtype.kind == "f" or type_of(exponent).dtype.kind == "c":
        return mul(exponent, power(base, sub(exponent, 1)))
    exponent = convert_to(exponent, type_of(y).dtype)
    return select(eq(exponent, 0), 0, mul(replace_zero(exponent), power(base, sub(exponent, 1))))


def log_sum_share(exponential):
    """Derivative of log(e^x0 + e^x1) with respect to x: exp(x - y), and 1 where both are infinite."""

    def zero_for_infinity(x):
        return select(eq(x, np.inf), 0, x)

    return lambda y, x: exponential(sub(zero_for_infinity(x), zero_for_infinity(y)))


natural_share, binary_share = log_sum_share(exp), log_sum_share(exp2)

LOG2_E = float(1 / np.log(2))
LOG_ADD_EXP_2 = f"select(x0 == x1, x0 + 1, maximum(x0, x1) + {LOG2_E} * log1p(exp2(-abs(x0 - x1))))"

# fmt: off
power = elementwise("pow", np.power, lower={"f": "pow(x0, x1)"}, derivatives=(
    power_wrt_base,
    lambda y, base, exponent: mul(log(replace_zero(base)), y),
))
hypot = elementwise("hypot", np.hypot, lower="hypot(x0, x1)", derivatives=(
    lambda y, x0, x1: select(eq(y, 0), 0.5, div(x0, replace_zero(y))),
    lambda y, x0, x1: select(eq(y, 0), 0.5, div(x1, replace_zero(y))),
))
logaddexp = elementwise("logaddexp", np.logaddexp, lower="logaddexp(x0, x1)", derivatives=(
    lambda y, x0, x1: natural_share(y, x0), lambda y, x0, x1: natural_share(y, x1)
))
logaddexp2 = elementwise("logaddexp2", np.logaddexp2, lower=LOG_ADD_EXP_2, derivatives=(
    lambda y, x0, x1: binary_share(y, x0), lambda y, x0, x1: binary_share(y, x1)
))
# fmt: on
