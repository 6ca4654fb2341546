"""Elementwise arithmetic and functions: one row each.

Relies on broadcasting. Operands broadcast and promote as in NumPy.
A derivative is written as a function of the output y and the operands; `mul` by the tangent is added by the row.
"""

import functools

import numpy as np

from vgrad.config import config
from vgrad.core.primitive import Expression, Host, Primitive, host, no_tangent, refuse
from vgrad.core.types import INT64, PYTHON_SCALARS, ArrayType, default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import (
    aligned,
    broadcast_to,
    broadcast_type_of,
    convert_to,
    sum_to,
)

PYTHON_TYPES = {"f": float, "i": int, "c": complex}


@functools.lru_cache(maxsize=4096)
def ufunc_dtypes(ufunc, dtypes, weaks):
    """NumPy's dtypes for a ufunc: (one per operand..., output). A weak dtype stands for its Python type."""
    asked = tuple([PYTHON_TYPES[dtype.kind] if weak else dtype for dtype, weak in zip(dtypes, weaks)])
    return ufunc.resolve_dtypes(asked + (None,))


def elementwise(name, function, *, lower, derivatives=(), linear_in=(), dtype=None, jvp=None, transpose=None):
    """The record of an elementwise operation.

    function        a NumPy ufunc, or a function of arrays that broadcasts
    lower           what one element is, to the compiler: the text of an Expression, or host("why")
    derivatives     one per operand: (y, *operands) -> dy/dx; None for a derivative that is zero everywhere;
                    empty when the output is discrete
    linear_in       positions of operands in which the operation is linear while the others are fixed
    dtype           for a function that is not a ufunc: (promoted dtype) -> (operand dtype, output dtype)
    jvp, transpose  in place of the rules made from derivatives and linear_in
    """

    @functools.lru_cache(maxsize=4096)
    def resolve(dtypes, weaks, default):
        """(dtype per operand, output dtype, whether NumPy left alone would give another)."""
        common, weak = promote(*[ArrayType((), *pair) for pair in zip(dtypes, weaks)])
        if weak:
            if function is not np.ldexp:  # the one ufunc that takes an integer beside a float
                dtypes = (common,) * len(dtypes)
            weaks = (False,) * len(dtypes)
        if dtype is not None:
            operand_dtype, output_dtype = dtype(common)
            return (operand_dtype,) * len(dtypes), output_dtype, False
        try:
            *operand_dtypes, output_dtype = ufunc_dtypes(function, dtypes, weaks)
        except TypeError:
            raise ShapeError(f"{name} does not accept dtype {', '.join(map(str, dtypes))}.") from None
        strong_float = any([d.kind in "fc" and not w for d, w in zip(dtypes, weaks)])
        if default == "float32" and output_dtype == np.float64 and not strong_float:
            return (np.dtype(np.float32),) * len(dtypes), np.dtype(np.float32), True
        return tuple(operand_dtypes), output_dtype, False

    def output_type(*types):
        dtypes, weaks = tuple([type_.dtype for type_ in types]), tuple([type_.weak for type_ in types])
        _, output_dtype, _ = resolve(dtypes, weaks, config.default_float)
        # a boolean or int32 from Python scalars (a comparison, an exponent) is no Python scalar's dtype: it is strong
        weak = all(weaks) and (output_dtype.kind in "fc" or output_dtype == INT64)
        return ArrayType(broadcast_type_of(name, types), output_dtype, weak)

    def operand_dtypes(*types):
        dtypes, weaks = tuple([type_.dtype for type_ in types]), tuple([type_.weak for type_ in types])
        return resolve(dtypes, weaks, config.default_float)[0]

    def prepare(*operands):
        types = [type_of(operand) for operand in operands]
        dtypes, weaks = tuple([type_.dtype for type_ in types]), tuple([type_.weak for type_ in types])
        operand_dtypes, _, forced = resolve(dtypes, weaks, config.default_float)
        return [
            prepare_operand(operand, type_, operand_dtype, forced, all(weaks))
            for operand, type_, operand_dtype in zip(operands, types, operand_dtypes)
        ]

    def evaluate(*operands):
        return function(*operands)

    def rule_jvp(output, operands, tangents):
        if not is_inexact(output):
            return None
        total = None
        for position, tangent in enumerate(tangents):
            if tangent is None:
                continue
            if position in linear_in:
                term = record(*operands[:position], tangent, *operands[position + 1 :])
            elif derivatives[position] is None:
                continue
            else:
                term = mul(tangent, derivatives[position](output, *operands))
            total = term if total is None else add(total, term)
        return None if total is None else like(total, output)

    def rule_transpose(cotangent, operands, wrt):
        others = [cotangent if position == wrt else operand for position, operand in enumerate(operands)]
        return sum_to(record(*others), operands[wrt])

    def batch(operands, mapped_axes):
        operands, axis = aligned(operands, mapped_axes)
        return record(*operands), axis

    record = Primitive(
        name,
        output_type=output_type,
        evaluate=function if isinstance(function, np.ufunc) else evaluate,
        jvp=jvp or (rule_jvp if derivatives or linear_in else no_tangent),
        transpose=transpose or (rule_transpose if linear_in else refuse(f"{name} is not linear in its operands")),
        batch=batch,
        lower=lower if isinstance(lower, Host) else Expression(lower, operand_dtypes),
        prepare=prepare,
    )
    return record


def prepare_operand(operand, type_, dtype, forced, all_weak):
    """The operand with its part of the promotion made explicit; operands that are all weak stay so."""
    if all_weak:
        return operand
    if type(operand) in PYTHON_SCALARS:
        return np.asarray(operand, dtype)[()]
    if type_.dtype != dtype and (type_.weak or forced):
        return convert_to(operand, dtype)
    return operand


def is_inexact(value):
    kind = type(value)
    if kind is float or kind is complex:
        return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind in "fc"


def like(tangent, output):
    """The tangent with the shape and dtype of the output."""
    type_ = type_of(output)
    tangent = broadcast_to(tangent, type_.shape)
    if type_.weak or type_of(tangent).dtype == type_.dtype:
        return tangent
    return convert_to(tangent, type_.dtype)


# ------------------------------------------------------------------------------ sums: linear in both operands at once


def add_jvp(output, operands, tangents):
    x, y = tangents
    return like(add(x, y) if x is not None and y is not None else y if x is None else x, output)


def sub_jvp(output, operands, tangents):
    x, y = tangents
    if y is None:
        return like(x, output)
    return like(neg(y) if x is None else sub(x, y), output)


def div_jvp(output, operands, tangents):
    """Derivative of output = x / y, with as few divisions as the shapes allow: of y's size alone where y is spread."""
    (_, y), (x_tangent, y_tangent) = operands, tangents
    if y_tangent is None:
        total = div(x_tangent, y)
    elif type_of(y).size < type_of(output).size:
        change = mul(output, neg(div(y_tangent, y)))
        total = change if x_tangent is None else add(div(x_tangent, y), change)
    elif x_tangent is None:
        total = mul(y_tangent, neg(div(output, y)))
    else:
        total = div(sub(x_tangent, mul(output, y_tangent)), y)
    return like(total, output)


add = elementwise(
    "add",
    np.add,
    lower={"b": "x0 | x1", "iufc": "x0 + x1"},
    jvp=add_jvp,
    transpose=lambda cotangent, operands, wrt: sum_to(cotangent, type_of(operands[wrt])),
)
sub = elementwise(
    "sub",
    np.subtract,
    lower="x0 - x1",
    jvp=sub_jvp,
    transpose=lambda cotangent, operands, wrt: sum_to(neg(cotangent) if wrt else cotangent, type_of(operands[wrt])),
)
neg = elementwise("neg", np.negative, lower="-x0", linear_in=(0,))

# What the compiler makes of operations with cases. A division by zero gives 0 and the quotient of the least integer by
# -1 wraps around as in NumPy; in machine code both would trap, so they divide by 1 instead.
DIVISOR = "select((x1 == 0) | (x1 == -1), 1, x1)"
POSITIVE_DIVISOR = "select(x1 == 0, 1, x1)"
FLOOR_DIVIDE = {
    "f": "floor_divide(x0, x1)",
    "i": f"select(x1 == 0, 0, select(x1 == -1, -x0, x0 // {DIVISOR}))",
    "u": f"select(x1 == 0, 0, x0 // {POSITIVE_DIVISOR})",
}
REMAINDER = {
    "f": "remainder(x0, x1)",
    "i": f"x0 % {DIVISOR}",
    "u": f"select(x1 == 0, 0, x0 % {POSITIVE_DIVISOR})",
}
FMOD = {
    "f": "fmod(x0, x1)",
    "i": f"x0 % {DIVISOR} - select((x0 % {DIVISOR} != 0) & ((x0 ^ x1) < 0), x1, 0)",
    "u": REMAINDER["u"],
}
SIGN = {
    "f": "select(x0 > 0, 1, select(x0 < 0, -1, select(x0 == 0, 0, x0)))",
    "i": "select(x0 > 0, 1, select(x0 < 0, -1, 0))",
    "u": "select(x0 > 0, 1, 0)",
}
RECIPROCAL = {"f": "1 / x0", "c": "complex_reciprocal(x0)"}
RINT = {"f": "round_even(x0)", "c": "complex_of(round_even(real(x0)), round_even(imag(x0)))"}
SPACING = {"f": "nextafter(x0, select(x0 < 0, -inf, inf)) - x0"}
EUCLID = host("Euclid's algorithm takes a number of steps that depends on the values")
BINARY_EXPONENT = {"f": "binary_exponent(x0)"}

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

# fmt: off                                  how the derivative may be written: y is the output, x (x0, x1) the operands
mul = elementwise("mul", np.multiply, lower={"b": "x0 & x1", "iufc": "x0 * x1"}, linear_in=(0, 1))
div = elementwise(
    "div",
    np.true_divide,
    lower={"f": "x0 / x1", "c": "complex_divide(x0, x1)"},
    linear_in=(0,),
    jvp=div_jvp,
)
square = elementwise("square", np.square, lower="x0 * x0", derivatives=(lambda y, x: mul(2, x),))
reciprocal = elementwise("reciprocal", np.reciprocal, lower=RECIPROCAL, derivatives=(lambda y, x: neg(mul(y, y)),))
sqrt = elementwise("sqrt", np.sqrt, lower="sqrt(x0)", derivatives=(lambda y, x: div(0.5, y),))
cbrt = elementwise("cbrt", np.cbrt, lower="cbrt(x0)", derivatives=(lambda y, x: div(div(1 / 3, y), y),))

exp = elementwise("exp", np.exp, lower="exp(x0)", derivatives=(lambda y, x: y,))
exp2 = elementwise("exp2", np.exp2, lower="exp2(x0)", derivatives=(lambda y, x: mul(LN2, y),))
expm1 = elementwise("expm1", np.expm1, lower="expm1(x0)", derivatives=(lambda y, x: add(y, 1.0),))
log = elementwise("log", np.log, lower="log(x0)", derivatives=(lambda y, x: div(1.0, x),))
log2 = elementwise("log2", np.log2, lower="log2(x0)", derivatives=(lambda y, x: div(1 / LN2, x),))
log10 = elementwise("log10", np.log10, lower="log10(x0)", derivatives=(lambda y, x: div(1 / LN10, x),))
log1p = elementwise("log1p", np.log1p, lower="log1p(x0)", derivatives=(lambda y, x: div(1.0, add(x, 1.0)),))

sin = elementwise("sin", np.sin, lower="sin(x0)", derivatives=(lambda y, x: cos(x),))
cos = elementwise("cos", np.cos, lower="cos(x0)", derivatives=(lambda y, x: neg(sin(x)),))
tan = elementwise("tan", np.tan, lower="tan(x0)", derivatives=(lambda y, x: add(1.0, mul(y, y)),))
asin = elementwise("asin", np.arcsin, lower="asin(x0)", derivatives=(lambda y, x: div(1.0, sqrt(sub(1.0, mul(x, x)))),))
acos = elementwise(
    "acos", np.arccos, lower="acos(x0)", derivatives=(lambda y, x: div(-1.0, sqrt(sub(1.0, mul(x, x)))),)
)
atan = elementwise("atan", np.arctan, lower="atan(x0)", derivatives=(lambda y, x: div(1.0, add(1.0, mul(x, x))),))
atan2 = elementwise(
    "atan2",
    np.arctan2,
    lower="atan2(x0, x1)",
    derivatives=(
        lambda y, x0, x1: div(x1, add(mul(x0, x0), mul(x1, x1))),
        lambda y, x0, x1: neg(div(x0, add(mul(x0, x0), mul(x1, x1)))),
    ),
)

sinh = elementwise("sinh", np.sinh, lower="sinh(x0)", derivatives=(lambda y, x: cosh(x),))
cosh = elementwise("cosh", np.cosh, lower="cosh(x0)", derivatives=(lambda y, x: sinh(x),))
tanh = elementwise("tanh", np.tanh, lower="tanh(x0)", derivatives=(lambda y, x: sub(1.0, mul(y, y)),))
asinh = elementwise(
    "asinh", np.arcsinh, lower="asinh(x0)", derivatives=(lambda y, x: div(1.0, sqrt(add(mul(x, x), 1.0))),)
)
acosh = elementwise(
    "acosh", np.arccosh, lower="acosh(x0)", derivatives=(lambda y, x: div(1.0, sqrt(mul(sub(x, 1.0), add(x, 1.0)))),)
)
atanh = elementwise(
    "atanh", np.arctanh, lower="atanh(x0)", derivatives=(lambda y, x: div(1.0, mul(sub(1.0, x), add(1.0, x))),)
)


def logistic_evaluate(x):
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    x = np.asarray(x, np.result_type(x) if np.result_type(x).kind == "f" else default_float())
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(np.greater_equal(x, 0), 1, small)[()] / (1 + small)


def inexact(dtype):
    """(operand dtype, output dtype) of a function that gives a float for an integer, and keeps floats and complex."""
    dtype = dtype if dtype.kind in "fc" else default_float()
    return dtype, dtype


logistic = elementwise(
    "logistic", logistic_evaluate, lower="logistic(x0)", dtype=inexact, derivatives=(lambda y, x: mul(y, sub(1.0, y)),)
)

# ----------------------------------------------------------------------------------- rounding, division with remainder

sign = elementwise("sign", np.sign, lower=SIGN)
floor = elementwise("floor", np.floor, lower={"biu": "x0", "f": "floor(x0)"})
ceil = elementwise("ceil", np.ceil, lower={"biu": "x0", "f": "ceil(x0)"})
trunc = elementwise("trunc", np.trunc, lower={"biu": "x0", "f": "trunc(x0)"})
rint = elementwise("rint", np.rint, lower=RINT)
floor_divide = elementwise("floor_divide", np.floor_divide, lower=FLOOR_DIVIDE)
remainder = elementwise(
    "remainder",
    np.remainder,
    lower=REMAINDER,
    derivatives=(
        lambda y, x0, x1: 1.0,
        lambda y, x0, x1: neg(floor_divide(x0, x1)),
    ),
)
fmod = elementwise(
    "rem", np.fmod, lower=FMOD, derivatives=(lambda y, x0, x1: 1.0, lambda y, x0, x1: neg(trunc(div(x0, x1))))
)
ldexp = elementwise(
    "ldexp",
    np.ldexp,
    lower="ldexp(x0, int32(minimum(maximum(x1, -10000), 10000)))",
    linear_in=(0,),
    derivatives=(None, None),
)
nextafter = elementwise(
    "nextafter", np.nextafter, lower="nextafter(x0, x1)", derivatives=(refuse("nextafter has no derivative"),) * 2
)
spacing = elementwise("spacing", np.spacing, lower=SPACING, derivatives=(refuse("spacing has no derivative"),))
binary_exponent = elementwise(
    "binary_exponent", lambda x: np.frexp(x)[1], lower=BINARY_EXPONENT, dtype=lambda dtype: (dtype, np.dtype(np.int32))
)
gcd = elementwise("gcd", np.gcd, lower=EUCLID)
lcm = elementwise("lcm", np.lcm, lower=EUCLID)
# fmt: on
