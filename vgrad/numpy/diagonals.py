"""Diagonals and triangles: diag, tril, triu, and the indices of their elements.

Relies on creation, shape. Indices depend on shapes alone: they are known arrays, also of traced arrays.
"""

import numpy as np

from vgrad.core.types import default_float, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.array import as_array
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.shape import moveaxis, ravel, resize
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.comparison import select
from vgrad.primitives.indexing import scatter
from vgrad.primitives.shape import pad, slice_axis

__all__ = [
    "diag",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "diagonal",
    "fill_diagonal",
    "mask_indices",
    "tri",
    "tril",
    "tril_indices",
    "tril_indices_from",
    "triu",
    "triu_indices",
    "triu_indices_from",
]


def diagonal(a, offset=0, axis1=0, axis2=1):
    """The elements a[..., i, i + offset] of the two axes, along a last axis."""
    a = operand(a, "diagonal: argument")
    rank = type_of(a).ndim
    if rank < 2:
        raise ShapeError(f"diagonal: an array of at least two axes is needed, got shape {type_of(a).shape}.")
    axis1, axis2 = axis_of(axis1, rank, "diagonal"), axis_of(axis2, rank, "diagonal")
    if axis1 == axis2:
        raise ValueError(f"diagonal: axis1 and axis2 must differ, both are {axis1}.")
    a = moveaxis(a, (axis1, axis2), (-2, -1))
    *others, rows, columns = type_of(a).shape
    row, column = min(max(-offset, 0), rows), min(max(offset, 0), columns)
    length = min(rows - row, columns - column)
    a = slice_axis(slice_axis(a, rank - 2, row, row + length), rank - 1, column, column + length)
    a = reshape_to(a, (*others, length * length))  # where the diagonal is every (length + 1)-th element
    return slice_axis(a, rank - 2, 0, length * length, length + 1)


def diag(v, k=0):
    """The k-th diagonal of a matrix; or the matrix that has the vector `v` there and zeros elsewhere."""
    v = operand(v, "diag: argument")
    rank = type_of(v).ndim
    if rank == 2:
        return diagonal(v, k)
    if rank != 1:
        raise ShapeError(f"diag: a vector or a matrix is needed, got shape {type_of(v).shape}.")
    length = type_of(v).size
    zero = type_of(v).dtype.type(0)
    if length:
        v = pad(v, zero, widths=((0, 0, length),))  # every (length + 1)-th element of the flattened square
    square = reshape_to(v, (length, length))
    below, beside = max(-k, 0), max(k, 0)
    return pad(square, zero, widths=((below, beside, 0), (beside, below, 0))) if k else square


def diagflat(v, k=0):
    """The matrix with all elements of `v` on its k-th diagonal, zeros elsewhere."""
    return diag(ravel(v), k)


def fill_diagonal(a, val, wrap=False, *, inplace=True):
    """`a` with its diagonal set to `val` (repeated if too short). With wrap=True it starts anew below a tall matrix.

    Errors: NotImplementedError unless inplace=False, since values here never change.
    """
    if inplace:
        raise NotImplementedError(
            "fill_diagonal: arrays are immutable. Write a = fill_diagonal(a, value, inplace=False)."
        )
    a, val = operand(a, "fill_diagonal: argument"), operand(val, "fill_diagonal: value")
    lengths = type_of(a).shape
    if len(lengths) < 2 or (len(lengths) > 2 and len(set(lengths)) > 1):
        raise ShapeError(
            f"fill_diagonal: a matrix, or an array with axes of one length, is needed, got shape {lengths}."
        )
    places = np.zeros(lengths, np.bool_)
    np.fill_diagonal(places, True, wrap=wrap)
    (places,) = np.nonzero(places.reshape(-1))
    values = resize(val, len(places)) if type_of(val).size else np.zeros(0)
    values = convert_to(values, type_of(a).dtype)
    return reshape_to(scatter(ravel(a), values, places, axes=(0,), kind="set", unique=True), lengths)


def tri(N, M=None, k=0, dtype=None):
    """Ones on the k-th diagonal and below, zeros elsewhere."""
    return as_array(np.tri(N, M, k, default_float() if dtype is None else asked_dtype(dtype)))


def triangle(m, k, name, lower):
    m = operand(m, f"{name}: argument")
    type_ = type_of(m)
    if type_.ndim < 1:
        raise ShapeError(f"{name}: an array of at least two axes is needed, got shape {type_.shape}.")
    mask = np.tri(*type_.shape[-2:], k=k if lower else k - 1, dtype=np.bool_)
    mask, zero = mask if lower else ~mask, type_.dtype.type(0)
    return select(mask, m, zero)


def tril(m, k=0):
    """The k-th diagonal of the last two axes and what is below it; zeros above."""
    return triangle(m, k, "tril", lower=True)


def triu(m, k=0):
    """The k-th diagonal of the last two axes and what is above it; zeros below."""
    return triangle(m, k, "triu", lower=False)


# ---------------------------------------------------------------------------------------------------------- indices


def as_arrays(indices):
    return tuple([as_array(index) for index in indices])


def tril_indices(n, k=0, m=None):
    """(rows, columns) of the elements of an n x m matrix on its k-th diagonal and below."""
    return as_arrays(np.tril_indices(n, k, m))


def triu_indices(n, k=0, m=None):
    """(rows, columns) of the elements of an n x m matrix on its k-th diagonal and above."""
    return as_arrays(np.triu_indices(n, k, m))


def matrix_shape(value, name):
    lengths = type_of(operand(value, f"{name}: argument")).shape
    if len(lengths) != 2:
        raise ShapeError(f"{name}: a matrix is needed, got shape {lengths}.")
    return lengths


def tril_indices_from(arr, k=0):
    """tril_indices for a matrix of the shape of `arr`."""
    rows, columns = matrix_shape(arr, "tril_indices_from")
    return tril_indices(rows, k, columns)


def triu_indices_from(arr, k=0):
    """triu_indices for a matrix of the shape of `arr`."""
    rows, columns = matrix_shape(arr, "triu_indices_from")
    return triu_indices(rows, k, columns)


def diag_indices(n, ndim=2):
    """The index arrays, one for each axis, of the diagonal of an array with `ndim` axes of length n."""
    return as_arrays(np.diag_indices(n, ndim))


def diag_indices_from(arr):
    """diag_indices for an array of the shape of `arr`."""
    lengths = type_of(operand(arr, "diag_indices_from: argument")).shape
    if len(lengths) < 2 or len(set(lengths)) > 1:
        raise ShapeError(f"diag_indices_from: at least two axes, all of one length, are needed, got shape {lengths}.")
    return diag_indices(lengths[0], len(lengths))


def mask_indices(n, mask_func, k=0):
    """(rows, columns) where mask_func(ones((n, n)), k), such as triu, is not zero."""
    return as_arrays(np.nonzero(mask_func(np.ones((n, n), np.int64), k)))
