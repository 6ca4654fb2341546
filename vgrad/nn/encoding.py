"""one_hot: integers as vectors.

Relies on vgrad.numpy and lax.
"""

import operator

import numpy as np

from vgrad.core.types import default_float, type_of
from vgrad.lax.collectives import axis_index, axis_size
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.shape import expand_dims
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.comparison import eq

__all__ = ["one_hot"]


def one_hot(x, num_classes, *, dtype=None, axis=-1):
    """For each index in x a vector of length num_classes, 1 at the index and 0 elsewhere; all 0 out of range.

    axis    where the new axis goes. The name of a mapped axis of num_classes examples: each makes its own element
    dtype   the default float if it is None
    """
    x = operand(x)
    num_classes = operator.index(num_classes)
    dtype = default_float() if dtype is None else asked_dtype(dtype)
    if isinstance(axis, str):
        if axis_size(axis) != num_classes:
            raise ValueError(
                f"one_hot: num_classes must be the size of the mapped axis {axis!r}, "
                f"got {num_classes} and {axis_size(axis)}."
            )
        return convert_to(eq(x, axis_index(axis)), dtype)
    rank = type_of(x).ndim + 1
    axis = axis_of(axis, rank, "one_hot")
    classes = np.arange(num_classes).reshape([-1 if each == axis else 1 for each in range(rank)])
    return convert_to(eq(expand_dims(x, axis), classes), dtype)
