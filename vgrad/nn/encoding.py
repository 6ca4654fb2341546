"""one_hot: integers as vectors.

Relies on vgrad.numpy.
"""

import numpy as np

from vgrad.core.types import default_float, type_of
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.shape import expand_dims
from vgrad.primitives.broadcasting import convert_to

__all__ = ["one_hot"]


def one_hot(x, num_classes, *, dtype=None, axis=-1):
    """1 at position x of a new axis of length num_classes, 0 elsewhere; all 0 where x is not in [0, num_classes).

    axis    place of the new axis in the result
    """
    x = operand(x, "one_hot")
    axis = axis_of(axis, type_of(x).ndim + 1, "one_hot")
    classes = np.arange(num_classes).reshape((num_classes,) + (1,) * (type_of(x).ndim - axis))
    dtype = default_float() if dtype is None else np.dtype(dtype)
    return convert_to(expand_dims(x, axis) == classes, dtype)
