"""Sliding windows: a strided view of an array's windows, and its transpose, the sum of overlapping windows.

Relies on broadcasting. Pooling and convolution in vgrad.lax.windows are windows, then a reduction or a contraction.
"""

import itertools

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import ArrayType
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import move_axis


def window_counts(lengths, sizes, strides, dilations):
    """How many windows fit along each axis."""
    return tuple(
        [
            max(0, (length - (size - 1) * dilation - 1) // stride + 1)
            for length, size, stride, dilation in zip(lengths, sizes, strides, dilations)
        ]
    )


def check_windows(name, shape, axes, sizes, strides, dilations):
    fits = len(axes) == len(sizes) == len(strides) == len(dilations) and all(0 <= axis < len(shape) for axis in axes)
    if not fits or len(set(axes)) != len(axes) or any(least < 1 for least in (*sizes, *strides, *dilations)):
        raise ShapeError(
            f"{name}: windows of sizes {sizes}, strides {strides}, dilations {dilations} over axes {axes} do not fit "
            f"an array of shape {shape}; all three must be positive, one per axis."
        )


def windowed_shape(name, shape, axes, sizes, strides, dilations):
    check_windows(name, shape, axes, sizes, strides, dilations)
    counts = dict(zip(axes, window_counts([shape[axis] for axis in axes], sizes, strides, dilations)))
    return tuple([counts.get(axis, length) for axis, length in enumerate(shape)]) + tuple(sizes)


def windows_type(operand, *, axes, sizes, strides, dilations):
    return ArrayType(windowed_shape("windows", operand.shape, axes, sizes, strides, dilations), operand.dtype)


def windows_evaluate(operand, *, axes, sizes, strides, dilations):
    operand = np.asarray(operand)
    shape = windowed_shape("windows", operand.shape, axes, sizes, strides, dilations)
    steps = list(operand.strides)
    for axis, stride in zip(axes, strides):
        steps[axis] *= stride
    steps += [operand.strides[axis] * dilation for axis, dilation in zip(axes, dilations)]
    return np.lib.stride_tricks.as_strided(operand, shape, steps, writeable=False)


def past_front(axes):
    return tuple([axis + 1 for axis in axes])


def windows_batch(operands, mapped_axes, *, axes, **params):
    return windows(move_axis(operands[0], mapped_axes[0], 0), axes=past_front(axes), **params), 0


# windows(x, axes, sizes, strides, dilations): all windows of x along `axes`, as new axes of the given sizes at the end;
# an axis of x that has windows becomes their number. Element w of window n is x[n * stride + w * dilation].
windows = Primitive(
    "windows",
    output_type=windows_type,
    evaluate=windows_evaluate,
    jvp=lambda output, operands, tangents, **params: windows(tangents[0], **params),
    transpose=lambda cotangent, operands, wrt, *, axes, **params: overlap_add(
        cotangent, axes=axes, lengths=tuple([operands[0].shape[axis] for axis in axes]), **params
    ),
    batch=windows_batch,
    lower=STRUCTURAL,
)


def overlap_add_type(operand, *, axes, lengths, sizes, strides, dilations):
    rank = operand.ndim - len(axes)
    shape = list(operand.shape[:rank])
    for axis, length in zip(axes, lengths):
        shape[axis] = length
    if windowed_shape("overlap_add", shape, axes, sizes, strides, dilations) != operand.shape:
        raise ShapeError(
            f"overlap_add: an array of shape {operand.shape} does not hold the windows of an array of shape "
            f"{tuple(shape)}."
        )
    return ArrayType(tuple(shape), operand.dtype)


def overlap_add_evaluate(operand, *, axes, lengths, sizes, strides, dilations):
    rank = operand.ndim - len(axes)
    shape = list(operand.shape[:rank])
    for axis, length in zip(axes, lengths):
        shape[axis] = length
    result = np.zeros(shape, operand.dtype)
    if not operand.size:
        return result
    for offsets in itertools.product(*map(range, sizes)):  # one strided sum per element of a window
        places = [slice(None)] * rank
        for axis, offset, stride, dilation in zip(axes, offsets, strides, dilations):
            start = offset * dilation
            places[axis] = slice(start, start + (operand.shape[axis] - 1) * stride + 1, stride)
        result[tuple(places)] += operand[(...,) + offsets]
    return result


def overlap_add_batch(operands, mapped_axes, *, axes, **params):
    return overlap_add(move_axis(operands[0], mapped_axes[0], 0), axes=past_front(axes), **params), 0


# overlap_add(w, axes, lengths, ...): the array whose axes have these lengths and in which every element is the sum of
# all elements of w that `windows` would have read there.
overlap_add = Primitive(
    "overlap_add",
    output_type=overlap_add_type,
    evaluate=overlap_add_evaluate,
    jvp=lambda output, operands, tangents, **params: overlap_add(tangents[0], **params),
    transpose=lambda cotangent, operands, wrt, *, lengths, **params: windows(cotangent, **params),
    batch=overlap_add_batch,
    lower=STRUCTURAL,
)
