"""sort, argsort of one or several keys, first_equal, and searchsorted.

Relies on indexing. Equal elements keep their order, and so do their derivatives; NaNs come last.
"""

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive, host, no_tangent, refuse
from vgrad.core.types import INT32, INT64, ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast, move_axis
from vgrad.primitives.elementwise import sub
from vgrad.primitives.indexing import gather
from vgrad.primitives.shape import reverse


def take_along(value, indices, axis, unique=False):
    """value[..., indices[...], ...] along one axis; the others are equal. `unique`: no index comes twice."""
    shape = type_of(indices).shape
    places = []
    for place, length in enumerate(shape):
        spread = (1,) * place + (length,) + (1,) * (len(shape) - place - 1)
        places.append(indices if place == axis else np.arange(length).reshape(spread))
    return gather(value, *places, axes=tuple(range(len(shape))), unique=unique)


# -------------------------------------------------------------------------------------------------------------- sort


def sort_type(operand, *, axis):
    if not 0 <= axis < operand.ndim:
        raise ShapeError(f"sort: axis {axis} of an array of shape {operand.shape} is out of range.")
    return operand.strong()


def sort_batch(operands, mapped_axes, *, axis):
    (operand,), (mapped,) = operands, mapped_axes
    return sort(operand, axis=axis + (axis >= mapped)), mapped


sort = Primitive(
    "sort",
    output_type=sort_type,
    evaluate=lambda operand, *, axis: np.sort(operand, axis=axis),
    jvp=lambda output, operands, tangents, *, axis: take_along(
        tangents[0], argsort(operands[0], axis=axis), axis, unique=True
    ),
    transpose=refuse("sort is not linear in its operand"),
    batch=sort_batch,
    lower=host("NumPy's sort"),
)


# ----------------------------------------------------------------------------------------------------------- argsort


def argsort_type(*keys, axis):
    for key in keys:
        if key.shape != keys[0].shape:
            raise ShapeError(f"argsort: keys must have one shape, got {', '.join(str(key.shape) for key in keys)}.")
    return ArrayType(sort_type(keys[0], axis=axis).shape, INT64)


def argsort_evaluate(*keys, axis):
    if len(keys) == 1:
        return np.argsort(keys[0], axis=axis, kind="stable")
    return np.lexsort(keys[::-1], axis=axis)


def argsort_batch(keys, mapped_axes, *, axis):
    size = next(type_of(key).shape[mapped] for key, mapped in zip(keys, mapped_axes) if mapped is not None)
    moved = []
    for key, mapped in zip(keys, mapped_axes):
        shape = type_of(key).shape
        moved.append(
            broadcast(key, shape=(size,) + shape, axes=tuple(range(1, len(shape) + 1)))
            if mapped is None
            else move_axis(key, mapped, 0)
        )
    return argsort(*moved, axis=axis + 1), 0


# The order (int64) that sorts the keys along an axis, the first key being the most significant; stable.
argsort = Primitive(
    "argsort",
    output_type=argsort_type,
    evaluate=argsort_evaluate,
    jvp=no_tangent,
    transpose=refuse("argsort is discrete"),
    batch=argsort_batch,
    lower=host("NumPy's sort"),
)


def descending_order(value, axis):
    """The order that sorts the value along an axis from large to small: NaNs first, equal elements in their order."""
    order = argsort(reverse(value, axes=(axis,)), axis=axis)
    return reverse(sub(type_of(value).shape[axis] - 1, order), axes=(axis,))


# ------------------------------------------------------------------------------------------------------- first_equal


def first_equal_type(operand, *, axis):
    return ArrayType(sort_type(operand, axis=axis).shape, INT32)


def first_equal_evaluate(operand, *, axis):
    operand = np.moveaxis(np.asarray(operand), axis, -1)
    order = np.argsort(operand, axis=-1, kind="stable")
    ordered = np.take_along_axis(operand, order, axis=-1)
    begins = np.ones(operand.shape, bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    start = np.maximum.accumulate(np.where(begins, np.arange(operand.shape[-1]), 0), axis=-1)
    result = np.empty(operand.shape, np.int32)
    np.put_along_axis(result, order, np.take_along_axis(order, start, axis=-1), axis=-1)
    return np.moveaxis(result, -1, axis)


def first_equal_batch(operands, mapped_axes, *, axis):
    (operand,), (mapped,) = operands, mapped_axes
    return first_equal(operand, axis=axis + (axis >= mapped)), mapped


# first_equal(x, axis): for every element the position (int32) of the first element along the axis that equals it.
first_equal = Primitive(
    "first_equal",
    output_type=first_equal_type,
    evaluate=first_equal_evaluate,
    jvp=no_tangent,
    transpose=refuse("first_equal is discrete"),
    batch=first_equal_batch,
    lower=STRUCTURAL,
)


# ------------------------------------------------------------------------------------------------------ searchsorted


def searchsorted_type(sorted_values, values, *, side, batch=0):
    fits = sorted_values.ndim == batch + 1 and sorted_values.shape[:batch] == values.shape[:batch]
    if not fits:
        raise ShapeError(
            f"searchsorted: sorted values must have one axis, got shape {sorted_values.shape[batch:]} "
            f"to search for values of shape {values.shape[batch:]}."
        )
    return ArrayType(values.shape, INT64)


def searchsorted_evaluate(sorted_values, values, *, side, batch=0):
    if not batch:
        return np.searchsorted(sorted_values, values, side=side)
    places = np.empty(values.shape, np.int64)
    for example in np.ndindex(values.shape[:batch]):
        places[example] = np.searchsorted(sorted_values[example], values[example], side=side)
    return places


def searchsorted_batch(operands, mapped_axes, *, side, batch=0):
    (sorted_values, values), (mapped, values_mapped) = operands, mapped_axes
    if mapped is None and not batch:
        return searchsorted(sorted_values, values, side=side), values_mapped
    size = type_of(values).shape[values_mapped] if mapped is None else type_of(sorted_values).shape[mapped]
    operands = []
    for value, axis in ((sorted_values, mapped), (values, values_mapped)):
        shape = type_of(value).shape
        if axis is None:
            value = broadcast(value, shape=(size,) + shape, axes=tuple(range(1, len(shape) + 1)))
        else:
            value = move_axis(value, axis, 0)
        operands.append(value)
    return searchsorted(*operands, side=side, batch=batch + 1), 0


# Where each value would be inserted to keep the sorted values (one axis) sorted: before equal ones for side "left",
# behind them for "right". With `batch` leading axes that both operands share, one search for each.
searchsorted = Primitive(
    "searchsorted",
    output_type=searchsorted_type,
    evaluate=searchsorted_evaluate,
    jvp=no_tangent,
    transpose=refuse("searchsorted is discrete"),
    batch=searchsorted_batch,
    lower=host("NumPy's binary search"),
)
