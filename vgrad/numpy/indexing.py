"""Functions that take, put and find elements: take, put, choose, compress, nonzero and their kind; `at`.

Relies on subscripts, array and shape. Indices out of bounds: known ones raise IndexError as in NumPy; traced ones give
NaN on reading and are dropped on writing, as in jax (while x[index] reads the nearest element). The functions that
write give a new array and ask for `inplace=False`, since NumPy's functions of these names change their argument.
"""

import math

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import INT64, broadcast_shapes, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.array import as_array, at
from vgrad.numpy.operands import axis_of, operand, refuse_out
from vgrad.numpy.shape import stack
from vgrad.numpy.subscripts import (
    Subscript,
    bounded_integer,
    known_value,
    mode_name,
    read,
    write,
)
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reshape_to
from vgrad.primitives.comparison import clamp, ge, lt, ne, select
from vgrad.primitives.elementwise import add, floor_divide, mul, sub
from vgrad.primitives.indexing import scatter
from vgrad.primitives.reduction import cumsum
from vgrad.primitives.shape import slice_axis

__all__ = [
    "argwhere",
    "at",
    "choose",
    "compress",
    "extract",
    "flatnonzero",
    "ix_",
    "nonzero",
    "place",
    "put",
    "put_along_axis",
    "putmask",
    "ravel_multi_index",
    "take",
    "take_along_axis",
    "unravel_index",
]


# ------------------------------------------------------------------------------------------------ indices and modes


def index_array(indices, name):
    """The indices as an ndarray or, when their values are not known, a tracer. TypeError unless they are integers."""
    indices = operand(indices)
    if type_of(indices).dtype.kind not in "iub" and type_of(indices).size:
        raise TypeError(f"{name}: indices must be integers, got {type_of(indices)}.")
    if type_of(indices).dtype.kind not in "i":
        indices = convert_to(indices, INT64)
    value = known_value(indices)
    return indices if value is None else np.asarray(value)


def remainder(index, length):
    """Python's index % length, of integers."""
    return sub(index, mul(floor_divide(index, length), length))


def adjusted(indices, length, axis, mode):
    """(indices, mode, whether negative ones count from the end) for `read` and `write`, of NumPy's and jax's modes.

    Mode "raise" or None checks known indices; of traced ones those out of bounds are then lost: filled or dropped.
    """
    if mode == "wrap":
        indices = remainder(indices, length) if length or not type_of(indices).size else indices
        return indices if isinstance(indices, Tracer) else np.asarray(indices), None, True
    mode = None if mode == "raise" else mode_name(mode)
    if mode in (None, "promise_in_bounds"):
        bounded_integer(indices, axis, length, True)
    return indices, mode or "fill", mode != "clip"


def all_of(shape, axis, indices):
    """The subscript x[..., indices, ...] with the indices along one axis."""
    entries = [slice(0, length, 1) for length in shape]
    entries[axis] = indices
    return Subscript(tuple(entries), axis, False)


def refuse_inplace(inplace, name):
    if inplace:
        raise ValueError(
            f"{name} cannot modify arrays in place, since arrays in transformed functions are immutable. "
            f"Pass inplace=False to get the updated array instead: x = vgrad.numpy.{name}(x, ..., inplace=False)."
        )


def updated(result):
    return result if isinstance(result, Tracer) else as_array(result)


def flat(value):
    return reshape_to(value, (type_of(value).size,))


# ------------------------------------------------------------------------------------------------------------ reading


def take(
    a,
    indices,
    axis=None,
    out=None,
    mode="raise",
    unique_indices=False,
    indices_are_sorted=False,
    fill_value=None,
):
    """Elements of `a` at integer `indices` along an axis; of the flattened array where axis is None.

    Shapes: a.shape with the axis replaced by indices.shape.
    mode    "raise" (or None): known indices out of bounds raise IndexError, traced ones give `fill_value`
            "fill": `fill_value`, by default NaN, the least integer, the largest unsigned integer, or True
            "clip": the nearest element, the first for negative indices; "wrap": modulo the length
    unique_indices promises that no index occurs twice.
    """
    refuse_out(out, "take")
    a, indices = operand(a), index_array(indices, "take")
    if axis is None:
        a, axis = flat(a), 0
    shape = type_of(a).shape
    axis = axis_of(axis, len(shape), "take")
    indices, mode, wrap = adjusted(indices, shape[axis], axis, mode)
    return read(a, all_of(shape, axis, indices), mode, fill_value, wrap, unique_indices)


def take_along_axis(arr, indices, axis=-1, mode=None, fill_value=None, *, wrap_negative_indices=None):
    """result[i, k] = arr[i, indices[i, k]] along one axis, as argsort and argmax give indices.

    Shapes: indices has the rank of arr; the other axes broadcast. axis=None: arr is flattened, indices has rank 1.
    mode, fill_value as in `take`.
    """
    arr, indices = operand(arr), index_array(indices, "take_along_axis")
    arr, axis, entries = along_axis(arr, indices, axis, "take_along_axis")
    entries[axis], mode, wrap = adjusted(indices, type_of(arr).shape[axis], axis, mode)
    wrap = wrap if wrap_negative_indices is None else wrap_negative_indices
    return read(arr, Subscript(tuple(entries), 0, False), mode, fill_value, wrap)


def along_axis(arr, indices, axis, name):
    """(array, axis, index array per axis): result[i, k, j] is found at [i, indices[i, k, j], j]."""
    if axis is None:
        arr, axis = flat(arr), 0
    shape, rank = type_of(arr).shape, type_of(indices).ndim
    if rank != len(shape):
        raise ShapeError(
            f"{name}: `indices` and `arr` must have the same number of dimensions, got shapes "
            f"{type_of(indices).shape} and {shape}."
        )
    axis = axis_of(axis, rank, name)
    for other, (length, own) in enumerate(zip(shape, type_of(indices).shape)):
        if other != axis and length != own and 1 not in (length, own):
            raise ShapeError(
                f"{name}: indices of shape {type_of(indices).shape} do not broadcast with an array of shape {shape} "
                f"along axis {other}."
            )
    entries = [np.arange(length).reshape((length,) + (1,) * (rank - n - 1)) for n, length in enumerate(shape)]
    return arr, axis, entries


def choose(a, choices, out=None, mode="raise"):
    """result[i] = choices[a[i]][i], with `a` and all choices broadcast together.

    mode    "raise": known values of `a` out of bounds raise IndexError, traced ones give NaN; "clip"; "wrap"
    """
    refuse_out(out, "choose")
    a = index_array(a, "choose")
    if isinstance(choices, (list, tuple)):
        choices = [operand(choice) for choice in choices]
        shape = broadcast_shapes(type_of(a).shape, *[type_of(choice).shape for choice in choices])
        stacked = stack([broadcast_to(choice, shape) for choice in choices])
    else:
        choices = operand(choices)
        count, *rest = type_of(choices).shape
        shape = broadcast_shapes(type_of(a).shape, tuple(rest))
        stacked = reshape_to(choices, (count,) + (1,) * (len(shape) - len(rest)) + tuple(rest))
        stacked = broadcast_to(stacked, (count,) + shape)
    a, mode, wrap = adjusted(a, type_of(stacked).shape[0], 0, mode)
    places = [np.arange(n).reshape((n,) + (1,) * (len(shape) - axis - 1)) for axis, n in enumerate(shape)]
    return read(stacked, Subscript((a, *places), 0, False), mode, None, wrap)


def compress(condition, a, axis=None, *, size=None, fill_value=0, out=None):
    """The slices of `a` along an axis where the condition (of rank 1) holds; of the flattened array with axis=None.

    size    the length of the result, which a traced condition needs: cut off, or filled up with `fill_value`
    """
    refuse_out(out, "compress")
    condition, a = operand(condition), operand(a)
    if type_of(condition).ndim != 1:
        raise ShapeError(f"compress: condition must be a 1-d array, got shape {type_of(condition).shape}.")
    if axis is None:
        a, axis = flat(a), 0
    axis = axis_of(axis, type_of(a).ndim, "compress")
    length = type_of(a).shape[axis]
    if isinstance(condition, Tracer) and known_value(condition) is None:
        condition = slice_axis(condition, 0, 0, min(length, type_of(condition).size))
    if size is None:
        return take(a, required_size(condition, None, "compress")[0], axis)
    (places,) = nonzero(condition, size=size, fill_value=length)
    return take(a, places, axis, mode="fill", fill_value=fill_value)


def extract(condition, arr, *, size=None, fill_value=0):
    """The elements of `arr` where the condition holds, in a row. size, fill_value as in `compress`."""
    return compress(flat(operand(condition)), arr, size=size, fill_value=fill_value)


# ------------------------------------------------------------------------------------------------------------ writing


def put_along_axis(arr, indices, values, axis, inplace=True, *, mode=None):
    """`arr` with arr[i, indices[i, k]] = values[i, k] along one axis, as a new array; needs inplace=False.

    mode    None: known indices out of bounds raise, traced ones are dropped; "drop", "clip"
    """
    refuse_inplace(inplace, "put_along_axis")
    arr, indices, values = operand(arr), index_array(indices, "put_along_axis"), operand(values)
    type_ = type_of(arr)
    arr, axis, entries = along_axis(arr, indices, axis, "put_along_axis")
    entries[axis], mode, wrap = adjusted(indices, type_of(arr).shape[axis], axis, mode)
    values = convert_to(values, type_.dtype)
    result = write(arr, Subscript(tuple(entries), 0, False), values, "set", mode, wrap)
    return updated(reshape_to(result, type_.shape))


def put(a, ind, v, mode="raise", *, inplace=True):
    """`a` with the elements at flat indices `ind` replaced by `v` (repeated as needed); needs inplace=False.

    mode    "raise" (or None): known indices out of bounds raise, traced ones are dropped; "clip"; "wrap"
    """
    refuse_inplace(inplace, "put")
    a, ind, v = operand(a), flat(index_array(ind, "put")), flat(operand(v))
    count, given = type_of(ind).size, type_of(v).size
    if not count or not given:
        return updated(a)
    ind, mode, wrap = adjusted(ind, type_of(a).size, 0, mode)
    values = convert_to(repeated(v, count), type_of(a).dtype)
    result = write(flat(a), Subscript((ind,), 0, False), values, "set", mode, wrap)
    return updated(reshape_to(result, type_of(a).shape))


def repeated(values, count):
    """Values of rank 1, repeated or cut off to this length."""
    given = type_of(values).size
    if given == count:
        return values
    return slice_axis(values, 0, 0, count) if given > count else take(values, np.arange(count) % given, 0)


def place(arr, mask, vals, *, inplace=True):
    """`arr` where the mask is False; where it is True the values in order, repeated as needed; needs inplace=False."""
    refuse_inplace(inplace, "place")
    arr, mask, vals = operand(arr), operand(mask), flat(operand(vals))
    type_ = type_of(arr)
    if type_of(mask).size != type_.size:
        raise ShapeError(
            f"place: argument 'mask' of shape {type_of(mask).shape} must have the size of 'arr', of shape "
            f"{type_.shape}."
        )
    if not type_of(vals).size:
        raise ShapeError("place: cannot insert from an empty array 'vals'.")
    holds = ne(flat(mask), 0)
    numbers = sub(cumsum(convert_to(holds, INT64), axis=0, reverse=False), 1)
    chosen = take(vals, remainder(numbers, type_of(vals).size), 0, mode="clip")
    return updated(reshape_to(select(holds, convert_to(chosen, type_.dtype), flat(arr)), type_.shape))


def putmask(a, mask, values, *, inplace=True):
    """`a` where the mask is False; where it is True the value at the same place, repeated as needed.

    Needs inplace=False, since np.putmask changes its argument.
    """
    refuse_inplace(inplace, "putmask")
    a, mask, values = operand(a), operand(mask), flat(operand(values))
    type_ = type_of(a)
    if type_of(mask).size != type_.size:
        raise ShapeError(
            f"putmask: mask of shape {type_of(mask).shape} and data of shape {type_.shape} must have the same size."
        )
    if not type_of(values).size:
        return updated(a)
    chosen = convert_to(repeated(values, type_.size), type_.dtype)
    return updated(reshape_to(select(ne(flat(mask), 0), chosen, flat(a)), type_.shape))


# ------------------------------------------------------------------------------------------------------------ finding


def required_size(a, size, name):
    """The known value as indices of its nonzero elements, or an error that says to give the size."""
    value = known_value(a)
    if value is None and size is None:
        raise ConcretizationTypeError(
            f"{name} of traced array with shape {type_of(a)}: the size of the result depends on values.",
            f"The size argument of {name} must be given inside transformations: {name}(..., size=n), where n is at "
            "least the number of elements to be found; or write np.where(mask, x, 0).",
        )
    return None if value is None else np.asarray(value).nonzero()


def nonzero(a, *, size=None, fill_value=None):
    """Indices of the nonzero elements, one array per axis.

    size        the length of the result, which a traced array needs: cut off, or filled up
    fill_value  what fills it up, 0 by default; an integer, or one per axis
    """
    a = operand(a)
    type_ = type_of(a)
    if not type_.ndim:
        raise ValueError("nonzero: a 0-d array has no axes to index. Write np.atleast_1d(a).")
    if size is not None and not 0 <= size:
        raise ValueError(f"nonzero: size must not be negative, got {size}.")
    found = required_size(a, size, "nonzero")
    if size is None:
        return tuple(map(as_array, found))
    fills = fill_value if isinstance(fill_value, tuple) else (0 if fill_value is None else fill_value,) * type_.ndim
    if len(fills) != type_.ndim:
        raise ValueError(f"nonzero: fill_value {fill_value} must have one entry per axis of shape {type_.shape}.")
    holds = flat(ne(a, 0))
    ranks = cumsum(convert_to(holds, INT64), axis=0, reverse=False)
    slots = select(holds, sub(ranks, 1), size)  # an element past the size is written out of bounds, and so dropped
    start = np.full(size, -1)
    places = scatter(start, np.arange(type_.size), slots, axes=(0,), kind="set", unique=True)
    filled = ge(places, 0)
    coordinates = split_index(places, type_.shape)
    results = [select(filled, index, np.int64(fill)) for index, fill in zip(coordinates, fills)]
    return tuple([result if isinstance(result, Tracer) else as_array(result) for result in results])


def flatnonzero(a, *, size=None, fill_value=None):
    """Indices of the nonzero elements of the flattened array. size, fill_value as in `nonzero`."""
    return nonzero(flat(operand(a)), size=size, fill_value=fill_value)[0]


def argwhere(a, *, size=None, fill_value=None):
    """Indices of the nonzero elements as rows (N, a.ndim). size, fill_value as in `nonzero`."""
    a = operand(a)
    if not type_of(a).ndim:
        (found,) = nonzero(flat(a), size=size)
        return as_array(np.zeros((type_of(found).size, 0), INT64))
    return stack(nonzero(a, size=size, fill_value=fill_value), axis=-1)


def split_index(numbers, shape):
    """Coordinates of positions in the flattened array."""
    coordinates = []
    for length in reversed(shape):
        coordinates.insert(0, remainder(numbers, length) if length else numbers)
        numbers = floor_divide(numbers, length) if length else numbers
    return coordinates


def unravel_index(indices, shape, order="C"):
    """Coordinates of positions in the flattened array, one array per axis.

    Known positions out of bounds raise ValueError, traced ones are clamped; negative ones count from the end.
    """
    shape = (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))
    numbers, size = index_array(indices, "unravel_index"), math.prod(shape)
    if not isinstance(numbers, Tracer) and not np.all((numbers >= -size) & (numbers < size)):
        wrong = numbers[(numbers < -size) | (numbers >= size)].flat[0]
        raise ValueError(f"index {wrong} is out of bounds for array with size {size}")
    numbers = clamp(0, select(lt(numbers, 0), add(numbers, size), numbers), max(size - 1, 0))
    if order == "F":
        return tuple(split_index(numbers, shape[::-1])[::-1])
    return tuple(split_index(numbers, shape))


def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    """Positions in the flattened array of shape `dims` of coordinates, one array per axis.

    mode    "raise": known coordinates out of bounds raise ValueError; "clip"; "wrap"; or one of these per axis
    """
    dims = (int(dims),) if np.ndim(dims) == 0 else tuple(map(int, dims))
    indices = [index_array(index, "ravel_multi_index") for index in multi_index]
    modes = (mode,) * len(dims) if isinstance(mode, str) else tuple(mode)
    if len(indices) != len(dims) or len(modes) != len(dims):
        raise ValueError(f"ravel_multi_index: {len(indices)} index arrays and {len(modes)} modes for dims {dims}.")
    numbers = 0
    axes = range(len(dims)) if order == "C" else reversed(range(len(dims)))
    for axis in axes:
        index, length = indices[axis], dims[axis]
        if modes[axis] == "clip":
            index = clamp(0, index, max(length - 1, 0))
        elif modes[axis] == "wrap":
            index = remainder(index, length)
        elif modes[axis] != "raise":
            raise ValueError(f"ravel_multi_index: mode must be 'raise', 'clip' or 'wrap', got {modes[axis]!r}.")
        elif not isinstance(index, Tracer) and not np.all((index >= 0) & (index < length)):
            raise ValueError("invalid entry in coordinates array")
        numbers = add(mul(numbers, length), index)
    return numbers


def ix_(*args):
    """Arrays of rank 1 as an open mesh: x[ix_(rows, columns)] is the part of x with these rows and columns."""
    meshes = []
    for position, arg in enumerate(args):
        arg = operand(arg)
        type_ = type_of(arg)
        if type_.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if type_.dtype.kind == "b":
            (arg,) = nonzero(arg)
        elif not type_.size:
            arg = convert_to(arg, INT64)
        mesh = reshape_to(arg, (1,) * position + (type_of(arg).size,) + (1,) * (len(args) - position - 1))
        meshes.append(mesh if isinstance(mesh, Tracer) else as_array(mesh))
    return tuple(meshes)
