"""Operations among the examples of a vmap with axis_name: sums, extrema, gathers, exchanges, the own number.

Relies on reduction and indexing. The vmap whose axis is named runs the `collective` rule; for any other transformation
a collective is an operation on one example's value.
"""

import numpy as np

from vgrad.core.primitive import Primitive, host, no_tangent, refuse
from vgrad.core.types import INT64, ArrayType, type_of
from vgrad.primitives.broadcasting import broadcast, convert_to, move_axis, reduce_sum
from vgrad.primitives.elementwise import mul
from vgrad.primitives.indexing import gather
from vgrad.primitives.reduction import reduce_max, reduce_min


def unbound(*operands, axis_name, **params):
    raise NameError(f"unbound axis name: {axis_name}. Collectives work inside vmap(f, axis_name={axis_name!r}) only.")


HOST = host("a collective that no vmap has taken up: evaluate raises")


def in_front(axis, operand, mapped_axis):
    """The operand with the examples in front, repeated for each if it is the same for all."""
    if mapped_axis is not None:
        return move_axis(operand, mapped_axis, 0)
    shape = type_of(operand).shape
    return broadcast(operand, shape=(axis.size, *shape), axes=tuple(range(1, len(shape) + 1)))


def shift_batch(record_of):
    """Batch rule, for a vmap of another name, of a collective whose params do not speak of the operand's axes."""

    def rule(operands, mapped_axes, **params):
        return record_of()(*operands, **params), mapped_axes[0]

    return rule


def linear_jvp(record_of):
    return lambda output, operands, tangents, **params: record_of()(tangents[0], **params)


# --------------------------------------------------------------------------------------------------------- reductions


def psum_collective(axis, operands, mapped_axes, *, axis_name):
    (operand,), (mapped,) = operands, mapped_axes
    if mapped is not None:
        return reduce_sum(operand, axes=(mapped,)), None
    return convert_to(mul(operand, axis.size), type_of(operand).dtype), None


psum = Primitive(
    "psum",
    output_type=lambda operand, *, axis_name: operand.strong(),
    evaluate=unbound,
    jvp=linear_jvp(lambda: psum),
    transpose=lambda cotangent, operands, wrt, *, axis_name: psum(cotangent, axis_name=axis_name),
    batch=shift_batch(lambda: psum),
    lower=HOST,
    collective=psum_collective,
)


def extremum(name, reduction):
    """The largest or smallest value of all examples."""

    def collective(axis, operands, mapped_axes, *, axis_name):
        (operand,), (mapped,) = operands, mapped_axes
        return operand if mapped is None else reduction(operand, axes=(mapped,)), None

    record = Primitive(
        name,
        output_type=lambda operand, *, axis_name: operand.strong(),
        evaluate=unbound,
        jvp=refuse(f"Differentiation rule for '{name}' not implemented; write all_gather and then max or min."),
        transpose=refuse(f"{name} is not linear in its operand"),
        batch=shift_batch(lambda: record),
        lower=HOST,
        collective=collective,
    )
    return record


pmax = extremum("pmax", reduce_max)
pmin = extremum("pmin", reduce_min)


# ---------------------------------------------------------------------------------------------------- the own number

axis_index = Primitive(
    "axis_index",
    output_type=lambda *, axis_name: ArrayType((), INT64),
    evaluate=unbound,
    jvp=no_tangent,
    transpose=refuse("axis_index has no operand"),
    batch=refuse("axis_index has no operand"),
    lower=HOST,
    collective=lambda axis, operands, mapped_axes, *, axis_name: (np.arange(axis.size), 0),
)


# ------------------------------------------------------------------------------------------------ gather and scatter


def all_gather_type(operand, *, axis_name, size, axis):
    return ArrayType(operand.shape[:axis] + (size,) + operand.shape[axis:], operand.dtype)


def all_gather_collective(axis_, operands, mapped_axes, *, axis_name, size, axis):
    return move_axis(in_front(axis_, operands[0], mapped_axes[0]), 0, axis), None


def all_gather_batch(operands, mapped_axes, *, axis_name, size, axis):
    (mapped,) = mapped_axes
    operand = move_axis(operands[0], mapped, 0)
    return all_gather(operand, axis_name=axis_name, size=size, axis=axis + 1), 0


# The values of all examples, along a new axis.
all_gather = Primitive(
    "all_gather",
    output_type=all_gather_type,
    evaluate=unbound,
    jvp=linear_jvp(lambda: all_gather),
    transpose=lambda cotangent, operands, wrt, **params: psum_scatter(cotangent, **params),
    batch=all_gather_batch,
    lower=HOST,
    collective=all_gather_collective,
)


def psum_scatter_type(operand, *, axis_name, size, axis):
    return ArrayType(operand.shape[:axis] + operand.shape[axis + 1 :], operand.dtype)


def psum_scatter_collective(axis_, operands, mapped_axes, *, axis_name, size, axis):
    return psum_collective(axis_, operands, mapped_axes, axis_name=axis_name)[0], axis


def psum_scatter_batch(operands, mapped_axes, *, axis_name, size, axis):
    operand = move_axis(operands[0], mapped_axes[0], 0)
    return psum_scatter(operand, axis_name=axis_name, size=size, axis=axis + 1), 0


# The sum over examples, of which each keeps its part of an axis: example i keeps sum[..., i, ...].
psum_scatter = Primitive(
    "reduce_scatter",
    output_type=psum_scatter_type,
    evaluate=unbound,
    jvp=linear_jvp(lambda: psum_scatter),
    transpose=lambda cotangent, operands, wrt, **params: all_gather(cotangent, **params),
    batch=psum_scatter_batch,
    lower=HOST,
    collective=psum_scatter_collective,
)


# -------------------------------------------------------------------------------------------------------- exchanges


def ppermute_collective(axis, operands, mapped_axes, *, axis_name, perm):
    values = in_front(axis, operands[0], mapped_axes[0])
    sources = np.full(axis.size, axis.size)  # out of bounds: an example that nobody sends to gets zeros
    for source, destination in perm:
        sources[destination] = source
    return gather(values, sources, axes=(0,), outside="zero", unique=True), 0


# Example `destination` gets the value of example `source`, for each pair in perm; zeros for those not named.
ppermute = Primitive(
    "ppermute",
    output_type=lambda operand, *, axis_name, perm: operand.strong(),
    evaluate=unbound,
    jvp=linear_jvp(lambda: ppermute),
    transpose=lambda cotangent, operands, wrt, *, axis_name, perm: ppermute(
        cotangent, axis_name=axis_name, perm=tuple([(destination, source) for source, destination in perm])
    ),
    batch=shift_batch(lambda: ppermute),
    lower=HOST,
    collective=ppermute_collective,
)


def all_to_all_type(operand, *, axis_name, size, split_axis, concat_axis):
    rest = operand.shape[:split_axis] + operand.shape[split_axis + 1 :]
    return ArrayType(rest[:concat_axis] + (size,) + rest[concat_axis:], operand.dtype)


def all_to_all_collective(axis, operands, mapped_axes, *, axis_name, size, split_axis, concat_axis):
    values = in_front(axis, operands[0], mapped_axes[0])
    receivers_in_front = move_axis(values, split_axis + 1, 0)
    return move_axis(receivers_in_front, 1, concat_axis + 1), 0


def all_to_all_batch(operands, mapped_axes, *, axis_name, size, split_axis, concat_axis):
    operand = move_axis(operands[0], mapped_axes[0], 0)
    params = dict(axis_name=axis_name, size=size, split_axis=split_axis + 1, concat_axis=concat_axis + 1)
    return all_to_all(operand, **params), 0


def all_to_all_transpose(cotangent, operands, wrt, *, axis_name, size, split_axis, concat_axis):
    return all_to_all(cotangent, axis_name=axis_name, size=size, split_axis=concat_axis, concat_axis=split_axis)


# Example i gets, along concat_axis, element i of split_axis of every example.
all_to_all = Primitive(
    "all_to_all",
    output_type=all_to_all_type,
    evaluate=unbound,
    jvp=linear_jvp(lambda: all_to_all),
    transpose=all_to_all_transpose,
    batch=all_to_all_batch,
    lower=HOST,
    collective=all_to_all_collective,
)
