"""Elementwise arithmetic and functions: one row each.

Relies on broadcasting. Operands broadcast and promote as in NumPy.
A derivative is written as a function of the output y and the operands; `mul` by the tangent is added by the row.
"""

import functools

import numpy as np

from vgrad.config import config
from vgrad.core.primitive import Primitive, no_tangent, refuse
from vgrad.core.types import PYTHON_SCALARS, ArrayType, promote, type_of
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


def elementwise(name, function, *, derivatives=(), linear_in=(), dtype=None, jvp=None, transpose=None):
    """The record of an elementwise operation.

    function        a NumPy ufunc, or a function of arrays that broadcasts
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
            dtypes, weaks = (common,) * len(dtypes), (False,) * len(dtypes)
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
        return ArrayType(broadcast_type_of(name, types), output_dtype, all(weaks) and output_dtype.kind != "b")

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
        prepare=prepare,
    )
    return record


def prepare_operand(operand, type_, dtype, forced, all_weak):
    """The operand with its part of the promotion made explicit."""
    if type(operand) in PYTHON_SCALARS:
        return operand if all_weak else np.asarray(operand).astype(dtype)[()]
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


# --------------------------------------------------------------------------------- sums: linear in both operands at once


def add_jvp(output, operands, tangents):
    x, y = tangents
    return like(add(x, y) if x is not None and y is not None else y if x is None else x, output)


def sub_jvp(output, operands, tangents):
    x, y = tangents
    if y is None:
        return like(x, output)
    return like(neg(y) if x is None else sub(x, y), output)


add = elementwise(
    "add", np.add, jvp=add_jvp, transpose=lambda cotangent, operands, wrt: sum_to(cotangent, type_of(operands[wrt]))
)
sub = elementwise(
    "sub",
    np.subtract,
    jvp=sub_jvp,
    transpose=lambda cotangent, operands, wrt: sum_to(neg(cotangent) if wrt else cotangent, type_of(operands[wrt])),
)
neg = elementwise("neg", np.negative, linear_in=(0,))

# fmt: off                                  how the derivative may be written: y is the output, x (x0, x1) the operands
mul = elementwise("mul", np.multiply, linear_in=(0, 1))
div = elementwise("div", np.true_divide, linear_in=(0,), derivatives=(None, lambda y, x0, x1: neg(div(y, x1))))
exp = elementwise("exp", np.exp, derivatives=(lambda y, x: y,))
log = elementwise("log", np.log, derivatives=(lambda y, x: div(1.0, x),))
sin = elementwise("sin", np.sin, derivatives=(lambda y, x: cos(x),))
cos = elementwise("cos", np.cos, derivatives=(lambda y, x: neg(sin(x)),))
tanh = elementwise("tanh", np.tanh, derivatives=(lambda y, x: sub(1.0, mul(y, y)),))
sqrt = elementwise("sqrt", np.sqrt, derivatives=(lambda y, x: div(0.5, y),))
# fmt: on
