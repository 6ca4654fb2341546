"""Slices, gathers and scatters with `jax.lax`'s names, signatures and dimension numbers.

Relies on primitives.indexing. XLA's general gather and scatter move windows; here a window is one more index array.
"""

import enum
from typing import NamedTuple

import numpy as np

from vgrad.core.types import INT64, type_of
from vgrad.errors import ShapeError
from vgrad.numpy import operands
from vgrad.numpy.operands import axis_of
from vgrad.numpy.subscripts import all_distinct
from vgrad.primitives.broadcasting import convert_to, permute, reshape_to
from vgrad.primitives.comparison import clamp, ge, le, logical_and, maximum, select
from vgrad.primitives.elementwise import add, floor_divide, mul, neg, sub
from vgrad.primitives.indexing import dynamic_slice as dynamic_slice_primitive
from vgrad.primitives.indexing import dynamic_update_slice as dynamic_update_slice_primitive
from vgrad.primitives.indexing import gather as gather_primitive
from vgrad.primitives.indexing import missing_value
from vgrad.primitives.indexing import scatter as scatter_primitive
from vgrad.primitives.shape import slice_axis, strided_slice

__all__ = [
    "GatherDimensionNumbers",
    "GatherScatterMode",
    "ScatterDimensionNumbers",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "gather",
    "index_in_dim",
    "index_take",
    "scatter",
    "scatter_add",
    "scatter_apply",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_sub",
    "slice",
    "slice_in_dim",
]


# ------------------------------------------------------------------------------------------------------ static slices


def slice(operand, start_indices, limit_indices, strides=None):
    """operand[start:limit:stride, ...], one static bound per axis.

    Errors: ShapeError unless 0 <= start <= limit <= length and stride > 0 along every axis.
    """
    x = operands.operand(operand)
    start, stop = tuple(map(int, start_indices)), tuple(map(int, limit_indices))
    step = (1,) * type_of(x).ndim if strides is None else tuple(map(int, strides))
    strided_slice.output_type(type_of(x), start=start, stop=stop, step=step)  # NumPy alone would cut bounds off
    return strided_slice(x, start=start, stop=stop, step=step)


def slice_in_dim(operand, start_index, limit_index, stride=1, axis=0):
    """operand[start:limit:stride] along one axis; bounds may be None or negative, as in Python."""
    x = operands.operand(operand)
    axis = axis_of(axis, type_of(x).ndim, "slice_in_dim")
    length = type_of(x).shape[axis]
    start = 0 if start_index is None else int(start_index)
    stop = length if limit_index is None else int(limit_index)
    start, stop = start + length * (start < 0), stop + length * (stop < 0)
    if not 0 <= start <= stop <= length or stride < 1:
        raise ShapeError(
            f"slice_in_dim: slice {start_index}:{limit_index}:{stride} does not fit axis {axis} of shape "
            f"{type_of(x).shape}."
        )
    return slice_axis(x, axis, start, stop, int(stride))


def index_in_dim(operand, index, axis=0, keepdims=True):
    """operand[index] along one axis, for a static index; the axis stays with length 1 unless keepdims=False."""
    x = operands.operand(operand)
    shape = type_of(x).shape
    axis = axis_of(axis, len(shape), "index_in_dim")
    index = int(index)
    if not -shape[axis] <= index < shape[axis]:
        raise IndexError(f"index_in_dim: index {index} is out of bounds for axis {axis} with size {shape[axis]}")
    index %= shape[axis]
    return drop_axis(slice_axis(x, axis, index, index + 1), axis, keepdims)


def drop_axis(x, axis, keepdims):
    shape = type_of(x).shape
    return x if keepdims else reshape_to(x, shape[:axis] + shape[axis + 1 :])


# ----------------------------------------------------------------------------------------------------- dynamic slices


def start_scalars(start_indices, rank, name, allow_negative_indices):
    """One integer scalar per axis, from a sequence or an array of rank 1."""
    if not isinstance(start_indices, (list, tuple)):
        array = operands.operand(start_indices)
        if type_of(array).ndim != 1:
            raise ShapeError(f"{name}: start indices must be a sequence or of rank 1, got {type_of(array)}.")
        start_indices = [
            reshape_to(slice_axis(array, 0, number, number + 1), ()) for number in range(type_of(array).size)
        ]
    starts = [operands.operand(start) for start in start_indices]
    if len(starts) != rank:
        raise ShapeError(f"{name}: got {len(starts)} start indices for an operand of rank {rank}.")
    allowed = [allow_negative_indices] * rank if isinstance(allow_negative_indices, bool) else allow_negative_indices
    return [start if negative else maximum(start, 0) for start, negative in zip(starts, allowed, strict=True)]


def dynamic_slice(operand, start_indices, slice_sizes, *, allow_negative_indices=True):
    """The slice of static sizes that starts at `start_indices`, which may be traced.

    A negative start counts from the end; then the slice is moved as little as needed to lie inside the array.
    Errors: ShapeError for a size larger than its axis.
    """
    x = operands.operand(operand)
    starts = start_scalars(start_indices, type_of(x).ndim, "dynamic_slice", allow_negative_indices)
    return dynamic_slice_primitive(x, *starts, sizes=tuple(map(int, slice_sizes)))


def dynamic_slice_in_dim(operand, start_index, slice_size, axis=0, *, allow_negative_indices=True):
    """`dynamic_slice` along one axis."""
    x = operands.operand(operand)
    shape = list(type_of(x).shape)
    axis = axis_of(axis, len(shape), "dynamic_slice_in_dim")
    starts = [0] * len(shape)
    starts[axis], shape[axis] = start_index, slice_size
    return dynamic_slice(x, starts, shape, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(operand, index, axis=0, keepdims=True, *, allow_negative_indices=True):
    """operand[index] along one axis, for an index that may be traced (clamped to the axis)."""
    x = operands.operand(operand)
    axis = axis_of(axis, type_of(x).ndim, "dynamic_index_in_dim")
    part = dynamic_slice_in_dim(x, index, 1, axis, allow_negative_indices=allow_negative_indices)
    return drop_axis(part, axis, keepdims)


def same_dtype(name, x, update):
    """The update in the dtype of the array: a Python scalar takes it, another dtype is an error."""
    own, other = type_of(x), type_of(update)
    if own.dtype != other.dtype and not (other.weak and np.can_cast(other.dtype, own.dtype, "same_kind")):
        raise ShapeError(
            f"{name}: requires arguments to have the same dtypes, got {own} and {other}.",
            f"Write update.astype({own.dtype.name!r}).",
        )
    return convert_to(update, own.dtype)


def dynamic_update_slice(operand, update, start_indices, *, allow_negative_indices=True):
    """A copy of the array with the slice that starts at `start_indices` replaced by `update`; starts as above."""
    x, update = operands.operand(operand), operands.operand(update)
    update = same_dtype("dynamic_update_slice", x, update)
    starts = start_scalars(start_indices, type_of(x).ndim, "dynamic_update_slice", allow_negative_indices)
    return dynamic_update_slice_primitive(x, update, *starts)


def dynamic_update_slice_in_dim(operand, update, start_index, axis, *, allow_negative_indices=True):
    """`dynamic_update_slice` along one axis."""
    x = operands.operand(operand)
    axis = axis_of(axis, type_of(x).ndim, "dynamic_update_slice_in_dim")
    starts = [0] * type_of(x).ndim
    starts[axis] = start_index
    return dynamic_update_slice(x, update, starts, allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(operand, update, index, axis, *, allow_negative_indices=True):
    """A copy of the array with operand[index] along one axis replaced; `update` may lack the axis."""
    x, update = operands.operand(operand), operands.operand(update)
    axis = axis_of(axis, type_of(x).ndim, "dynamic_update_index_in_dim")
    shape = type_of(update).shape
    if len(shape) != type_of(x).ndim:
        update = reshape_to(update, shape[:axis] + (1,) + shape[axis:])
    return dynamic_update_slice_in_dim(x, update, index, axis, allow_negative_indices=allow_negative_indices)


def index_take(src, idxs, axes):
    """src at index arrays of rank 1, one per axis in `axes`, taken modulo the lengths: shape (n,) + the other axes."""
    src = operands.operand(src)
    lengths = [type_of(src).shape[axis] for axis in axes]
    wrapped = [
        sub(index, mul(floor_divide(index, length), length))
        for index, length in zip(map(operands.operand, idxs), lengths)
    ]
    return gather_primitive(src, *wrapped, axes=tuple(axes))


# ------------------------------------------------------------------------------------------------- gather and scatter


class GatherDimensionNumbers(NamedTuple):
    """Which axes are which in `gather`.

    offset_dims             axes of the result that run along the windows
    collapsed_slice_dims    axes of the operand whose window has length 1 and is left out of the result
    start_index_map         the axis of the operand that each component of an index vector is for
    operand_batching_dims, start_indices_batching_dims  axes that run together in operand and indices
    """

    offset_dims: tuple
    collapsed_slice_dims: tuple
    start_index_map: tuple
    operand_batching_dims: tuple = ()
    start_indices_batching_dims: tuple = ()


class ScatterDimensionNumbers(NamedTuple):
    """Which axes are which in `scatter`; see GatherDimensionNumbers, of which it is the mirror.

    update_window_dims              axes of the updates that run along the windows
    inserted_window_dims            axes of the operand that the updates' windows leave out
    scatter_dims_to_operand_dims    the axis of the operand that each component of an index vector is for
    """

    update_window_dims: tuple
    inserted_window_dims: tuple
    scatter_dims_to_operand_dims: tuple
    operand_batching_dims: tuple = ()
    scatter_indices_batching_dims: tuple = ()


class GatherScatterMode(enum.Enum):
    """What happens to a window that does not lie in the operand.

    CLIP                moved inside
    FILL_OR_DROP        gives the fill value; an update is dropped
    PROMISE_IN_BOUNDS   does not happen (if it does: CLIP in gather, FILL_OR_DROP in scatter)
    """

    CLIP = enum.auto()
    FILL_OR_DROP = enum.auto()
    PROMISE_IN_BOUNDS = enum.auto()

    @staticmethod
    def from_any(mode):
        """The mode from its name; None is FILL_OR_DROP."""
        if isinstance(mode, GatherScatterMode):
            return mode
        names = {
            None: GatherScatterMode.FILL_OR_DROP,
            "clip": GatherScatterMode.CLIP,
            "fill": GatherScatterMode.FILL_OR_DROP,
            "drop": GatherScatterMode.FILL_OR_DROP,
            "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
        }
        if mode not in names:
            raise ValueError(
                f"Unknown gather or scatter mode {mode!r}: write 'clip', 'fill', 'drop' or 'promise_in_bounds'."
            )
        return names[mode]


class Windows(NamedTuple):
    """Windows of an array as index arrays.

    axes        axes of the array that are indexed
    indices     an index array for each, of shape S + (length of each indexed window)
    shape       of the array; where every window is the whole array, with a new axis in front to be indexed
    cut         how many windows are shorter than their axis: these have an axis in the index arrays
    order       axes of the array that run along the windows, in the order in which gather_primitive gives them after S
    inside      for each window (shape S) whether it lies in the array; None if all do
    """

    axes: tuple
    indices: tuple
    shape: tuple
    cut: int
    order: tuple
    inside: object


def find_windows(shape, index_vectors, sizes, left_out, index_map, batching, indices_batching, mode, name):
    """The windows of `sizes` in an array of this shape that start at the index vectors (..., len(index_map))."""
    vectors = operands.operand(index_vectors)
    *common, components = type_of(vectors).shape
    if components != len(index_map):
        raise ShapeError(
            f"{name}: index vectors of length {components} (indices of shape {type_of(vectors).shape}) for "
            f"{len(index_map)} axes {tuple(index_map)}."
        )
    if type_of(vectors).dtype.kind not in "iu":
        raise ShapeError(f"{name}: indices must be integers, got {type_of(vectors)}.")
    windowed = [axis for axis in range(len(shape)) if axis not in left_out and axis not in batching]
    cut = [axis for axis in windowed if sizes[axis] != shape[axis]]
    axes, indices, inside = [], [], None
    for axis in range(len(shape)):
        length, size = shape[axis], sizes[axis]
        if size > length:
            raise ShapeError(f"{name}: windows of sizes {tuple(sizes)} do not fit an array of shape {tuple(shape)}.")
        if axis in batching:
            place = indices_batching[batching.index(axis)]
            start = np.arange(length).reshape((length,) + (1,) * (len(common) - place - 1))
        elif axis in index_map:
            component = index_map.index(axis)
            start = slice_axis(vectors, len(common), component, component + 1)
            start = convert_to(reshape_to(start, tuple(common)), INT64)
            if mode is not GatherScatterMode.CLIP:
                fits = logical_and(ge(start, 0), le(start, length - size))
                inside = fits if inside is None else logical_and(inside, fits)
            start = clamp(0, start, length - size)
        elif axis in cut or axis in left_out:
            start = np.zeros((), np.int64)
        else:
            continue
        if axis in windowed and axis not in cut:
            continue
        start = reshape_to(start, type_of(start).shape + (1,) * len(cut))
        if axis in cut:
            start = add(start, np.arange(size).reshape((size,) + (1,) * (len(cut) - cut.index(axis) - 1)))
        axes.append(axis)
        indices.append(start)
    order = cut + [axis for axis in windowed if axis not in cut]
    if not axes:
        return Windows((0,), (np.zeros(common, np.int64),), (1,) + tuple(shape), 0, tuple(order), inside)
    return Windows(tuple(axes), tuple(indices), tuple(shape), len(cut), tuple(order), inside)


def positions_of(window_dims, rank):
    """Axes of a result of this rank that do not run along the windows."""
    return [axis for axis in range(rank) if axis not in window_dims]


def gather(
    operand,
    start_indices,
    dimension_numbers,
    slice_sizes,
    *,
    unique_indices=False,
    indices_are_sorted=False,
    mode=None,
    fill_value=None,
):
    """XLA's gather: windows of `slice_sizes` of the operand, at index vectors (the last axis of start_indices).

    A window that does not lie in the operand is moved inside (negative indices do not count from the end); with
    mode="fill" it gives `fill_value`, by default NaN or the least integer. See GatherDimensionNumbers.
    """
    x, numbers = operands.operand(operand), GatherDimensionNumbers(*dimension_numbers)
    fills = mode is not None and GatherScatterMode.from_any(mode) is GatherScatterMode.FILL_OR_DROP
    windows = find_windows(
        type_of(x).shape,
        start_indices,
        tuple(slice_sizes),
        tuple(numbers.collapsed_slice_dims),
        tuple(numbers.start_index_map),
        tuple(numbers.operand_batching_dims),
        tuple(numbers.start_indices_batching_dims),
        GatherScatterMode.FILL_OR_DROP if fills else GatherScatterMode.CLIP,
        "gather",
    )
    common = type_of(operands.operand(start_indices)).ndim - 1
    x = reshape_to(x, windows.shape)
    taken = gather_primitive(x, *windows.indices, axes=windows.axes, unique=unique_indices)
    rank = common + len(windows.order)
    batch_places, offsets = positions_of(numbers.offset_dims, rank), sorted(windows.order)
    permutation = [0] * rank
    for number, place in enumerate(batch_places):
        permutation[place] = number
    for place, axis in zip(numbers.offset_dims, offsets, strict=True):
        permutation[place] = common + windows.order.index(axis)
    if windows.inside is not None:
        inside = reshape_to(windows.inside, type_of(windows.inside).shape + (1,) * len(windows.order))
        dtype = type_of(x).dtype
        fill = missing_value(dtype) if fill_value is None else convert_to(operands.operand(fill_value), dtype)
        taken = select(inside, taken, fill)
    return permute(taken, permutation=tuple(permutation))


def scattered(kind, operand, scatter_indices, updates, dimension_numbers, unique_indices, mode):
    x, updates, numbers = (
        operands.operand(operand),
        operands.operand(updates),
        ScatterDimensionNumbers(*dimension_numbers),
    )
    updates = same_dtype("scatter", x, updates)
    shape, mode = type_of(x).shape, GatherScatterMode.from_any(mode)
    inserted, batching = tuple(numbers.inserted_window_dims), tuple(numbers.operand_batching_dims)
    windowed = [axis for axis in range(len(shape)) if axis not in inserted and axis not in batching]
    sizes = [1] * len(shape)
    for axis, place in zip(windowed, numbers.update_window_dims, strict=True):
        sizes[axis] = type_of(updates).shape[place]
    windows = find_windows(
        shape,
        scatter_indices,
        sizes,
        inserted,
        tuple(numbers.scatter_dims_to_operand_dims),
        batching,
        tuple(numbers.scatter_indices_batching_dims),
        mode,
        "scatter",
    )
    places = dict(zip(windowed, numbers.update_window_dims))
    order = positions_of(numbers.update_window_dims, type_of(updates).ndim)
    updates = permute(updates, permutation=(*order, *[places[axis] for axis in windows.order]))
    first, *others = windows.indices
    if windows.inside is not None:  # a window that does not fit is put out of bounds as a whole, and so dropped
        inside = reshape_to(windows.inside, type_of(windows.inside).shape + (1,) * windows.cut)
        first = select(inside, first, windows.shape[windows.axes[0]])
    indices, lengths = [first, *others], [windows.shape[axis] for axis in windows.axes]
    unique = unique_indices or all_distinct(indices, lengths)
    x = reshape_to(x, windows.shape)
    return reshape_to(scatter_primitive(x, updates, *indices, axes=windows.axes, kind=kind, unique=unique), shape)


def scatter(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """XLA's scatter: the operand with windows at index vectors (the last axis of scatter_indices) replaced by updates.

    Where windows overlap the last stays. See ScatterDimensionNumbers and GatherScatterMode (the default is to drop).
    """
    return scattered("set", operand, scatter_indices, updates, dimension_numbers, unique_indices, mode)


def scatter_add(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter`, but the updates are added; where windows overlap all count."""
    return scattered("add", operand, scatter_indices, updates, dimension_numbers, unique_indices, mode)


def scatter_sub(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter_add`, but the updates are subtracted."""
    return scattered(
        "add", operand, scatter_indices, neg(operands.operand(updates)), dimension_numbers, unique_indices, mode
    )


def scatter_mul(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter_add`, but multiplied. The derivative with respect to updates needs unique_indices=True."""
    return scattered("multiply", operand, scatter_indices, updates, dimension_numbers, unique_indices, mode)


def scatter_min(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter_add`, but the minimum; all that attain it share its derivative."""
    return scattered("minimum", operand, scatter_indices, updates, dimension_numbers, unique_indices, mode)


def scatter_max(
    operand,
    scatter_indices,
    updates,
    dimension_numbers,
    *,
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter_add`, but the maximum; all that attain it share its derivative."""
    return scattered("maximum", operand, scatter_indices, updates, dimension_numbers, unique_indices, mode)


def scatter_apply(
    operand,
    scatter_indices,
    func,
    dimension_numbers,
    *,
    update_shape=(),
    indices_are_sorted=False,
    unique_indices=False,
    mode=None,
):
    """As `scatter`, of func(what stands there), for an elementwise func and windows that do not overlap.

    update_shape    the shape that updates would have
    """
    x, numbers = operands.operand(operand), ScatterDimensionNumbers(*dimension_numbers)
    windowed = positions_of((*numbers.inserted_window_dims, *numbers.operand_batching_dims), type_of(x).ndim)
    sizes = [1] * type_of(x).ndim
    for axis, place in zip(windowed, numbers.update_window_dims, strict=True):
        sizes[axis] = update_shape[place]
    current = gather(x, scatter_indices, GatherDimensionNumbers(*numbers), sizes, mode="clip")
    return scattered("set", x, scatter_indices, func(current), numbers, unique_indices, mode)
