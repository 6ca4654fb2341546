"""Shapes: reshape, permute, join, split, repeat, flip, roll. (Padding is in padding.)

Relies on operands. Shapes, axes and counts are static: Python integers, not traced values.
"""

import math
import operator

import numpy as np

from vgrad.core.interpreter import NOT_CONCRETE, Tracer
from vgrad.core.types import promote, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.operands import axes_of, axis_of, operand, refuse_out
from vgrad.primitives.broadcasting import (
    broadcast,
    broadcast_type_of,
    convert_to,
    move_axis,
    permute,
    reshape_to,
)
from vgrad.primitives.broadcasting import broadcast_to as broadcast_primitive
from vgrad.primitives.elementwise import remainder, sub
from vgrad.primitives.indexing import gather, scatter
from vgrad.primitives.reduction import cumsum
from vgrad.primitives.shape import concatenate as concatenate_primitive
from vgrad.primitives.shape import reverse, slice_axis

__all__ = [
    "append",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "column_stack",
    "concat",
    "concatenate",
    "delete",
    "dsplit",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "insert",
    "matrix_transpose",
    "moveaxis",
    "ndim",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "resize",
    "roll",
    "rollaxis",
    "rot90",
    "shape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vsplit",
    "vstack",
]


def static_shape(lengths):
    """A shape as a tuple of ints; one int n is (n,). Errors: TypeError for floats and traced values."""
    if isinstance(lengths, (tuple, list)) or getattr(lengths, "ndim", 0):
        return tuple([operator.index(length) for length in lengths])
    return (operator.index(lengths),)


# ------------------------------------------------------------------------------------------------------- what it is


def shape(a):
    """Lengths of the axes, a tuple."""
    return type_of(operand(a)).shape


def ndim(a):
    """Number of axes."""
    return type_of(operand(a)).ndim


def size(a, axis=None):
    """Number of elements, or the length along an axis (the product of lengths along several)."""
    lengths = shape(a)
    return math.prod(lengths[place] for place in axes_of(axis, len(lengths), "size"))


# ------------------------------------------------------------------------------------------------- the same elements


def reshape(a, /, shape=None, order="C", *, copy=None):
    """The elements of `a` in a new shape; one length may be -1.

    order   "C" or "F"; "A" follows the memory of an ndarray, and is "C" for traced arrays, which have no memory layout.
    Errors: ShapeError where the sizes differ.
    """
    a = operand(a, "reshape: argument")
    own = type_of(a)
    if shape is None:
        raise TypeError("reshape() missing 1 required argument: 'shape'")
    asked = static_shape(shape)
    known = math.prod([length for length in asked if length != -1])
    lengths = asked
    if -1 in asked and asked.count(-1) == 1 and known and own.size % known == 0:
        lengths = tuple([own.size // known if length == -1 else length for length in asked])
    if any([length < 0 for length in lengths]) or math.prod(lengths) != own.size:
        raise ShapeError(f"reshape: cannot reshape array of shape {own.shape} (size {own.size}) into shape {asked}.")
    if order == "C" or order == "A" and not is_fortran(a):
        return reshape_to(a, lengths)
    if order not in ("F", "A"):
        raise ValueError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}.")
    return transpose(reshape_to(transpose(a), lengths[::-1]))


def is_fortran(a):
    return isinstance(a, np.ndarray) and a.flags.fnc


def ravel(a, order="C"):
    """All elements along one axis. order: as in reshape; "K" is the order in memory, and "C" for traced arrays."""
    a = operand(a, "ravel: argument")
    if order == "K":
        if isinstance(a, np.ndarray):
            return np.ravel(a, "K")
        order = "C"
    return reshape(a, -1 if type_of(a).size else 0, order=order)


def transpose(a, axes=None):
    """Axes in the order `axes`, or reversed."""
    a = operand(a, "transpose: argument")
    rank = type_of(a).ndim
    if axes is None:
        permutation = tuple(range(rank))[::-1]
    else:
        permutation = axes_of(axes, rank, "transpose")
        if len(permutation) != rank:
            raise ShapeError(f"transpose: axes {axes} do not match an array of shape {type_of(a).shape}.")
    return a if permutation == tuple(range(rank)) else permute(a, permutation=permutation)


permute_dims = transpose


def matrix_transpose(x, /):
    """The last two axes exchanged."""
    if ndim(x) < 2:
        raise ShapeError(f"matrix_transpose: at least two axes are needed, got an array of shape {shape(x)}.")
    return swapaxes(x, -1, -2)


def moveaxis(a, source, destination):
    """The axes `source` moved to `destination`; the others stay in their order."""
    a = operand(a, "moveaxis: argument")
    rank = type_of(a).ndim
    source, destination = axes_of(source, rank, "source"), axes_of(destination, rank, "destination")
    if len(source) != len(destination):
        raise ValueError("moveaxis: source and destination must have the same number of axes.")
    order = [axis for axis in range(rank) if axis not in source]
    for place, axis in sorted(zip(destination, source)):
        order.insert(place, axis)
    return transpose(a, order)


def swapaxes(a, axis1, axis2):
    """Two axes exchanged."""
    a = operand(a, "swapaxes: argument")
    order = list(range(type_of(a).ndim))
    axis1, axis2 = axis_of(axis1, len(order), "axis1"), axis_of(axis2, len(order), "axis2")
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(a, order)


def rollaxis(a, axis, start=0):
    """The axis moved before the axis that is now at `start`."""
    a = operand(a, "rollaxis: argument")
    rank = type_of(a).ndim
    axis = axis_of(axis, rank, "axis")
    start = axis_of(start, rank + 1, "start") if start >= 0 else axis_of(start, rank, "start")
    return move_axis(a, axis, start - (axis < start))


def squeeze(a, axis=None):
    """Without axes of length 1: all of them, or those given."""
    a = operand(a, "squeeze: argument")
    lengths = type_of(a).shape
    if axis is None:
        axes = [place for place, length in enumerate(lengths) if length == 1]
    else:
        axes = axes_of(axis, len(lengths), "squeeze")
        if any([lengths[place] != 1 for place in axes]):
            raise ShapeError(f"squeeze: axis {axis} of an array of shape {lengths} has a length other than 1.")
    return reshape_to(a, tuple([length for place, length in enumerate(lengths) if place not in axes]))


def expand_dims(a, axis):
    """New axes of length 1 at the places `axis` of the result."""
    a = operand(a, "expand_dims: argument")
    lengths = type_of(a).shape
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    places = axes_of(tuple(places), len(lengths) + len(places), "expand_dims")
    rest = iter(lengths)
    return reshape_to(a, tuple([1 if place in places else next(rest) for place in range(len(lengths) + len(places))]))


def at_least(name, shape_of):
    def function(*arys):
        results = []
        for value in arys:
            value = operand(value, f"{name}: argument")
            results.append(reshape_to(value, shape_of(type_of(value).shape)))
        return results[0] if len(results) == 1 else tuple(results)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Each argument with at least {name[-2]} axes; one array, or a tuple for several arguments."
    return function


atleast_1d = at_least("atleast_1d", lambda lengths: lengths or (1,))
atleast_2d = at_least("atleast_2d", lambda lengths: (1,) * (2 - len(lengths)) + lengths)
atleast_3d = at_least(
    "atleast_3d", lambda lengths: ((1, 1, 1), (1, *lengths, 1), (*lengths, 1), lengths)[min(len(lengths), 3)]
)


def broadcast_to(array, shape, subok=False):
    """The array spread over a larger shape, by NumPy's rules. The result may be read-only."""
    array = operand(array, "broadcast_to: argument")
    own, lengths = type_of(array).shape, static_shape(shape)
    fits = len(own) <= len(lengths) and all(length in (1, wanted) for length, wanted in zip(own[::-1], lengths[::-1]))
    if not fits or any([length < 0 for length in lengths]):
        raise ShapeError(f"broadcast_to: an array of shape {own} cannot be broadcast to shape {lengths}.")
    return broadcast_primitive(array, lengths)


def broadcast_arrays(*args, subok=False):
    """All arguments with their common shape, a tuple."""
    operands = [operand(value, "broadcast_arrays: argument") for value in args]
    if not operands:
        return ()
    common = broadcast_type_of("broadcast_arrays", [type_of(each) for each in operands])
    return tuple([broadcast_primitive(each, common) for each in operands])


def broadcast_shapes(*args):
    """The shape of arrays of these shapes broadcast together."""
    try:
        return np.broadcast_shapes(*[static_shape(lengths) for lengths in args])
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes: incompatible shapes for broadcasting: {', '.join(map(str, args))}."
        ) from None


# -------------------------------------------------------------------------------------------------------------- join


def operands_of(arrays, name):
    """The items of a sequence of arrays, or of the first axis of one array, as operands."""
    if isinstance(arrays, (Tracer, np.ndarray)):
        return list(unstack(arrays))
    operands = [operand(value, f"{name}: argument") for value in arrays]
    if not operands:
        raise ValueError(f"{name}: need at least one array.")
    return operands


def joined(operands, axis, dtype=None):
    """Operands, equal in all but one axis, concatenated along it with their common dtype."""
    types = [type_of(each) for each in operands]
    if dtype is None:
        dtype, _ = promote(*[type_.strong() for type_ in types])
    operands = [convert_to(each, np.dtype(dtype)) for each in operands]
    return operands[0] if len(operands) == 1 else concatenate_primitive(*operands, axis=axis)


def concatenate(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """Arrays one after the other along an existing axis; axis=None flattens them first. Promotes as NumPy does."""
    refuse_out(out, "concatenate")
    operands = operands_of(arrays, "concatenate")
    if axis is None:
        operands, axis = [ravel(each) for each in operands], 0
    ranks = [type_of(each).ndim for each in operands]
    if 0 in ranks:
        raise ShapeError("concatenate: arrays of rank 0 cannot be concatenated.", "Write stack, or hstack.")
    return joined(operands, axis_of(axis, ranks[0], "concatenate"), dtype)


concat = concatenate


def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """Arrays of one shape along a new axis."""
    refuse_out(out, "stack")
    operands = operands_of(arrays, "stack")
    shapes = [type_of(each).shape for each in operands]
    if any([each != shapes[0] for each in shapes]):
        raise ShapeError(f"stack: all input arrays must have the same shape, got {', '.join(map(str, shapes))}.")
    axis = axis_of(axis, len(shapes[0]) + 1, "stack")
    return joined([expand_dims(each, axis) for each in operands], axis, dtype)


def vstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays as rows, one below the other."""
    operands = operands_of(tup, "vstack")
    return concatenate([atleast_2d(each) for each in operands], dtype=dtype)


def hstack(tup, *, dtype=None, casting="same_kind"):
    """Arrays side by side: along axis 1, or along axis 0 for vectors."""
    operands = [atleast_1d(each) for each in operands_of(tup, "hstack")]
    return concatenate(operands, axis=0 if type_of(operands[0]).ndim == 1 else 1, dtype=dtype)


def dstack(tup):
    """Arrays along a third axis."""
    return concatenate([atleast_3d(each) for each in operands_of(tup, "dstack")], axis=2)


def column_stack(tup):
    """Vectors as the columns of a matrix; matrices as they are."""
    columns = [each if ndim(each) >= 2 else reshape(each, (-1, 1)) for each in operands_of(tup, "column_stack")]
    return concatenate(columns, axis=1)


def append(arr, values, axis=None):
    """`values` after the last elements of `arr`; both flattened when axis is None."""
    return concatenate([arr, values], axis=axis)


def block(arrays):
    """An array from nested lists of blocks: innermost lists along the last axis, the next along the one before."""

    def depth(value):
        return 1 + max([depth(item) for item in value], default=0) if isinstance(value, list) else 0

    def rank(value):
        return max([rank(item) for item in value]) if isinstance(value, list) else ndim(value)

    levels = depth(arrays)
    total = max(levels, rank(arrays))

    def join(value, level):
        if not isinstance(value, list):
            value = operand(value, "block: argument")
            lengths = type_of(value).shape
            return reshape_to(value, (1,) * (total - len(lengths)) + lengths)
        if not value:
            raise ValueError("block: lists of blocks must not be empty.")
        return concatenate([join(item, level + 1) for item in value], axis=total - levels + level)

    return join(arrays, 0)


# ------------------------------------------------------------------------------------------------------------- split


def array_split(ary, indices_or_sections, axis=0):
    """A list of pieces along an axis: a number of nearly equal ones, or cut before each index."""
    ary = operand(ary, "array_split: argument")
    axis = axis_of(axis, type_of(ary).ndim, "array_split")
    length = type_of(ary).shape[axis]
    if np.ndim(indices_or_sections):
        cuts = [0] + [operator.index(cut) for cut in indices_or_sections] + [length]
    else:
        count = operator.index(indices_or_sections)
        if count <= 0:
            raise ValueError(f"array_split: number of sections must be larger than 0, got {count}.")
        each, longer = divmod(length, count)
        cuts = [part * each + min(part, longer) for part in range(count + 1)]
    pieces = []
    for start, stop in zip(cuts, cuts[1:]):
        start, stop, _ = slice(start, stop).indices(length)
        pieces.append(slice_axis(ary, axis, start, max(start, stop)))
    return pieces


def split(ary, indices_or_sections, axis=0):
    """A list of pieces along an axis: a number of equal ones, or cut before each index."""
    ary = operand(ary, "split: argument")
    length = type_of(ary).shape[axis_of(axis, type_of(ary).ndim, "split")]
    if not np.ndim(indices_or_sections) and indices_or_sections and length % indices_or_sections:
        raise ShapeError(
            f"split: an axis of length {length} (shape {type_of(ary).shape}) cannot be divided into "
            f"{indices_or_sections} equal parts.",
            "Write array_split for parts that differ by one.",
        )
    return array_split(ary, indices_or_sections, axis)


def vsplit(ary, indices_or_sections):
    """`split` along axis 0 of an array with at least two axes."""
    return split(of_rank(ary, 2, "vsplit"), indices_or_sections, 0)


def hsplit(ary, indices_or_sections):
    """`split` along axis 1, or along axis 0 of a vector."""
    ary = of_rank(ary, 1, "hsplit")
    return split(ary, indices_or_sections, 0 if type_of(ary).ndim == 1 else 1)


def dsplit(ary, indices_or_sections):
    """`split` along axis 2 of an array with at least three axes."""
    return split(of_rank(ary, 3, "dsplit"), indices_or_sections, 2)


def of_rank(value, rank, name):
    value = operand(value, f"{name}: argument")
    if type_of(value).ndim < rank:
        raise ShapeError(f"{name}: an array of {rank} or more axes is needed, got shape {type_of(value).shape}.")
    return value


def unstack(x, /, axis=0):
    """The items along an axis, a tuple."""
    x = of_rank(x, 1, "unstack")
    axis = axis_of(axis, type_of(x).ndim, "unstack")
    lengths = type_of(x).shape
    rest = lengths[:axis] + lengths[axis + 1 :]
    return tuple([reshape_to(slice_axis(x, axis, place, place + 1), rest) for place in range(lengths[axis])])


# ------------------------------------------------------------------------------------------------ repeat and reorder


def tile(A, reps):
    """The array repeated `reps` times along each axis; missing axes and counts are 1."""
    A = operand(A, "tile: argument")
    counts = static_shape(reps)
    lengths = type_of(A).shape
    counts = (1,) * (len(lengths) - len(counts)) + counts
    lengths = (1,) * (len(counts) - len(lengths)) + lengths
    spread = [number for pair in zip(counts, lengths) for number in pair]
    spread = broadcast(reshape_to(A, lengths), shape=tuple(spread), axes=tuple(range(1, len(spread), 2)))
    return reshape_to(spread, tuple([count * length for count, length in zip(counts, lengths)]))


FEW = 8  # slices up to here; one gather for more


def take_static(value, index, axis):
    """value[..., index, ...] for a known index: slices, reversed or spread, joined; one gather where these are many."""
    lengths = type_of(value).shape
    index = np.asarray(index)
    steps = np.diff(index)
    turns = [*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(index) - 1]
    if len(turns) > 2 * FEW:
        return move_axis(gather(value, index, axes=(axis,)), 0, axis)
    pieces, place = [], 0
    while place < len(index):
        start, step = int(index[place]), int(steps[place]) if place < len(steps) else 1
        turns = [turn for turn in turns if turn > place]
        last = turns[0] if turns and abs(step) <= 1 else place
        stop, count = int(index[last]), last - place + 1
        piece = slice_axis(value, axis, min(start, stop), max(start, stop) + 1)
        if count > 1 and step == -1:
            piece = reverse(piece, axes=(axis,))
        elif count > 1 and step == 0:
            piece = broadcast_primitive(piece, lengths[:axis] + (count,) + lengths[axis + 1 :])
        pieces.append(piece)
        place = last + 1
    return joined(pieces, axis) if pieces else slice_axis(value, axis, 0, 0)


def insert(arr, obj, values, axis=None):
    """`values` before the positions `obj` (static: an int, a slice, integers, a mask). The dtype is that of `arr`."""
    arr = operand(arr, "insert: argument")
    if axis is None:
        arr, axis = ravel(arr), 0
    type_ = type_of(arr)
    axis = axis_of(axis, type_.ndim, "insert")
    length = type_.shape[axis]
    obj = np.arange(length)[obj] if isinstance(obj, slice) else np.asarray(obj)
    if not obj.size:
        obj = obj.astype(np.int64)
    if obj.dtype == np.bool_:
        obj = np.flatnonzero(obj)
    values = convert_to(operand(values, "insert: values"), type_.dtype)
    own = type_of(values).shape
    values = reshape_to(values, (1,) * (type_.ndim - len(own)) + own)
    if obj.ndim == 0:
        values = moveaxis(values, 0, axis)
    count = type_of(values).shape[axis] if obj.size == 1 else obj.size
    values = broadcast_to(values, type_.shape[:axis] + (count,) + type_.shape[axis + 1 :])
    if obj.size == 1:
        obj = obj.item()
    order = np.insert(np.arange(length), obj, np.arange(length, length + count))
    return take_static(joined([arr, values], axis), order, axis)


def delete(arr, obj, axis=None):
    """Without the positions `obj` (static: an int, a slice, integers or a mask)."""
    arr = operand(arr, "delete: argument")
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = axis_of(axis, type_of(arr).ndim, "delete")
    return take_static(arr, np.delete(np.arange(type_of(arr).shape[axis]), obj), axis)


def resize(a, new_shape):
    """The elements, repeated or cut off to fill the new shape."""
    a = ravel(a)
    lengths = static_shape(new_shape)
    own, wanted = type_of(a).size, math.prod(lengths)
    if any([length < 0 for length in lengths]):
        raise ValueError(f"resize: all lengths of the new shape must be non-negative, got {lengths}.")
    if own == 0:
        return np.zeros(lengths, type_of(a).dtype)
    return reshape_to(slice_axis(tile(a, -(-wanted // own)), 0, 0, wanted), lengths)


def flip(m, axis=None):
    """Elements in reverse order along the axes (all, when None)."""
    m = operand(m, "flip: argument")
    axes = axes_of(axis, type_of(m).ndim, "flip")
    return reverse(m, axes=axes) if axes else m


def fliplr(m):
    """Reversed along axis 1."""
    return flip(of_rank(m, 2, "fliplr"), 1)


def flipud(m):
    """Reversed along axis 0."""
    return flip(of_rank(m, 1, "flipud"), 0)


def rot90(m, k=1, axes=(0, 1)):
    """Rotated `k` times by 90 degrees, from the first of the two axes towards the second."""
    m = operand(m, "rot90: argument")
    pair = axes_of(tuple(axes), type_of(m).ndim, "rot90")
    if len(pair) != 2:
        raise ValueError(f"rot90: two axes are needed, got {axes}.")
    turns = k % 4
    if turns in (0, 2):
        return flip(m, pair) if turns else m
    return swapaxes(flip(m, pair[1]), *pair) if turns == 1 else flip(swapaxes(m, *pair), pair[1])


def repeat(a, repeats, axis=None, *, total_repeat_length=None):
    """Each element repeated along the axis (of the flattened array, when None).

    repeats                 a count, or one for each element
    total_repeat_length     length of the result: a longer one is cut off, a shorter one gets more of the last element
    """
    a = operand(a, "repeat: argument")
    if axis is None:
        a, axis = ravel(a), 0
    lengths = type_of(a).shape
    axis = axis_of(axis, len(lengths), "repeat")
    before, length, after = lengths[:axis], lengths[axis], lengths[axis + 1 :]
    if isinstance(repeats, Tracer) and repeats.constant() is NOT_CONCRETE:
        return repeat_traced(a, repeats, axis, total_repeat_length)
    counts = np.asarray(repeats)
    if counts.size == 1 and total_repeat_length is None:
        count = operator.index(counts.item())
        if count < 0:
            raise ValueError(f"repeat: counts must not be negative, got {count}.")
        a = broadcast(
            a,
            shape=before + (length, count) + after,
            axes=tuple([place + (place > axis) for place in range(len(lengths))]),
        )
        return reshape_to(a, before + (length * count,) + after)
    index = np.repeat(np.arange(length), counts)
    if total_repeat_length is not None:
        index = index[:total_repeat_length]
        index = np.append(index, np.full(total_repeat_length - len(index), length - 1, index.dtype))
    return take_static(a, index, axis)


def repeat_traced(a, repeats, axis, total):
    """`repeat` with counts that are traced, so that the length of the result has to be given."""
    if total is None:
        raise ConcretizationTypeError(
            f"repeat: the counts are traced ({repeats.type}), so the length of the result is not known.",
            "Write repeat(a, repeats, total_repeat_length=n) with a static n.",
        )
    length = type_of(a).shape[axis]
    repeats = broadcast_to(repeats, (length,))
    starts = sub(cumsum(repeats, axis=0, reverse=False), repeats)
    zeros, ones = np.zeros(total, np.int64), np.ones(length, np.int64)
    begun = cumsum(scatter(zeros, ones, starts, axes=(0,), kind="add"), axis=0, reverse=False)
    return move_axis(gather(a, sub(begun, 1), axes=(axis,)), 0, axis)


def roll(a, shift, axis=None):
    """Elements moved forward by `shift` places along the axis (of the flattened array, when None), round the end."""
    a = operand(a, "roll: argument")
    lengths = type_of(a).shape
    if axis is None:
        return reshape_to(roll(ravel(a), shift, 0), lengths)
    axes = np.array([axis_of(each, len(lengths), "roll") for each in np.atleast_1d(axis)])
    shift = operand(shift, "roll: shift")
    count = np.broadcast_shapes(type_of(shift).shape, axes.shape)
    if len(count) != 1:
        raise ValueError("roll: shift and axis must be numbers or sequences of one length.")
    for place, number in zip(np.broadcast_to(axes, count).tolist(), unstack(broadcast_to(shift, count))):
        a = roll_axis(a, number, place)
    return a


def roll_axis(a, shift, axis):
    length = type_of(a).shape[axis]
    if not length:
        return a
    if isinstance(shift, Tracer):
        index = remainder(sub(np.arange(length), shift), length)
        return move_axis(gather(a, index, axes=(axis,), unique=True), 0, axis)
    start = -operator.index(shift) % length
    if not start:
        return a
    return joined([slice_axis(a, axis, start, length), slice_axis(a, axis, 0, start)], axis)
