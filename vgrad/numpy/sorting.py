"""Sorting, partitioning, and searching in sorted arrays.

Relies on primitives and numpy.operands. Sorts are stable and put NaNs last; equal elements keep their order, also the
derivatives that go with them.
"""

import numpy as np

from vgrad.core.types import INT64, promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axis_of, operand
from vgrad.primitives import sorting
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.indexing import gather
from vgrad.primitives.shape import concatenate, reverse, slice_axis

__all__ = [
    "argpartition",
    "argsort",
    "lexsort",
    "partition",
    "searchsorted",
    "sort",
    "sort_complex",
    "top_k",
]


def along_axis(a, axis, name):
    """(the array, its axis as a nonnegative int): the flat array for axis=None."""
    a = operand(a, name)
    if axis is None:
        return reshape_to(a, (type_of(a).size,)), 0
    return a, axis_of(axis, type_of(a).ndim, name)


def check_order(order, name):
    if order is not None:
        raise ValueError(f"{name}: order= is for structured arrays, which cannot be traced.")


def sort(a, axis=-1, kind=None, order=None, *, stable=True, descending=False):
    """The elements in order along the axis (of the flat array for axis=None); `kind` and `stable` change nothing."""
    check_order(order, "sort")
    a, axis = along_axis(a, axis, "sort")
    result = sorting.sort(a, axis=axis)
    return reverse(result, axes=(axis,)) if descending else result


def argsort(a, axis=-1, kind=None, order=None, *, stable=True, descending=False):
    """Positions (int64) that sort the array along the axis; equal elements keep their order, NaNs come last (first if
    descending).
    """
    check_order(order, "argsort")
    a, axis = along_axis(a, axis, "argsort")
    return sorting.descending_order(a, axis) if descending else sorting.argsort(a, axis=axis)


def lexsort(keys, axis=-1):
    """Positions (int64) that sort by several keys, the last one being the most significant."""
    if isinstance(keys, (list, tuple)):
        keys = [operand(key, "lexsort") for key in keys]
    else:
        keys = operand(keys, "lexsort")
        shape = type_of(keys).shape
        keys = [reshape_to(slice_axis(keys, 0, place, place + 1), shape[1:]) for place in range(shape[0])]
    if not keys:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    if type_of(keys[0]).ndim == 0:
        return np.zeros((), np.int64)
    axis = axis_of(axis, type_of(keys[0]).ndim, "lexsort")
    return sorting.argsort(*keys[::-1], axis=axis)


def sort_complex(a):
    """The flat array sorted along its last axis, real parts first, as complex numbers."""
    a = operand(a, "sort_complex")
    dtype = type_of(a).dtype
    if dtype.kind != "c":
        dtype = np.dtype(np.complex64 if dtype.kind in "iu" and dtype.itemsize <= 2 else np.complex128)
    return convert_to(sort(a), dtype)


def partition(a, kth, axis=-1, kind="introselect", order=None):
    """The elements so that the kth is where sorting would put it, no larger ones before it, no smaller ones behind it.

    As in jax, those up to the kth increase and those behind it decrease (NumPy leaves the order open). For a sequence
    of kth all are sorted.
    """
    check_order(order, "partition")
    a, axis = along_axis(a, axis, "partition")
    result = sorting.sort(a, axis=axis)
    length = type_of(a).shape[axis]
    kth = check_kth(kth, length, "partition")
    if len(kth) != 1:
        return result
    return concatenate(
        slice_axis(result, axis, 0, kth[0] + 1),
        reverse(slice_axis(result, axis, kth[0] + 1, length), axes=(axis,)),
        axis=axis,
    )


def argpartition(a, kth, axis=-1, kind="introselect", order=None):
    """Positions (int64) that partition the array as `partition` does; those behind the kth are in their first order."""
    check_order(order, "argpartition")
    a, axis = along_axis(a, axis, "argpartition")
    result = sorting.argsort(a, axis=axis)
    length = type_of(a).shape[axis]
    kth = check_kth(kth, length, "argpartition")
    if len(kth) != 1:
        return result
    rest = sorting.sort(slice_axis(result, axis, kth[0] + 1, length), axis=axis)
    return concatenate(slice_axis(result, axis, 0, kth[0] + 1), rest, axis=axis)


def check_kth(kth, length, name):
    kth = [int(place) for place in np.atleast_1d(kth)]
    for place in kth:
        if not -length <= place < length:
            raise ValueError(f"{name}: kth(={place}) out of bounds ({length})")
    return [place % length for place in kth]


def searchsorted(a, v, side="left", sorter=None, *, method=None):
    """Positions (int64) where the values `v` would be inserted into the sorted array `a` to keep it sorted.

    side    "left": before equal elements, "right": behind them
    sorter  positions that sort `a`, if it is not sorted
    `method` is accepted and ignored.
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}.")
    a, v = operand(a, "searchsorted"), operand(v, "searchsorted")
    if type_of(a).ndim != 1:
        raise ShapeError(f"searchsorted: the sorted array must have one axis, got shape {type_of(a).shape}.")
    dtype, _ = promote(type_of(a), type_of(v))
    a, v = convert_to(a, dtype), convert_to(v, dtype)
    if sorter is not None:
        sorter = operand(sorter, "sorter")
        if type_of(sorter).shape != type_of(a).shape:
            raise ShapeError(
                f"searchsorted: sorter of shape {type_of(sorter).shape} does not fit an array of shape "
                f"{type_of(a).shape}."
            )
        a = gather(a, convert_to(sorter, INT64), axes=(0,))
    return sorting.searchsorted(a, v, side=side)


def top_k(x, k, /, *, axis=-1, mode="largest", sorted=True):
    """(the k largest elements along the axis, largest first, their positions); of equal ones the first comes first.

    mode    "largest" or "smallest"
    """
    if mode not in ("largest", "smallest"):
        raise ValueError(f"top_k: mode must be 'largest' or 'smallest', got {mode!r}.")
    x = operand(x, "top_k")
    axis = axis_of(axis, type_of(x).ndim, "top_k")
    return first_in_order(x, k, axis, mode == "largest")


def first_in_order(x, k, axis, descending):
    length = type_of(x).shape[axis]
    if not 0 <= k <= length:
        raise ShapeError(f"top_k: k={k} must lie between 0 and {length}, the size of axis {axis}.")
    order = sorting.descending_order(x, axis) if descending else sorting.argsort(x, axis=axis)
    places = slice_axis(order, axis, 0, k)
    return sorting.take_along(x, places, axis, unique=True), places
