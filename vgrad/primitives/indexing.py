"""Reading and writing at places given by index arrays: gather, scatter, and slices whose start is traced.

Relies on shape and comparison. A negative index counts from the end. What lies out of bounds follows `jax`, since a
compiled program cannot raise: a read is clamped to the nearest element, a write is dropped.
"""

import math
import operator

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import INT64, ArrayType, broadcast_shapes, type_of, zeros
from vgrad.errors import NotDifferentiable, ShapeError
from vgrad.primitives.broadcasting import broadcast, convert_to, inverse_permutation, move_axis, permute, reshape_to
from vgrad.primitives.comparison import clamp, eq, lt, select
from vgrad.primitives.elementwise import add, div, mul

# ------------------------------------------------------------------------------------- what gather and scatter share


def zeros_like(value):
    return zeros(type_of(value))


def indexed_type(name, operand, indices, axes):
    """(common shape of the index arrays, the operand's shape along the other axes), all checked."""
    if len(axes) != len(indices) or len(set(axes)) != len(axes) or not all(0 <= axis < operand.ndim for axis in axes):
        raise ShapeError(
            f"{name}: {len(indices)} index arrays for axes {axes} do not fit an array of shape {operand.shape}."
        )
    for index in indices:
        if index.dtype.kind not in "iu":
            raise ShapeError(f"{name}: indices must be integers, got {index}.")
    shapes = [index.shape for index in indices]
    try:
        common = broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: shape mismatch: indexing arrays could not be broadcast together with shapes "
            f"{', '.join(map(str, shapes))}."
        ) from None
    return common, tuple([length for axis, length in enumerate(operand.shape) if axis not in axes])


def common_shape(indices):
    return broadcast_shapes(*[type_of(index).shape for index in indices])


def wrap(index, length):
    """Index array with negative indices counted from the end."""
    return np.where(np.less(index, 0), np.add(index, length, dtype=np.int64), index)


def located(indices, lengths):
    """(index arrays without negatives, None or where they are in bounds), for arrays whose values are known."""
    wrapped, inside = [], None
    for index, length in zip(indices, lengths):
        index = np.asarray(index)
        if index.size and index.min() < 0:
            index = wrap(index, length)
        if index.size and not (index.min() >= 0 and index.max() < length):
            fits = (index >= 0) & (index < length)
            inside = fits if inside is None else inside & fits
        wrapped.append(index)
    return wrapped, inside


def in_front(indices, mapped_axes):
    """Index arrays with their mapped axis in front of the common shape (those without one broadcast against it)."""
    rank = max(type_of(index).ndim - (mapped is not None) for index, mapped in zip(indices, mapped_axes))
    moved = []
    for index, mapped in zip(indices, mapped_axes):
        if mapped is not None:
            index = move_axis(index, mapped, 0)
            shape = type_of(index).shape
            index = reshape_to(index, shape[:1] + (1,) * (rank + 1 - len(shape)) + shape[1:])
        moved.append(index)
    return moved, rank


def shifted_past(axes, mapped):
    return tuple([axis + (axis >= mapped) for axis in axes])


def spread_over(value, mapped, destination, size):
    """The value with the mapped axis at `destination`; repeated along a new axis there if it has none."""
    if mapped is not None:
        return move_axis(value, mapped, destination)
    shape = type_of(value).shape
    kept = tuple([axis for axis in range(len(shape) + 1) if axis != destination])
    return broadcast(value, shape=shape[:destination] + (size,) + shape[destination:], axes=kept)


def example_numbers(size, rank):
    """0, 1, ... along the mapped axis, in front of `rank` axes of length 1: the index of the example itself."""
    return np.arange(size).reshape((size,) + (1,) * rank)


def counted_axis(array):
    """The axis along which an array of integers counts 0, 1, 2, ..., the same at every place of the others, or None."""
    if array.dtype.kind not in "iu" or not 2 < array.size <= 1 << 22:
        return None
    for axis, length in enumerate(array.shape):
        if length > 1:
            first = tuple([slice(None) if place == axis else 0 for place in range(array.ndim)])
            counted = np.arange(length).reshape([length if place == axis else 1 for place in range(array.ndim)])
            if array[first][1] == 1 and (array == counted).all():
                return axis
    return None


# ------------------------------------------------------------------------------------------------------------ gather


def gather_type(operand, *indices, axes, outside="clip", unique=False):
    common, rest = indexed_type("gather", operand, indices, axes)
    lengths = [operand.shape[axis] for axis in axes]
    if 0 in lengths and 0 not in common and outside == "clip":
        raise ShapeError(f"gather: no element to take along axis {axes[lengths.index(0)]} of shape {operand.shape}.")
    return ArrayType(common + rest, operand.dtype)


def take_elements(operand, indices, axes):
    if len(axes) == 1:
        axis = axes[0]
        taken = operand.take(indices[0], axis)
        if axis == 0:
            return taken
        added = taken.ndim - operand.ndim + 1
        order = [*range(axis, axis + added), *range(axis), *range(axis + added, taken.ndim)]
        return taken.transpose(order)
    rest = [axis for axis in range(operand.ndim) if axis not in axes]
    return operand.transpose(*axes, *rest)[tuple(indices)]


def gather_evaluate(operand, *indices, axes, outside="clip", unique=False):
    operand = np.asarray(operand)
    try:
        return take_elements(operand, indices, axes)
    except IndexError:  # rare: NumPy checks bounds anyway, so looking beforehand would be paid twice
        lengths = [operand.shape[axis] for axis in axes]
        indices, inside = located(indices, lengths)
        if inside is None:
            raise
        lost = missing_value(operand.dtype) if outside == "fill" else operand.dtype.type(0)
        if 0 in lengths:
            rest = tuple([length for axis, length in enumerate(operand.shape) if axis not in axes])
            return np.full(common_shape(indices) + rest, lost)
        taken = take_elements(operand, [np.clip(i, 0, n - 1) for i, n in zip(indices, lengths)], axes)
        if outside == "clip":
            return taken
        inside = np.broadcast_to(inside, common_shape(indices))
        return np.where(inside.reshape(inside.shape + (1,) * (taken.ndim - inside.ndim)), taken, lost)[()]


def missing_value(dtype):
    """What stands in place of elements that do not exist, as in jax: NaN, the least integer, the largest unsigned."""
    if dtype.kind in "fc":
        return dtype.type(np.nan)
    if dtype.kind == "b":
        return np.True_
    return dtype.type(np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max)


def gather_jvp(output, operands, tangents, *, axes, outside="clip", unique=False):
    outside = "zero" if outside == "fill" else outside
    return gather(tangents[0], *operands[1:], axes=axes, outside=outside, unique=unique)


def gather_transpose(cotangent, operands, wrt, *, axes, outside="clip", unique=False):
    return scatter(zeros_of(operands[0], cotangent), cotangent, *operands[1:], axes=axes, kind="add", unique=unique)


def zeros_of(type_, cotangent):
    return zeros(ArrayType(type_.shape, type_of(cotangent).dtype))


def gather_batch(operands, mapped_axes, *, axes, outside="clip", unique=False):
    (operand, *indices), (mapped, *index_axes) = operands, mapped_axes
    if all([axis is None for axis in index_axes]):
        axes = shifted_past(axes, mapped)
        place = len(common_shape(indices)) + mapped - sum(axis < mapped for axis in axes)
        return gather(operand, *indices, axes=axes, outside=outside, unique=unique), place
    indices, rank = in_front(indices, index_axes)
    if mapped is None:
        return gather(operand, *indices, axes=axes, outside=outside, unique=False), 0
    numbers = example_numbers(type_of(operand).shape[mapped], rank)
    axes = (mapped,) + shifted_past(axes, mapped)
    return gather(operand, numbers, *indices, axes=axes, outside=outside, unique=unique), 0


# gather(x, *indices, axes): the elements of x at the index arrays, one array per axis in `axes`, broadcast together to
# a common shape S. The result has shape S + (the other axes of x).
#   outside     what a read out of bounds gives: "clip" the nearest element, "zero" 0, "fill" missing_value(dtype)
#   unique      True promises that no element is taken twice
# The cotangent of an element read out of bounds is dropped, as jax drops it.
gather = Primitive(
    "gather",
    output_type=gather_type,
    evaluate=gather_evaluate,
    jvp=gather_jvp,
    transpose=gather_transpose,
    batch=gather_batch,
    lower=STRUCTURAL,
)


# ----------------------------------------------------------------------------------------------------------- scatter

UFUNCS = {"add": np.add, "multiply": np.multiply, "minimum": np.minimum, "maximum": np.maximum}


def scatter_type(operand, updates, *indices, axes, kind, unique=False):
    common, rest = indexed_type("scatter", operand, indices, axes)
    if updates.shape != common + rest:
        raise ShapeError(
            f"scatter: updates of shape {updates.shape} do not fit indices of shape {common} "
            f"into an array of shape {operand.shape}: the updates must have shape {common + rest}."
        )
    return ArrayType(operand.shape, operand.dtype)


def scatter_evaluate(operand, updates, *indices, axes, kind, unique=False):
    result = np.array(operand, order="C")
    updates = np.asarray(updates)
    lengths = [result.shape[axis] for axis in axes]
    indices, inside = located(indices, lengths)
    common = common_shape(indices)
    rest = [axis for axis in range(result.ndim) if axis not in axes]
    if updates.shape != common + tuple([result.shape[axis] for axis in rest]):
        raise ValueError(f"updates of shape {updates.shape} at indices of shape {common}")  # NumPy would broadcast
    if inside is not None:
        inside = np.broadcast_to(inside, common)
        indices = [np.broadcast_to(index, common)[inside] for index in indices]
        updates = updates[inside]
        common = indices[0].shape
    if not updates.size:
        return result
    view, places = result.transpose(*axes, *rest), tuple(indices)
    if kind == "set":
        view[places] = updates
    elif unique:
        view[places] = UFUNCS[kind](view[places], updates)
    else:
        # ufunc.at is 4 times faster on one axis than on rows: number the elements of the result
        flat = result.reshape(-1)
        UFUNCS[kind].at(flat, element_numbers(result, places, axes, rest, len(common)), updates.reshape(-1))
    return result


def element_numbers(array, indices, axes, rest, rank):
    """Positions in the flattened array of the elements at the index arrays and all along the axes `rest`."""
    steps = [stride // array.itemsize for stride in array.strides]
    numbers = sum(
        index.astype(np.intp) * steps[axis] for index, axis in zip(indices, axes)
    )  # a small type may overflow
    numbers = numbers.reshape(numbers.shape + (1,) * len(rest))
    for place, axis in enumerate(rest, start=1):
        length = array.shape[axis]
        numbers = numbers + (np.arange(length) * steps[axis]).reshape((length,) + (1,) * (len(rest) - place))
    return numbers.reshape(-1)


def scatter_jvp(output, operands, tangents, *, axes, kind, unique=False):
    (operand, updates, *indices), (moving, moving_updates) = operands, tangents[:2]

    def scattered(into, values, kind):
        return scatter(into, values, *indices, axes=axes, kind=kind, unique=unique)

    if kind in ("add", "set"):
        if kind == "add" and moving_updates is None:
            return moving
        moving = zeros_like(operand) if moving is None else moving
        return scattered(moving, zeros_like(updates) if moving_updates is None else moving_updates, kind)
    if kind == "multiply":
        total = None if moving is None else scattered(moving, updates, "multiply")
        if moving_updates is not None:
            if not unique:
                raise NotDifferentiable(
                    "scatter: the derivative of a product with respect to the factors is only implemented for places "
                    "that differ.",
                    "If no index occurs twice write x.at[i].multiply(y, unique_indices=True).",
                )
            factors = gather(operand, *indices, axes=axes, outside="zero", unique=unique)
            total = scattered(zeros_like(output) if total is None else total, mul(moving_updates, factors), "add")
        return total
    # the minimum or maximum: all that attain it share its derivative
    dtype = type_of(output).dtype
    stays = convert_to(eq(output, operand), dtype)
    attained = gather(output, *indices, axes=axes, outside="clip", unique=unique)
    enters = convert_to(eq(updates, attained), dtype)
    count = scattered(stays, enters, "add")
    total = zeros_like(output) if moving is None else mul(moving, stays)
    if moving_updates is not None:
        total = scattered(total, mul(moving_updates, enters), "add")
    return div(total, count)


def scatter_transpose(cotangent, operands, wrt, *, axes, kind, unique=False):
    operand, updates, *indices = operands
    if kind in ("minimum", "maximum") or (kind == "multiply" and wrt == 1):
        raise NotDifferentiable(f"scatter of kind {kind!r} is not linear in operand {wrt}")
    if wrt == 0:
        if kind == "add":
            return cotangent
        factors = zeros_of(updates, cotangent) if kind == "set" else updates
        return scatter(cotangent, factors, *indices, axes=axes, kind=kind, unique=unique)
    taken = gather(cotangent, *indices, axes=axes, outside="zero", unique=unique)
    if kind == "add" or unique:
        return taken
    stays = written_last(indices, [type_of(operand).shape[axis] for axis in axes])
    rank = type_of(taken).ndim
    return select(reshape_to(stays, type_of(stays).shape + (1,) * (rank - type_of(stays).ndim)), taken, 0)


def written_last(indices, lengths):
    """Where, of several writes to one place, the one that stays is."""
    common = common_shape(indices)
    numbers = np.arange(math.prod(common)).reshape(common)
    axes = tuple(range(len(lengths)))
    last = scatter(np.zeros(tuple(lengths), INT64), numbers, *indices, axes=axes, kind="set")
    return eq(gather(last, *indices, axes=axes, outside="zero"), numbers)


def scatter_batch(operands, mapped_axes, *, axes, kind, unique=False):
    (operand, updates, *indices), (mapped, updates_mapped, *index_axes) = operands, mapped_axes
    size = next(type_of(o).shape[m] for o, m in zip(operands, mapped_axes) if m is not None)
    if all([axis is None for axis in index_axes]):
        place = 0 if mapped is None else mapped
        operand = spread_over(operand, mapped, place, size)
        axes = shifted_past(axes, place)
        destination = len(common_shape(indices)) + place - sum(axis < place for axis in axes)
        updates = spread_over(updates, updates_mapped, destination, size)
        return scatter(operand, updates, *indices, axes=axes, kind=kind, unique=unique), place
    indices, rank = in_front(indices, index_axes)
    operand, updates = spread_over(operand, mapped, 0, size), spread_over(updates, updates_mapped, 0, size)
    axes = (0,) + tuple([axis + 1 for axis in axes])
    numbers = example_numbers(size, rank)
    return scatter(operand, updates, numbers, *indices, axes=axes, kind=kind, unique=unique), 0


# scatter(x, updates, *indices, axes, kind): x with updates (of the shape that gather gives) at the index arrays.
#   kind        "set" (of several writes to one place the last stays), "add", "multiply", "minimum", "maximum"
#   unique      True promises that no place is written twice
# Linear in x and updates together for "set" and "add".
scatter = Primitive(
    "scatter",
    output_type=scatter_type,
    evaluate=scatter_evaluate,
    jvp=scatter_jvp,
    transpose=scatter_transpose,
    batch=scatter_batch,
    lower=STRUCTURAL,
)


# ---------------------------------------------------------------------------------------------------- dynamic slices


def check_slice(name, operand, sizes, starts):
    fits = len(sizes) == len(starts) == operand.ndim and all(
        0 <= size <= length for size, length in zip(sizes, operand.shape)
    )
    if not fits:
        raise ShapeError(
            f"{name}: a slice of sizes {tuple(sizes)} with {len(starts)} start indices does not fit an array of shape "
            f"{operand.shape}."
        )
    for start in starts:
        if start.shape != () or start.dtype.kind not in "iu":
            raise ShapeError(f"{name}: start indices must be integer scalars, got {start}.")


def clamped_slices(starts, sizes, lengths):
    """Slices with known starts: negative ones count from the end, then as near as the array allows."""
    slices = []
    for start, size, length in zip(starts, sizes, lengths, strict=True):
        start = operator.index(start)
        if size > length:
            raise ValueError(f"a slice of {size} elements of an axis of length {length}")
        start = min(max(start + length if start < 0 else start, 0), length - size)
        slices.append(slice(start, start + size))
    return tuple(slices)


def slice_places(starts, mapped_axes, sizes, lengths):
    """(sliced axes, an index array for each): the slices as index arrays with the mapped axis in front.

    An axis that is taken whole starts at 0 whatever was asked: it needs no index.
    """
    sliced = sliced_axes(sizes, lengths)
    places = []
    for position, axis in enumerate(sliced):
        start, length, size = convert_to(starts[axis], INT64), lengths[axis], sizes[axis]
        start = clamp(0, select(lt(start, 0), add(start, length), start), length - size)
        if mapped_axes[axis] is not None:
            start = reshape_to(start, type_of(start).shape + (1,) * len(sliced))
        places.append(add(start, np.arange(size).reshape((size,) + (1,) * (len(sliced) - position - 1))))
    return sliced, places


def sliced_axes(sizes, lengths):
    return tuple([axis for axis, (size, length) in enumerate(zip(sizes, lengths)) if size != length])


def order_of_slices(sliced, rank):
    """Axes of a slice in the order that gather gives them, the mapped axis before all."""
    return (0,) + tuple([axis + 1 for axis in sliced + tuple([axis for axis in range(rank) if axis not in sliced])])


def dynamic_slice_type(operand, *starts, sizes):
    check_slice("dynamic_slice", operand, sizes, starts)
    return ArrayType(tuple(sizes), operand.dtype)


def dynamic_slice_evaluate(operand, *starts, sizes):
    operand = np.asarray(operand)
    return operand[clamped_slices(starts, sizes, operand.shape)]


def dynamic_slice_transpose(cotangent, operands, wrt, *, sizes):
    return dynamic_update_slice(zeros_of(operands[0], cotangent), cotangent, *operands[1:])


def dynamic_slice_batch(operands, mapped_axes, *, sizes):
    (operand, *starts), (mapped, *start_axes) = operands, mapped_axes
    if mapped is not None:
        operand = move_axis(operand, mapped, 0)
    shape = type_of(operand).shape
    lengths = shape if mapped is None else shape[1:]
    if all([start_axes[axis] is None for axis in sliced_axes(sizes, lengths)]):
        starts = [start if axis is None else 0 for start, axis in zip(starts, start_axes)]
        if mapped is None:
            return dynamic_slice(operand, *starts, sizes=sizes), None
        return dynamic_slice(operand, 0, *starts, sizes=shape[:1] + tuple(sizes)), 0
    sliced, places = slice_places(starts, start_axes, sizes, lengths)
    if mapped is None:
        taken = gather(operand, *places, axes=sliced)
    else:
        numbers = example_numbers(shape[0], len(sliced))
        taken = gather(operand, numbers, *places, axes=(0,) + shifted_past(sliced, 0), unique=True)
    return permute(taken, permutation=inverse_permutation(order_of_slices(sliced, len(lengths)))), 0


# dynamic_slice(x, *starts, sizes): one start per axis, which may be traced. A negative start counts from the end; then
# the slice is moved to lie inside, as in jax.
dynamic_slice = Primitive(
    "dynamic_slice",
    output_type=dynamic_slice_type,
    evaluate=dynamic_slice_evaluate,
    jvp=lambda output, operands, tangents, *, sizes: dynamic_slice(tangents[0], *operands[1:], sizes=sizes),
    transpose=dynamic_slice_transpose,
    batch=dynamic_slice_batch,
    lower=STRUCTURAL,
)


def dynamic_update_slice_type(operand, update, *starts):
    if update.ndim != operand.ndim:
        raise ShapeError(
            f"dynamic_update_slice: update must have the same rank as operand, got shapes {update.shape} and "
            f"{operand.shape}."
        )
    check_slice("dynamic_update_slice", operand, update.shape, starts)
    return ArrayType(operand.shape, operand.dtype)


def dynamic_update_slice_evaluate(operand, update, *starts):
    result = np.array(operand)
    update = np.asarray(update)
    result[clamped_slices(starts, update.shape, result.shape)] = update
    return result


def dynamic_update_slice_jvp(output, operands, tangents):
    (operand, update, *starts), (moving, moving_update) = operands, tangents[:2]
    moving = zeros_like(operand) if moving is None else moving
    return dynamic_update_slice(moving, zeros_like(update) if moving_update is None else moving_update, *starts)


def dynamic_update_slice_transpose(cotangent, operands, wrt):
    operand, update, *starts = operands
    if wrt == 0:
        return dynamic_update_slice(cotangent, zeros_of(type_of(update), cotangent), *starts)
    return dynamic_slice(cotangent, *starts, sizes=type_of(update).shape)


def dynamic_update_slice_batch(operands, mapped_axes):
    (operand, update, *starts), (mapped, update_mapped, *start_axes) = operands, mapped_axes
    size = next(type_of(o).shape[m] for o, m in zip(operands, mapped_axes) if m is not None)
    operand, update = spread_over(operand, mapped, 0, size), spread_over(update, update_mapped, 0, size)
    sizes, lengths = type_of(update).shape[1:], type_of(operand).shape[1:]
    if all([start_axes[axis] is None for axis in sliced_axes(sizes, lengths)]):
        starts = [start if axis is None else 0 for start, axis in zip(starts, start_axes)]
        return dynamic_update_slice(operand, update, 0, *starts), 0
    sliced, places = slice_places(starts, start_axes, sizes, lengths)
    update = permute(update, permutation=order_of_slices(sliced, len(lengths)))
    numbers = example_numbers(size, len(sliced))
    axes = (0,) + shifted_past(sliced, 0)
    return scatter(operand, update, numbers, *places, axes=axes, kind="set", unique=True), 0


# dynamic_update_slice(x, update, *starts): x with the slice that starts there replaced by `update`; starts as above.
dynamic_update_slice = Primitive(
    "dynamic_update_slice",
    output_type=dynamic_update_slice_type,
    evaluate=dynamic_update_slice_evaluate,
    jvp=dynamic_update_slice_jvp,
    transpose=dynamic_update_slice_transpose,
    batch=dynamic_update_slice_batch,
    lower=STRUCTURAL,
)
