"""Shapes and dtypes with `jax.lax`'s names and signatures: explicit, where vgrad.numpy has conveniences.

Relies on numpy.creation, numpy.shape and primitives.
"""

import operator

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy import creation
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.operands import axis_of
from vgrad.numpy.operands import operand as as_operand
from vgrad.numpy.shape import broadcast_shapes, expand_dims, flip, stack, static_shape, tile, unstack
from vgrad.numpy.shape import concatenate as join
from vgrad.numpy.shape import reshape as reshape_array
from vgrad.numpy.shape import squeeze as squeeze_array
from vgrad.numpy.shape import transpose as transpose_array
from vgrad.primitives.broadcasting import broadcast as broadcast_primitive
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reshape_to
from vgrad.primitives.shape import bitcast, slice_axis
from vgrad.primitives.shape import pad as pad_primitive

__all__ = [
    "bitcast_convert_type",
    "broadcast",
    "broadcast_in_dim",
    "broadcast_shapes",
    "broadcast_to_rank",
    "broadcasted_iota",
    "collapse",
    "concatenate",
    "convert_element_type",
    "expand_dims",
    "full",
    "full_like",
    "iota",
    "pad",
    "reshape",
    "rev",
    "split",
    "squeeze",
    "stack",
    "tile",
    "transpose",
    "unstack",
]


def reshape(operand, new_sizes, dimensions=None, *, out_sharding=None):
    """The elements in a new shape; `dimensions` permutes the axes first."""
    return reshape_array(operand if dimensions is None else transpose_array(operand, dimensions), new_sizes)


def broadcast(operand, sizes, *, out_sharding=None):
    """New leading axes of these lengths."""
    operand = as_operand(operand, "broadcast")
    return broadcast_to(operand, static_shape(sizes) + type_of(operand).shape)


def broadcast_in_dim(operand, shape, broadcast_dimensions, *, out_sharding=None):
    """The array in a larger shape: its axis i is axis broadcast_dimensions[i] of the result."""
    operand = as_operand(operand, "broadcast_in_dim")
    return broadcast_primitive(operand, shape=static_shape(shape), axes=static_shape(broadcast_dimensions))


def broadcast_to_rank(x, rank):
    """New leading axes of length 1, up to `rank` axes."""
    x = as_operand(x, "broadcast_to_rank")
    lengths = type_of(x).shape
    if rank < len(lengths):
        raise ShapeError(f"broadcast_to_rank: an array of shape {lengths} has more than {rank} axes.")
    return reshape_to(x, (1,) * (rank - len(lengths)) + lengths)


def squeeze(array, dimensions):
    """Without the given axes, which have length 1."""
    return squeeze_array(array, tuple(dimensions) if np.ndim(dimensions) else dimensions)


def transpose(operand, permutation):
    """Axes in the order `permutation`."""
    return transpose_array(operand, tuple(permutation))


def concatenate(operands, dimension):
    """Arrays one after the other along an existing axis."""
    return join(operands, axis=dimension)


def pad(operand, padding_value, padding_config):
    """Elements added along each axis: (low, high, interior) before, after and between; negative low, high cut off."""
    operand = as_operand(operand, "pad")
    widths = tuple([tuple([operator.index(width) for width in widths]) for widths in padding_config])
    return pad_primitive(operand, convert_to(as_operand(padding_value, "pad"), type_of(operand).dtype), widths=widths)


def rev(operand, dimensions):
    """Elements in reverse order along the axes."""
    return flip(operand, tuple(dimensions))


def collapse(operand, start_dimension, stop_dimension=None):
    """The axes from start to before stop as one axis."""
    operand = as_operand(operand, "collapse")
    lengths = type_of(operand).shape
    start, stop, _ = slice(start_dimension, stop_dimension).indices(len(lengths))
    return reshape_array(operand, lengths[:start] + (int(np.prod(lengths[start:stop])),) + lengths[stop:])


def split(operand, sizes, axis=0):
    """A list of pieces of these lengths along an axis."""
    operand = as_operand(operand, "split")
    axis = axis_of(axis, type_of(operand).ndim, "split")
    ends = np.cumsum(static_shape(sizes), dtype=int).tolist()
    if (ends[-1] if ends else 0) != type_of(operand).shape[axis] or any([length < 0 for length in sizes]):
        raise ShapeError(f"split: sizes {tuple(sizes)} do not sum to axis {axis} of shape {type_of(operand).shape}.")
    return [slice_axis(operand, axis, end - length, end) for length, end in zip(sizes, ends)]


# ----------------------------------------------------------------------------------------------------------- filling


def iota(dtype, size):
    """0, 1, ..., size - 1."""
    return creation.arange(size, dtype=dtype)


def broadcasted_iota(dtype, shape, dimension, *, out_sharding=None):
    """An array of this shape that counts 0, 1, ... along one axis."""
    lengths = static_shape(shape)
    axis = axis_of(dimension, len(lengths), "broadcasted_iota")
    count = np.arange(lengths[axis], dtype=asked_dtype(dtype)).reshape((-1,) + (1,) * (len(lengths) - axis - 1))
    return creation.array(np.broadcast_to(count, lengths))


def full(shape, fill_value, dtype=None, *, sharding=None):
    """An array of one value."""
    return creation.full(shape, fill_value, dtype)


def full_like(x, fill_value, dtype=None, shape=None, *, sharding=None):
    """An array of one value with the shape and dtype of `x`."""
    return creation.full_like(x, fill_value, dtype, shape=shape)


# ------------------------------------------------------------------------------------------------------------ dtypes


def convert_element_type(operand, new_dtype):
    """The array with another dtype."""
    operand = as_operand(operand, "convert_element_type")
    return convert_to(operand, type_of(operand).dtype if new_dtype is None else asked_dtype(new_dtype))


def bitcast_convert_type(operand, new_dtype):
    """The bits of the elements read as another dtype. Smaller elements get a new last axis, larger ones take it up."""
    return bitcast(as_operand(operand, "bitcast_convert_type"), dtype=asked_dtype(new_dtype))
