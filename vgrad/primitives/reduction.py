"""Reductions over axes, and cumulative operations along one axis. (reduce_sum stands in broadcasting.)

Relies on comparison and powers. Derivatives at ties, zeros and infinities are JAX's.
"""

import math

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive, no_tangent, refuse
from vgrad.core.types import INT64, ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import (
    convert_to,
    move_axis,
    reduce_sum,
    reduced_type,
    reduction_batch,
    reshape_to,
    spread_back,
)
from vgrad.primitives.comparison import eq, maximum, minimum
from vgrad.primitives.elementwise import add, div, mul
from vgrad.primitives.powers import logaddexp
from vgrad.primitives.shape import concatenate, pad, reverse, slice_axis

# ------------------------------------------------------------------------------------------------------- max and min


def extremum_type(name):
    def rule(operand, *, axes):
        type_ = reduced_type(operand, axes=axes)
        if type_.size and not operand.size:
            raise ShapeError(
                f"{name}: zero-size array to reduction operation {name} which has no identity: "
                f"axes {axes} of shape {operand.shape}.",
                "Give initial=.",
            )
        return type_

    return rule


def extremum_jvp(output, operands, tangents, *, axes):
    """All elements that attain the extremum share its derivative."""
    (operand,), (tangent,) = operands, tangents
    dtype = type_of(output).dtype
    attained = convert_to(eq(operand, spread_back(output, axes, type_of(operand).shape)), dtype)
    return div(reduce_sum(mul(tangent, attained), axes=axes), reduce_sum(attained, axes=axes))


reduce_max = Primitive(
    "reduce_max",
    output_type=extremum_type("max"),
    evaluate=lambda operand, *, axes: np.maximum.reduce(operand, axis=axes),
    jvp=extremum_jvp,
    transpose=refuse("max is not linear in its operand"),
    batch=reduction_batch(lambda: reduce_max),
    lower=STRUCTURAL,
)

reduce_min = Primitive(
    "reduce_min",
    output_type=extremum_type("min"),
    evaluate=lambda operand, *, axes: np.minimum.reduce(operand, axis=axes),
    jvp=extremum_jvp,
    transpose=refuse("min is not linear in its operand"),
    batch=reduction_batch(lambda: reduce_min),
    lower=STRUCTURAL,
)


# -------------------------------------------------------------------------------------------------------------- prod


def pairs_of(operation):
    """The elementwise operation on pairs (value, tangent)."""

    def combine(first, second):
        operands, tangents = zip(first, second)
        output = operation(*operands)
        return output, operation.jvp(output, operands, tangents)

    return combine


def prod_jvp(output, operands, tangents, *, axes):
    """Multiply pairs, then pairs of pairs, and so on with the product rule: right where elements are zero.

    Cost: as a few passes over the operand, since each round has half the elements.
    """
    values = [merge_axes(value, axes) for value in (operands[0], tangents[0])]
    length = type_of(values[0]).shape[0]
    if length == 0:
        return reduce_sum(values[1], axes=(0,))
    while length > 1:
        half = length // 2
        first = [slice_axis(value, 0, 0, half) for value in values]
        second = [slice_axis(value, 0, half, 2 * half) for value in values]
        products = pairs_of(mul)(first, second)
        if length % 2:
            left = [slice_axis(value, 0, 2 * half, length) for value in values]
            products = [concatenate(*pair, axis=0) for pair in zip(products, left)]
        values, length = products, length - half
    return reshape_to(values[1], type_of(values[1]).shape[1:])


def merge_axes(value, axes):
    """The value with the axes made one, in front."""
    for count, axis in enumerate(sorted(axes)):
        value = move_axis(value, axis, count)
    shape = type_of(value).shape
    return reshape_to(value, (math.prod(shape[: len(axes)]),) + shape[len(axes) :])


reduce_prod = Primitive(
    "reduce_prod",
    output_type=reduced_type,
    evaluate=lambda operand, *, axes: np.multiply.reduce(operand, axis=axes, dtype=getattr(operand, "dtype", None)),
    jvp=prod_jvp,
    transpose=refuse("prod is not linear in its operand"),
    batch=reduction_batch(lambda: reduce_prod),
    lower=STRUCTURAL,
)


# -------------------------------------------------------------------------------------------------------- and and or


def reduce_bits(name, logical, bitwise):
    def evaluate(operand, *, axes):
        if np.result_type(operand) == np.bool_:
            return logical.reduce(operand, axis=axes)
        # the dtype is said so that no axes at all give it too
        return bitwise.reduce(operand, axis=axes, dtype=getattr(operand, "dtype", None))

    record = Primitive(
        name,
        output_type=reduced_type,
        evaluate=evaluate,
        jvp=no_tangent,
        transpose=refuse(f"{name} is discrete"),
        batch=reduction_batch(lambda: record),
        lower=STRUCTURAL,
    )
    return record


# of booleans, or bit by bit of integers
reduce_and = reduce_bits("reduce_and", np.logical_and, np.bitwise_and)
reduce_or = reduce_bits("reduce_or", np.logical_or, np.bitwise_or)


# ------------------------------------------------------------------------------------------------- argmax and argmin


def position_of(name, function):
    """Position (int64) of the first extremum, or of the first NaN, along one axis."""

    def output_type(operand, *, axis):
        if not 0 <= axis < operand.ndim or operand.shape[axis] == 0:
            raise ShapeError(f"attempt to get {name} of an empty sequence: axis {axis} of shape {operand.shape}.")
        return ArrayType(operand.shape[:axis] + operand.shape[axis + 1 :], INT64)

    def batch(operands, mapped_axes, *, axis):
        (operand,), (mapped,) = operands, mapped_axes
        return record(operand, axis=axis + (axis >= mapped)), mapped - (axis < mapped)

    record = Primitive(
        name,
        output_type=output_type,
        evaluate=lambda operand, *, axis: function(operand, axis=axis),
        jvp=no_tangent,
        transpose=refuse(f"{name} is discrete"),
        batch=batch,
        lower=STRUCTURAL,
    )
    return record


argmax = position_of("argmax", np.argmax)
argmin = position_of("argmin", np.argmin)


# ------------------------------------------------------------------------------------------------ cumulative operations


def cumulative_type(operand, *, axis, reverse):
    if not 0 <= axis < operand.ndim:
        raise ShapeError(f"cumulative operation along axis {axis} of an array of shape {operand.shape}: out of range.")
    return operand.strong()


def accumulate(ufunc):
    def evaluate(operand, *, axis, reverse):
        if not reverse:
            return ufunc.accumulate(operand, axis=axis, dtype=operand.dtype)
        return np.flip(ufunc.accumulate(np.flip(operand, axis), axis=axis, dtype=operand.dtype), axis)

    return evaluate


def cumulative_batch(record_of):
    def rule(operands, mapped_axes, *, axis, reverse):
        (operand,), (mapped,) = operands, mapped_axes
        return record_of()(operand, axis=axis + (axis >= mapped), reverse=reverse), mapped

    return rule


cumsum = Primitive(
    "cumsum",
    output_type=cumulative_type,
    evaluate=accumulate(np.add),
    jvp=lambda output, operands, tangents, *, axis, reverse: cumsum(tangents[0], axis=axis, reverse=reverse),
    transpose=lambda cotangent, operands, wrt, *, axis, reverse: cumsum(cotangent, axis=axis, reverse=not reverse),
    batch=cumulative_batch(lambda: cumsum),
    lower=STRUCTURAL,
)


def cumulative(name, ufunc, operation):
    """A cumulative operation that is not linear, of an associative elementwise one.

    Its derivative combines in a tree, pairs first, which is right at zeros and shares it at ties as JAX does.
    """
    combine = pairs_of(operation)

    def jvp(output, operands, tangents, *, axis, reverse):
        pair = operands[0], tangents[0]
        if reverse:
            pair = turned(pair, axis)
        pair = scan_pairs(combine, pair, (axis, axis))
        return turned(pair, axis)[1] if reverse else pair[1]

    record = Primitive(
        name,
        output_type=cumulative_type,
        evaluate=accumulate(ufunc),
        jvp=jvp,
        transpose=refuse(f"{name} is not linear in its operand"),
        batch=cumulative_batch(lambda: record),
        lower=STRUCTURAL,
    )
    return record


def turned(pair, axis):
    return tuple([reverse(value, axes=(axis,)) for value in pair])


def scan_pairs(combine, values, axes):
    """All prefixes of an associative operation along one axis of each value, in about 2 log n steps on whole arrays.

    Neighbours are combined; the prefixes of the half as many results are the odd ones of all; one more step gives the
    even ones.
    """
    length = type_of(values[0]).shape[axes[0]]
    if length < 2:
        return values

    def part(values, start, stop, step=1):
        return tuple([slice_axis(value, axis, start, stop, step) for value, axis in zip(values, axes)])

    neighbours = combine(part(values, 0, length - 1, 2), part(values, 1, length, 2))
    odd = scan_pairs(combine, neighbours, axes)
    first = part(values, 0, 1)
    even = first
    if length > 2:
        before = part(odd, 0, (length - 1) // 2)
        rest = combine(before, part(values, 2, length, 2))
        even = tuple([concatenate(*pair, axis=axis) for *pair, axis in zip(first, rest, axes)])
    return tuple([interleave(*pair, axis) for *pair, axis in zip(even, odd, axes)])


def interleave(even, odd, axis):
    """even[0], odd[0], even[1], odd[1], ... along the axis."""
    both = (type_of(even).shape[axis], type_of(odd).shape[axis])
    zero = type_of(even).dtype.type(0)

    def spaced(value, low, high):
        widths = [(0, 0, 0)] * type_of(value).ndim
        widths[axis] = (low, high, 1)
        return pad(value, zero, widths=tuple(widths))

    same = both[0] == both[1]
    return add(spaced(even, 0, 1 if same else 0), spaced(odd, 1, 0 if same else 1))


cumprod = cumulative("cumprod", np.multiply, mul)
cummax = cumulative("cummax", np.maximum, maximum)
cummin = cumulative("cummin", np.minimum, minimum)
cumlogsumexp = cumulative("cumlogsumexp", np.logaddexp, logaddexp)
