"""Sets of array elements: unique, union, intersection, difference, membership.

Relies on primitives and numpy.indexing. How many elements a set has depends on values: where these are traced, give
`size`, which the result is cut off or filled up to with `fill_value` (by default the first element of the set).
"""

from typing import NamedTuple

import numpy as np

from vgrad.core.types import INT64, promote, type_of
from vgrad.errors import ConcretizationTypeError
from vgrad.numpy.indexing import nonzero
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.subscripts import known_value
from vgrad.primitives.broadcasting import convert_to, move_axis, reduce_sum, reshape_to
from vgrad.primitives.comparison import (
    eq,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    minimum,
    ne,
    select,
)
from vgrad.primitives.elementwise import sub
from vgrad.primitives.indexing import gather, scatter
from vgrad.primitives.reduction import cumsum, reduce_or
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.primitives.sorting import argsort, searchsorted

__all__ = [
    "in1d",
    "intersect1d",
    "isin",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


# ------------------------------------------------------------------------------------------------ sorted and chosen


def flat(value, name):
    value = operand(value, name)
    return reshape_to(value, (type_of(value).size,))


def flat_pair(first, second, name):
    """Both flat and of their common dtype."""
    first, second = flat(first, name), flat(second, name)
    dtype, _ = promote(type_of(first), type_of(second))
    return convert_to(first, dtype), convert_to(second, dtype)


def differs_from_previous(rows, equal_nan=True):
    """For sorted rows (along axis 0): whether each differs from the one before it; True for the first."""
    length, *rest = type_of(rows).shape
    if length == 0:
        return np.zeros(0, np.bool_)
    before, after = slice_axis(rows, 0, 0, length - 1), slice_axis(rows, 0, 1, length)
    differs = ne(before, after)
    if equal_nan and type_of(rows).dtype.kind in "fc":
        differs = logical_and(differs, logical_not(logical_and(isnan(before), isnan(after))))
    if rest:
        differs = reduce_or(differs, axes=tuple(range(1, len(rest) + 1)))
    return concatenate(np.ones(1, np.bool_), differs, axis=0)


def static_size(mask, size, name):
    """How many elements the result has: the size asked for, or how many the mask has."""
    if size is not None:
        return int(size)
    known = known_value(mask)
    if known is None:
        raise ConcretizationTypeError(
            f"{name}: the size of the result depends on the values of a traced array.",
            f"Give it: {name}(..., size=n), and fill_value= for what fills it up.",
        )
    return int(np.count_nonzero(known))


def chosen(values, mask, size, fill_value, name):
    """(rows of `values` where the mask holds, cut off or filled up to the size; their places; how many they are)."""
    size = static_size(mask, size, name)
    length, *rest = type_of(values).shape
    dtype = type_of(values).dtype
    if length == 0:
        if size and fill_value is None:
            raise ValueError(f"{name}: an empty set cannot fill size={size} without fill_value.")
        filled = np.full((size, *rest), 0 if fill_value is None else fill_value, dtype)
        return filled, np.zeros(size, np.int64), 0
    (places,) = nonzero(mask, size=size, fill_value=0)
    count = reduce_sum(convert_to(mask, INT64), axes=(0,))
    rows = gather(values, places, axes=(0,))
    if size == 0:
        return rows, places, count
    fill = slice_axis(rows, 0, 0, 1) if fill_value is None else convert_to(operand(fill_value, "fill_value"), dtype)
    if fill_value is None:  # of an empty set 0
        fill = select(eq(count, 0), dtype.type(0), fill)
    real = reshape_to(lt(np.arange(size), count), (size,) + (1,) * len(rest))
    return select(real, rows, fill), places, count


# ------------------------------------------------------------------------------------------------------------- unique


def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, size=None,
           fill_value=None, sorted=True):  # fmt: skip
    """The elements in order, each once; or the slices along `axis`.

    return_index    also where each first stands in `ar`
    return_inverse  also, for every element of `ar`, which one of the result it is
    return_counts   also how often each stands in `ar`; 0 for what fills the result up
    """
    ar = operand(ar, "unique")
    shape = type_of(ar).shape
    if axis is None:
        rows = keys = flat(ar, "unique")
        order = argsort(keys, axis=0)
    else:
        axis = axis_of(axis, len(shape), "unique")
        rows = move_axis(ar, axis, 0)
        length, width = shape[axis], type_of(ar).size // shape[axis] if shape[axis] else 0
        columns = reshape_to(rows, (length, width))
        keys = [reshape_to(slice_axis(columns, 1, place, place + 1), (length,)) for place in range(width)]
        order = argsort(*keys, axis=0) if keys else np.arange(length)
    ordered = gather(rows, order, axes=(0,), unique=True)
    first = differs_from_previous(ordered, equal_nan)
    values, places, count = chosen(ordered, first, size, fill_value, "unique")
    results = [values if axis is None else move_axis(values, 0, axis)]
    length, number = type_of(order).shape[0], type_of(places).shape[0]
    real = lt(np.arange(number), count)
    if return_index:
        index = gather(order, places, axes=(0,)) if length else places
        results.append(index)
    if return_inverse:
        group = sub(cumsum(convert_to(first, INT64), axis=0, reverse=False), 1)
        inverse = scatter(np.zeros(length, np.int64), group, order, axes=(0,), kind="set", unique=True)
        results.append(reshape_to(inverse, shape) if axis is None else inverse)
    if return_counts:
        # groups end where the next one starts; the one after the last is found by asking for one more
        (ends,) = nonzero(first, size=number + 1, fill_value=length)
        ends = slice_axis(ends, 0, 1, number + 1)
        results.append(select(real, sub(ends, places), 0))
    return tuple(results) if len(results) > 1 else results[0]


class UniqueAllResult(NamedTuple):
    values: np.ndarray
    indices: np.ndarray
    inverse_indices: np.ndarray
    counts: np.ndarray


class UniqueCountsResult(NamedTuple):
    values: np.ndarray
    counts: np.ndarray


class UniqueInverseResult(NamedTuple):
    values: np.ndarray
    inverse_indices: np.ndarray


def unique_all(x, /, *, size=None, fill_value=None):
    """(values, indices, inverse_indices, counts) of the elements in order, each once; every NaN counts by itself."""
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


def unique_counts(x, /, *, size=None, fill_value=None):
    """(values, counts) of the elements in order, each once; every NaN counts by itself."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_inverse(x, /, *, size=None, fill_value=None):
    """(values, inverse_indices) of the elements in order, each once; every NaN counts by itself."""
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_values(x, /, *, size=None, fill_value=None):
    """The elements in order, each once; every NaN counts by itself."""
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# --------------------------------------------------------------------------------------------------------- membership


def contained(values, tests):
    """Whether each value (any shape) is one of the tests (one axis)."""
    count = type_of(tests).shape[0]
    if count == 0:
        return np.zeros(type_of(values).shape, np.bool_)
    ordered = gather(tests, argsort(tests, axis=0), axes=(0,))
    places = minimum(searchsorted(ordered, values, side="left"), count - 1)
    return eq(gather(ordered, places, axes=(0,)), values)


def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None, method=None):
    """Whether each element is one of the test elements (or, with invert=True, is none); NaN is not.

    assume_unique, kind and method are accepted and ignored.
    """
    element, tests = operand(element, "isin"), flat(test_elements, "isin")
    dtype, _ = promote(type_of(element), type_of(tests))
    found = contained(convert_to(element, dtype), convert_to(tests, dtype))
    return logical_not(found) if invert else found


def in1d(ar1, ar2, assume_unique=False, invert=False, *, kind=None):
    """isin of the flat array."""
    return isin(flat(ar1, "in1d"), ar2, assume_unique, invert)


# -------------------------------------------------------------------------------------------------- sets of two arrays


def sorted_values(value):
    order = argsort(value, axis=0)
    return gather(value, order, axes=(0,), unique=True), order


def union1d(ar1, ar2, *, size=None, fill_value=None):
    """The elements of either array in order, each once."""
    first, second = flat_pair(ar1, ar2, "union1d")
    values, _ = sorted_values(concatenate(first, second, axis=0))
    return chosen(values, differs_from_previous(values), size, fill_value, "union1d")[0]


def intersect1d(ar1, ar2, assume_unique=False, return_indices=False, *, size=None, fill_value=None):
    """The elements of both arrays in order, each once; with return_indices also where they first stand in each."""
    first, second = flat_pair(ar1, ar2, "intersect1d")
    values, order = sorted_values(first)
    mask = logical_and(differs_from_previous(values), contained(values, second))
    result, places, count = chosen(values, mask, size, fill_value, "intersect1d")
    if not return_indices:
        return result
    lengths = type_of(first).shape[0], type_of(second).shape[0]
    if 0 in lengths:
        return result, np.full(type_of(places).shape, lengths[0]), np.full(type_of(places).shape, lengths[1])
    other, other_order = sorted_values(second)
    found = minimum(searchsorted(other, gather(values, places, axes=(0,)), side="left"), lengths[1] - 1)
    real = lt(np.arange(type_of(places).shape[0]), count)
    return (
        result,
        select(real, gather(order, places, axes=(0,)), lengths[0]),
        select(real, gather(other_order, found, axes=(0,)), lengths[1]),
    )


def setdiff1d(ar1, ar2, assume_unique=False, *, size=None, fill_value=None):
    """The elements of the first array that the second does not have, in order, each once; filled up with 0.

    assume_unique   the first array's elements are taken as they come, in their order
    """
    values = flat(ar1, "setdiff1d")
    fill_value = 0 if fill_value is None else fill_value
    if not assume_unique:
        values, _ = sorted_values(values)
    mask = isin(values, ar2, invert=True)
    if not assume_unique:
        mask = logical_and(differs_from_previous(values), mask)
    return chosen(values, mask, size, fill_value, "setdiff1d")[0]


def setxor1d(ar1, ar2, assume_unique=False, *, size=None, fill_value=None):
    """The elements of one array but not of both, in order, each once."""
    first, second = flat_pair(ar1, ar2, "setxor1d")
    values, _ = sorted_values(concatenate(first, second, axis=0))
    one = logical_xor(contained(values, first), contained(values, second))
    if type_of(values).dtype.kind in "fc":
        one = logical_or(one, isnan(values))
    mask = logical_and(differs_from_previous(values, equal_nan=False), one)
    return chosen(values, mask, size, fill_value, "setxor1d")[0]
