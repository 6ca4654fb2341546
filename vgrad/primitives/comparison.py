"""Comparisons, logic, `select`, and what is defined by cases: maximum, minimum, clamp, abs, copysign, heaviside.

Relies on elementwise and complex.
"""

import numpy as np

from vgrad.core.primitive import Expression, Primitive
from vgrad.core.types import BOOL, PYTHON_SCALARS, ArrayType, promote, type_of
from vgrad.primitives.broadcasting import aligned, broadcast_type_of, convert_to, sum_to
from vgrad.primitives.complex import conj, real
from vgrad.primitives.elementwise import div, elementwise, like, mul

eq = elementwise("eq", np.equal, lower="x0 == x1")
ne = elementwise("ne", np.not_equal, lower="x0 != x1")
lt = elementwise("lt", np.less, lower="x0 < x1")
le = elementwise("le", np.less_equal, lower="x0 <= x1")
gt = elementwise("gt", np.greater, lower="x0 > x1")
ge = elementwise("ge", np.greater_equal, lower="x0 >= x1")

logical_and = elementwise("logical_and", np.logical_and, lower={"b": "x0 & x1", "iufc": "(x0 != 0) & (x1 != 0)"})
logical_or = elementwise("logical_or", np.logical_or, lower={"b": "x0 | x1", "iufc": "(x0 != 0) | (x1 != 0)"})
logical_xor = elementwise("logical_xor", np.logical_xor, lower={"b": "x0 ^ x1", "iufc": "(x0 != 0) ^ (x1 != 0)"})
logical_not = elementwise("logical_not", np.logical_not, lower={"b": "not x0", "iufc": "x0 == 0"})

isfinite = elementwise(
    "is_finite",
    np.isfinite,
    lower={"biu": "True", "f": "abs(x0) < inf", "c": "(abs(real(x0)) < inf) & (abs(imag(x0)) < inf)"},
)
isnan = elementwise("is_nan", np.isnan, lower={"biu": "False", "fc": "x0 != x0"})
isinf = elementwise(
    "is_inf",
    np.isinf,
    lower={"biu": "False", "f": "abs(x0) == inf", "c": "(abs(real(x0)) == inf) | (abs(imag(x0)) == inf)"},
)
signbit = elementwise("signbit", np.signbit, lower={"f": "bits(x0) < 0"})


# ------------------------------------------------------------------------------------------------------------- select


def select_type(condition, x, y):
    dtype, weak = promote(x, y)
    shape = broadcast_type_of("select", (condition, x, y))
    return ArrayType(shape, dtype, weak and shape == ())


def select_prepare(condition, x, y):
    dtype, weak = promote(type_of(x), type_of(y))
    if weak and type_of(condition).shape == ():
        return condition, x, y
    return condition, convert_to(x, dtype), convert_to(y, dtype)


def select_evaluate(condition, x, y):
    output = np.where(condition, x, y)[()]
    if type(x) in PYTHON_SCALARS and type(y) in PYTHON_SCALARS:  # NumPy does not know the default float
        return output.astype(promote(type_of(x), type_of(y))[0])
    return output


def select_operand_dtypes(condition, x, y):
    dtype, _ = promote(x, y)
    return BOOL, dtype, dtype


def select_jvp(output, operands, tangents):
    condition, x, y = operands[0], *[0 if tangent is None else tangent for tangent in tangents[1:]]
    return None if tangents[1] is None and tangents[2] is None else like(select(condition, x, y), output)


def select_transpose(cotangent, operands, wrt):
    condition = operands[0]
    chosen = select(condition, cotangent, 0) if wrt == 1 else select(condition, 0, cotangent)
    return sum_to(chosen, type_of(operands[wrt]))


def select_batch(operands, mapped_axes):
    operands, axis = aligned(operands, mapped_axes)
    return select(*operands), axis


# where condition: x, else y. Broadcasts and promotes as np.where; linear in x and y together.
select = Primitive(
    "select",
    output_type=select_type,
    evaluate=select_evaluate,
    jvp=select_jvp,
    transpose=select_transpose,
    batch=select_batch,
    lower=Expression("select(x0, x1, x2)", select_operand_dtypes),
    prepare=select_prepare,
)


# ---------------------------------------------------------------------------------------------- functions with cases


def indicator(condition, value):
    """1 where the condition holds, else 0, in the dtype of `value`."""
    return convert_to(condition, type_of(value).dtype)


def replace_zero(value):
    """The value with 1 in place of 0, for a denominator whose quotient is not used or is 0 there."""
    return select(eq(value, 0), 1, value)


def plus_or_minus(condition, value):
    """1 where the condition holds, else -1, in the dtype of `value`."""
    number = type_of(value).dtype.type
    return select(condition, number(1), number(-1))


def share(chosen, y, x, other):
    """Derivative of y, the x or other that is chosen, with respect to x: 1, or 1/2 each at a tie; 0 where y is NaN."""
    number = type_of(y).dtype.type
    return select(chosen, number(1), select(eq(x, other), number(0.5), number(0)))


def absolute_jvp(output, operands, tangents):
    # JAX's choice at 0: 1 for real numbers, 0 for complex ones
    (x,), (tangent,) = operands, tangents
    if type_of(x).dtype.kind != "c":
        return like(mul(tangent, plus_or_minus(ge(x, 0), output)), output)
    return real(mul(tangent, div(conj(x), replace_zero(output))))


def clamp_evaluate(low, x, high):
    return np.minimum(np.maximum(low, x), high)


# fmt: off
absolute = elementwise("abs", np.absolute, jvp=absolute_jvp, lower={
    "bu": "x0", "i": "select(x0 < 0, -x0, x0)", "f": "abs(x0)", "c": "hypot(real(x0), imag(x0))"
})
maximum = elementwise("max", np.maximum, lower={"b": "x0 | x1", "iuf": "maximum(x0, x1)"}, derivatives=(
    lambda y, x0, x1: share(gt(x0, x1), y, x0, x1), lambda y, x0, x1: share(gt(x1, x0), y, x1, x0)
))
minimum = elementwise("min", np.minimum, lower={"b": "x0 & x1", "iuf": "minimum(x0, x1)"}, derivatives=(
    lambda y, x0, x1: share(lt(x0, x1), y, x0, x1), lambda y, x0, x1: share(lt(x1, x0), y, x1, x0)
))
# At a tie no operand of clamp has a derivative, as in jax.lax.clamp; np.clip shares it.
clamp = elementwise("clamp", clamp_evaluate, dtype=lambda dtype: (dtype, dtype), lower={
    "b": "(x0 | x1) & x2", "iuf": "minimum(maximum(x0, x1), x2)"
}, derivatives=(
    lambda y, low, x, high: indicator(logical_and(gt(low, x), lt(low, high)), y),
    lambda y, low, x, high: indicator(logical_and(gt(x, low), lt(x, high)), y),
    lambda y, low, x, high: indicator(lt(high, x), y),
))
copysign = elementwise("copysign", np.copysign, lower="copysign(x0, x1)", derivatives=(
    lambda y, x0, x1: plus_or_minus(ne(ge(x0, 0), signbit(x1)), y), None
))
heaviside = elementwise("heaviside", np.heaviside, derivatives=(None, lambda y, x0, x1: indicator(eq(x0, 0), y)),
    lower="select(x0 > 0, 1, select(x0 < 0, 0, select(x0 == 0, x1, x0)))",
)
# fmt: on
