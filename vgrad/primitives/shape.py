"""Operations that move elements without computing: concatenate, slice, pad, reverse, bitcast.

Relies on broadcasting and comparison.
"""

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive, no_tangent, refuse
from vgrad.core.types import ArrayType, type_of, zeros
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast, broadcast_to, move_axis, reduce_sum, reshape
from vgrad.primitives.comparison import select

# ------------------------------------------------------------------------------------------------------- concatenate


def concatenate_type(*operands, axis):
    first = operands[0]
    for other in operands[1:]:
        fits = other.ndim == first.ndim and all(
            place == axis or own == length for place, (own, length) in enumerate(zip(other.shape, first.shape))
        )
        if not fits:
            raise ShapeError(
                f"concatenate along axis {axis}: all other axes must agree, got shapes {first.shape} and {other.shape}."
            )
    shape = first.shape[:axis] + (sum(operand.shape[axis] for operand in operands),) + first.shape[axis + 1 :]
    return ArrayType(shape, np.result_type(*[operand.dtype for operand in operands]))


def concatenate_jvp(output, operands, tangents, *, axis):
    filled = [zeros(type_of(operand)) if tangent is None else tangent for operand, tangent in zip(operands, tangents)]
    return concatenate(*filled, axis=axis)


def concatenate_transpose(cotangent, operands, wrt, *, axis):
    starts = np.cumsum([0] + [type_of(operand).shape[axis] for operand in operands])
    return slice_axis(cotangent, axis, int(starts[wrt]), int(starts[wrt + 1]))


def concatenate_batch(operands, mapped_axes, *, axis):
    size = next(type_of(o).shape[m] for o, m in zip(operands, mapped_axes) if m is not None)
    moved = [
        broadcast_to(operand, (size,) + type_of(operand).shape) if mapped is None else move_axis(operand, mapped, 0)
        for operand, mapped in zip(operands, mapped_axes)
    ]
    return concatenate(*moved, axis=axis + 1), 0


concatenate = Primitive(
    "concatenate",
    output_type=concatenate_type,
    evaluate=lambda *operands, axis: np.concatenate(operands, axis=axis),
    jvp=concatenate_jvp,
    transpose=concatenate_transpose,
    batch=concatenate_batch,
    lower=STRUCTURAL,
)


# ------------------------------------------------------------------------------------------------------------- slice


def slice_type(operand, *, start, stop, step):
    fits = len(start) == len(stop) == len(step) == operand.ndim and all(
        0 <= a <= b <= length and c > 0 for a, b, c, length in zip(start, stop, step, operand.shape)
    )
    if not fits:
        raise ShapeError(f"slice {start}:{stop}:{step} does not fit an array of shape {operand.shape}.")
    shape = tuple([(b - a + c - 1) // c for a, b, c in zip(start, stop, step)])
    return ArrayType(shape, operand.dtype, operand.weak)


def slice_batch(operands, mapped_axes, *, start, stop, step):
    operand = move_axis(operands[0], mapped_axes[0], 0)
    return strided_slice(operand, start=(0,) + start, stop=operand.shape[:1] + stop, step=(1,) + step), 0


def slice_transpose(cotangent, operands, wrt, *, start, stop, step):
    """Put the cotangent back at the places that the slice took, zeros between and around."""
    widths = []
    for first, gap, count, length in zip(start, step, type_of(cotangent).shape, operands[0].shape):
        covered = (count - 1) * gap + 1 if count else 0
        widths.append((first, length - first - covered, gap - 1))
    return pad(cotangent, type_of(cotangent).dtype.type(0), widths=tuple(widths))


strided_slice = Primitive(
    "slice",
    output_type=slice_type,
    evaluate=lambda operand, *, start, stop, step: np.asanyarray(operand)[
        tuple([slice(*bounds) for bounds in zip(start, stop, step)])
    ],
    jvp=lambda output, operands, tangents, **params: strided_slice(tangents[0], **params),
    transpose=slice_transpose,
    batch=slice_batch,
    lower=STRUCTURAL,
)


def slice_axis(value, axis, start, stop, step=1):
    """value[..., start:stop:step, ...] along one axis; the value itself when that is all of it."""
    shape = type_of(value).shape
    if (start, stop, step) == (0, shape[axis], 1):
        return value
    bounds = [(0, length, 1) for length in shape]
    bounds[axis] = (start, stop, step)
    starts, stops, steps = zip(*bounds)
    return strided_slice(value, start=starts, stop=stops, step=steps)


# --------------------------------------------------------------------------------------------------------------- pad


def padded_shape(shape, widths):
    """Lengths after `interior` new elements between neighbours, `low` before and `high` after (negative: cut off)."""
    return tuple(
        [
            low + length + max(length - 1, 0) * interior + high
            for length, (low, high, interior) in zip(shape, widths, strict=True)
        ]
    )


def pad_type(operand, value, *, widths):
    fits = len(widths) == operand.ndim and value.shape == () and all(interior >= 0 for _, _, interior in widths)
    if not fits or any(length < 0 for length in padded_shape(operand.shape, widths)):
        raise ShapeError(
            f"pad: widths (low, high, interior) {widths} do not fit an array of shape {operand.shape} "
            f"with a padding value of shape {value.shape}."
        )
    return ArrayType(padded_shape(operand.shape, widths), operand.dtype)


def pad_evaluate(operand, value, *, widths):
    operand = np.asarray(operand)
    shape = pad_type(type_of(operand), type_of(value), widths=widths).shape
    padded = np.full(shape, value, operand.dtype)
    taken, places = [], []
    for length, total, (low, _, interior) in zip(operand.shape, shape, widths):
        step = interior + 1
        first = max(0, -(low // step))  # of the elements that are not cut off
        last = max(first, min(length, -((low - total) // step)))
        taken.append(slice(first, last))
        places.append(
            slice(low + first * step, low + last * step - interior if last > first else low + first * step, step)
        )
    padded[tuple(places)] = operand[tuple(taken)]
    return padded


def pad_jvp(output, operands, tangents, *, widths):
    operand, value = tangents
    dtype = type_of(output).dtype
    if operand is None:
        operand = zeros(ArrayType(type_of(operands[0]).shape, dtype))
    return pad(operand, dtype.type(0) if value is None else value, widths=widths)


def pad_transpose(cotangent, operands, wrt, *, widths):
    shape = type_of(operands[0]).shape
    if wrt == 1:
        around = pad_evaluate(np.zeros(shape, np.bool_), True, widths=widths)
        zero = type_of(cotangent).dtype.type(0)
        return reduce_sum(select(around, cotangent, zero), axes=tuple(range(len(shape))))
    if any([low < 0 or high < 0 for low, high, _ in widths]):  # put back what was cut off
        back = tuple([(max(-low, 0), max(-high, 0), 0) for low, high, _ in widths])
        cotangent = pad(cotangent, type_of(cotangent).dtype.type(0), widths=back)
    return strided_slice(
        cotangent,
        start=tuple([max(low, 0) for low, _, _ in widths]),
        stop=tuple([length - max(high, 0) for length, (_, high, _) in zip(type_of(cotangent).shape, widths)]),
        step=tuple([interior + 1 for _, _, interior in widths]),
    )


def pad_batch(operands, mapped_axes, *, widths):
    (operand, value), (operand_axis, value_axis) = operands, mapped_axes
    if value_axis is None:
        operand = move_axis(operand, operand_axis, 0)
        return pad(operand, value, widths=((0, 0, 0),) + widths), 0
    size = type_of(value).shape[0]
    if operand_axis is None:
        operand = broadcast_to(operand, (size,) + type_of(operand).shape)
    else:
        operand = move_axis(operand, operand_axis, 0)
    for axis, (low, high, interior) in enumerate(widths, start=1):
        operand = pad_each(operand, value, axis, low, high, interior)
    return operand, 0


def pad_each(operand, values, axis, low, high, interior):
    """Pad along one axis where the padding values differ along axis 0."""

    def filled(shape):
        return broadcast(values, shape=shape, axes=(0,))

    shape = type_of(operand).shape
    before, length, after = shape[:axis], shape[axis], shape[axis + 1 :]
    if interior and length > 1:
        between = filled(before + (length, interior) + after)
        operand = concatenate(reshape(operand, shape=before + (length, 1) + after), between, axis=axis + 1)
        operand = reshape(operand, shape=before + (length * (interior + 1),) + after)
        length += (length - 1) * interior
        operand = slice_axis(operand, axis, 0, length)
    pieces = [operand]
    if low > 0:
        pieces.insert(0, filled(before + (low,) + after))
    if high > 0:
        pieces.append(filled(before + (high,) + after))
    if len(pieces) > 1:
        operand = concatenate(*pieces, axis=axis)
    total = type_of(operand).shape[axis]
    return slice_axis(operand, axis, max(-low, 0), total - max(-high, 0))


pad = Primitive(
    "pad",
    output_type=pad_type,
    evaluate=pad_evaluate,
    jvp=pad_jvp,
    transpose=pad_transpose,
    batch=pad_batch,
    lower=STRUCTURAL,
)


# ----------------------------------------------------------------------------------------------------------- reverse


def reverse_type(operand, *, axes):
    if any(not 0 <= axis < operand.ndim for axis in axes) or len(set(axes)) != len(axes):
        raise ShapeError(f"rev: axes {axes} of an array of shape {operand.shape} are out of range or given twice.")
    return operand


def reverse_batch(operands, mapped_axes, *, axes):
    (operand,), (mapped,) = operands, mapped_axes
    return reverse(operand, axes=tuple([axis + (axis >= mapped) for axis in axes])), mapped


reverse = Primitive(
    "rev",
    output_type=reverse_type,
    evaluate=lambda operand, *, axes: np.flip(operand, axes),
    jvp=lambda output, operands, tangents, *, axes: reverse(tangents[0], axes=axes),
    transpose=lambda cotangent, operands, wrt, *, axes: reverse(cotangent, axes=axes),
    batch=reverse_batch,
    lower=STRUCTURAL,
)


# ---------------------------------------------------------------------------------------------- bitcast_convert_type


def bitcast_type(operand, *, dtype):
    """Smaller elements get an axis of their own at the end; larger ones take up the last axis."""
    own, new = operand.dtype.itemsize, dtype.itemsize
    if own >= new:
        return ArrayType(operand.shape + ((own // new,) if own > new else ()), dtype)
    if not operand.shape or operand.shape[-1] * own != new:
        raise ShapeError(
            f"bitcast_convert_type: the last axis of {operand} must have length {new // own} to become {dtype}."
        )
    return ArrayType(operand.shape[:-1], dtype)


def bitcast_evaluate(operand, *, dtype):
    operand = np.asarray(operand)
    shape = bitcast_type(type_of(operand), dtype=dtype).shape
    return np.frombuffer(operand.tobytes(), dtype).reshape(shape)


bitcast = Primitive(
    "bitcast_convert_type",
    output_type=bitcast_type,
    evaluate=bitcast_evaluate,
    jvp=no_tangent,
    transpose=refuse("bitcast_convert_type is not linear in its operand"),
    batch=lambda operands, mapped_axes, *, dtype: (bitcast(move_axis(operands[0], mapped_axes[0], 0), dtype=dtype), 0),
    lower=STRUCTURAL,
)
