"""pad, in all of NumPy's modes.

Relies on shape. Each mode is written with operations that have derivatives: slices, reversals, the primitive `pad`.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import leaves_of, operand
from vgrad.numpy.shape import broadcast_to, joined, reshape, take_static
from vgrad.primitives.broadcasting import broadcast_to as broadcast_primitive
from vgrad.primitives.broadcasting import convert_to, reduce_sum, reshape_to
from vgrad.primitives.elementwise import add, div, floor, mul, rint, sub
from vgrad.primitives.reduction import reduce_max, reduce_min
from vgrad.primitives.shape import pad as pad_primitive
from vgrad.primitives.shape import slice_axis

__all__ = ["pad"]

KEYWORDS = {
    "constant": ("constant_values",),
    "empty": (),
    "edge": (),
    "wrap": (),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "minimum": ("stat_length",),
    "mean": ("stat_length",),
}


def pad(array, pad_width, mode="constant", **kwargs):
    """The array with elements added before and after it along each axis.

    pad_width   (static) an int, a pair (before, after), a pair for each axis, or a dict from axes to these
    mode        "constant" (constant_values=), "edge", "wrap", "reflect", "symmetric" (both reflect_type="even", "odd"),
                "linear_ramp" (end_values=), "maximum", "minimum", "mean" (stat_length=), "empty" (zeros)
    The values added may be traced. They are converted to the dtype of the array.
    """
    array = operand(array, "pad: argument")
    rank = type_of(array).ndim
    widths = widths_of(pad_width, rank)
    if mode not in KEYWORDS:
        raise ValueError(f"pad: mode {mode!r} is not supported. Modes: {', '.join(KEYWORDS)}.")
    unknown = [name for name in kwargs if name not in KEYWORDS[mode]]
    if unknown:
        raise ValueError(f"pad: unsupported keyword arguments for mode {mode!r}: {', '.join(unknown)}.")
    if mode in ("constant", "empty"):
        return pad_constant(array, widths, kwargs.get("constant_values", 0))
    for axis, (low, high) in enumerate(widths):
        if (low or high) and not type_of(array).shape[axis]:
            raise ShapeError(
                f"pad: an axis of length 0 (shape {type_of(array).shape}) can be extended in the modes 'constant' and "
                f"'empty' only, not {mode!r}."
            )
    if mode in ("edge", "wrap") or kwargs.get("reflect_type") == "even" or (mode in REFLECTIONS and not kwargs):
        for axis, width in enumerate(widths):
            index = np.pad(np.arange(type_of(array).shape[axis]), width, mode) if any(width) else None
            array = array if index is None else take_static(array, index, axis)
        return array
    if mode in REFLECTIONS:
        if kwargs["reflect_type"] != "odd":
            raise ValueError(f"pad: reflect_type must be 'even' or 'odd', got {kwargs['reflect_type']!r}.")
        if type_of(array).dtype.kind == "b":
            raise TypeError("pad: an odd reflection is 2 * edge - value, which booleans do not have. Convert it.")
        for axis, width in enumerate(widths):
            array = reflect_odd(array, axis, *width, mode) if any(width) else array
        return array
    if mode == "linear_ramp":
        ends = pairs_of(kwargs.get("end_values", 0), rank, type_of(array).dtype)
        for axis, width in enumerate(widths):
            array = pad_ramp(array, axis, *width, *ends[axis]) if any(width) else array
        return array
    lengths = kwargs.get("stat_length")
    lengths = [(None, None)] * rank if lengths is None else np.broadcast_to(lengths, (rank, 2)).tolist()
    for axis, width in enumerate(widths):
        array = pad_statistic(array, axis, *width, *lengths[axis], mode) if any(width) else array
    return array


REFLECTIONS = ("reflect", "symmetric")


def widths_of(pad_width, rank):
    """((before, after), ...), one pair for each axis."""
    if isinstance(pad_width, dict):
        given = {range(rank)[axis]: np.broadcast_to(width, 2).tolist() for axis, width in pad_width.items()}
        widths = np.array([given.get(axis, (0, 0)) for axis in range(rank)], int).reshape(rank, 2)
    else:
        widths = np.asarray(pad_width)
        if widths.dtype.kind not in "iu" and widths.size:
            raise TypeError(f"pad: pad_width must be of integral type, got {pad_width!r}.")
        try:
            widths = np.broadcast_to(widths.astype(int), (rank, 2))
        except ValueError:
            raise ShapeError(f"pad: pad_width {pad_width!r} does not fit an array with {rank} axes.") from None
    if (widths < 0).any():
        raise ValueError("pad: widths must not be negative. Slice the array instead.")
    return tuple([(low, high) for low, high in widths.tolist()])


def pairs_of(values, rank, dtype):
    """Values for (before, after) of each axis, as rank-0 operands of this dtype: the values may be traced."""
    values = convert_to(operand(values, "pad: values"), dtype)
    values = broadcast_to(values, (rank, 2))
    return [
        [reshape(slice_axis(slice_axis(values, 0, axis, axis + 1), 1, side, side + 1), ()) for side in (0, 1)]
        for axis in range(rank)
    ]


def pad_constant(array, widths, values):
    type_ = type_of(array)
    leaves = list(leaves_of(values))
    if len(leaves) == 1 and type_of(operand(leaves[0])).ndim == 0:
        value = convert_to(operand(leaves[0]), type_.dtype)
        return pad_primitive(array, value, widths=tuple([(low, high, 0) for low, high in widths]))
    for axis, ((low, high), pair) in enumerate(zip(widths, pairs_of(values, type_.ndim, type_.dtype))):
        for value, width in zip(pair, ((low, 0, 0), (0, high, 0))):
            around = [(0, 0, 0)] * type_.ndim
            around[axis] = width
            array = pad_primitive(array, value, widths=tuple(around)) if any(width) else array
    return array


def along(vector, axis, rank):
    """A known vector in the direction of one of `rank` axes."""
    return vector.reshape((-1,) + (1,) * (rank - axis - 1))


def reflect_odd(array, axis, low, high, mode):
    """Reflected at the point of the edge: 2 * edge - mirrored. Beyond one length the same again, ever higher."""
    rank, length = type_of(array).ndim, type_of(array).shape[axis]
    dtype = type_of(array).dtype
    if mode == "reflect" and length == 1:
        return broadcast_primitive(array, spread_shape(array, axis, low + 1 + high))
    half = length - 1 if mode == "reflect" else length  # where the mirror image begins
    place = np.arange(-low, length + high)
    turn, place = np.divmod(place, 2 * half)
    mirrored = place >= length
    index = np.where(mirrored, 2 * (length - 1) - place + (mode == "symmetric"), place)
    first, last = slice_axis(array, axis, 0, 1), slice_axis(array, axis, length - 1, length)
    values = mul(take_static(array, index, axis), along(np.where(mirrored, -1, 1).astype(dtype), axis, rank))
    values = add(values, mul(last, along(2 * (turn + mirrored).astype(dtype), axis, rank)))
    return sub(values, mul(first, along(2 * turn.astype(dtype), axis, rank)))


def spread_shape(array, axis, length):
    lengths = type_of(array).shape
    return lengths[:axis] + (length,) + lengths[axis + 1 :]


def pad_ramp(array, axis, low, high, first, last):
    """Straight lines from the end values to the edges."""
    dtype, rank, length = type_of(array).dtype, type_of(array).ndim, type_of(array).shape[axis]

    if dtype.kind not in "fc":
        array, first, last = [convert_to(value, np.dtype(float)) for value in (array, first, last)]

    def ramp(end, edge, width, steps):
        steps = along(steps.astype(np.zeros(0, type_of(array).dtype).real.dtype), axis, rank)
        values = add(mul(div(sub(edge, end), max(width, 1)), steps), end)
        return convert_to(floor(values) if dtype.kind in "iu" else values, dtype)

    before = ramp(first, slice_axis(array, axis, 0, 1), low, np.arange(low))
    after = ramp(last, slice_axis(array, axis, length - 1, length), high, np.arange(high)[::-1])
    return joined([before, convert_to(array, dtype), after], axis)


def pad_statistic(array, axis, low, high, first_count, last_count, mode):
    """The maximum, minimum or mean of the first (last) elements, as often as needed."""
    length, dtype = type_of(array).shape[axis], type_of(array).dtype

    def statistic(part):
        count = type_of(part).shape[axis]
        shape = spread_shape(array, axis, 1)
        if not count:
            raise ValueError("pad: stat_length of 0 yields no value for padding.")
        if mode != "mean":
            return reshape_to((reduce_max if mode == "maximum" else reduce_min)(part, axes=(axis,)), shape)
        if dtype.kind not in "fc":
            part = convert_to(part, np.dtype(float))
        mean = div(reduce_sum(part, axes=(axis,)), count)
        return convert_to(reshape_to(rint(mean) if dtype.kind in "iu" else mean, shape), dtype)

    def spread(part, width):
        return broadcast_primitive(statistic(part), spread_shape(array, axis, width))

    first_count, last_count = [length if n is None else min(n, length) for n in (first_count, last_count)]
    before = spread(slice_axis(array, axis, 0, first_count), low)
    after = spread(slice_axis(array, axis, length - last_count, length), high)
    return joined([before, array, after], axis)
