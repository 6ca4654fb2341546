"""Slices, gathers and scatters.

Relies on broadcasting.
"""

from vgrad.core.primitive import Primitive
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import move_axis
from vgrad.primitives.shape import pad

# ------------------------------------------------------------------------------------------------------------- slice


def slice_type(operand, *, start, stop, step):
    fits = len(start) == len(stop) == len(step) == operand.ndim and all(
        0 <= a <= b <= length and c > 0 for a, b, c, length in zip(start, stop, step, operand.shape)
    )
    if not fits:
        raise ShapeError(f"slice {start}:{stop}:{step} does not fit an array of shape {operand.shape}.")
    shape = tuple([(b - a + c - 1) // c for a, b, c in zip(start, stop, step)])
    return ArrayType(shape, operand.dtype, operand.weak)


def slice_transpose(cotangent, operands, wrt, *, start, stop, step):
    shape = operands[0].shape
    taken = type_of(cotangent).shape
    config = tuple(
        [(a, length - a - (count + (count - 1) * (c - 1) if count else 0), c - 1) for a, c, count, length in zip(start, step, taken, shape)]
    )
    return pad(cotangent, cotangent.dtype.type(0), config=config)


def slice_batch(operands, mapped_axes, *, start, stop, step):
    operand = move_axis(operands[0], mapped_axes[0], 0)
    return slice(operand, start=(0,) + start, stop=operand.shape[:1] + stop, step=(1,) + step), 0


def slice_evaluate(operand, *, start, stop, step):
    return operand[tuple([SLICE(*bounds) for bounds in zip(start, stop, step)])]


SLICE = slice
slice = Primitive(  # noqa: A001: the operation's name
    "slice",
    output_type=slice_type,
    evaluate=slice_evaluate,
    jvp=lambda output, operands, tangents, **params: slice(tangents[0], **params),
    transpose=slice_transpose,
    batch=slice_batch,
)


def slice_axis(value, axis, start, stop, step=1):
    """value[..., start:stop:step, ...] along one axis."""
    shape = type_of(value).shape
    if (start, stop, step) == (0, shape[axis], 1):
        return value
    bounds = [(0, length, 1) for length in shape]
    bounds[axis] = (start, stop, step)
    starts, stops, steps = zip(*bounds)
    return slice(value, start=starts, stop=stops, step=steps)
