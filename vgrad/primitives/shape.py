"""Operations that move elements without computing: pad, concatenate, flip.

Relies on broadcasting.
"""

import numpy as np

from vgrad.core.primitive import Primitive
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast_to, move_axis

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
    filled = [
        np.zeros(type_of(operand).shape, type_of(operand).dtype) if tangent is None else tangent
        for operand, tangent in zip(operands, tangents)
    ]
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
    evaluate=lambda operand, *, start, stop, step: operand[
        tuple([slice(*bounds) for bounds in zip(start, stop, step)])
    ],
    jvp=lambda output, operands, tangents, **params: strided_slice(tangents[0], **params),
    transpose=slice_transpose,
    batch=slice_batch,
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
