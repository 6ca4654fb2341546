"""What every surface function does first: make its arguments operands of primitives.

Relies on core.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from vgrad.config import config
from vgrad.core.interpreter import Tracer
from vgrad.core.types import (
    PYTHON_SCALARS,
    default_complex,
    default_float,
    is_array_dtype,
    promote,
    type_of,
)
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.shape import concatenate


def operand(value, name="array argument"):
    """The value as an operand: tracers, arrays and Python scalars as they are, lists and tuples as arrays.

    Errors: TypeError for what is not an array of numbers.
    """
    if isinstance(value, (Tracer, np.ndarray, np.generic)) or type(value) in PYTHON_SCALARS:
        if isinstance(value, (np.ndarray, np.generic)) and not is_array_dtype(value.dtype):
            raise TypeError(f"{name} of dtype {value.dtype} is not an array of numbers.")
        return value
    if isinstance(value, (list, tuple)):
        if any([isinstance(leaf, Tracer) for leaf in leaves_of(value)]):
            return stack_operands([operand(item, name) for item in value])
        value = array_of(value)
    elif hasattr(value, "__array__"):
        value = np.asarray(value)
    else:
        raise TypeError(f"{name} {value!r} of type {type(value)} is not a valid vgrad array type.")
    return operand(value, name)


def leaves_of(value):
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves_of(item)
    else:
        yield value


def array_of(value):
    """The list, tuple or Python scalar as an ndarray; Python floats have the default float."""
    array = np.asarray(value)
    if config.default_float != "float64" and array.dtype.char in "dD":
        if all([type(leaf) in PYTHON_SCALARS for leaf in leaves_of(value)]):
            return array.astype(default_float() if array.dtype.kind == "f" else default_complex())
    return array


def stack_operands(operands):
    """Operands of one shape along a new leading axis, with their common dtype (Python scalars count as arrays)."""
    types = [type_of(each) for each in operands]
    dtype, _ = promote(*[type_.strong() for type_ in types])
    shape = types[0].shape
    for type_ in types:
        if type_.shape != shape:
            raise ShapeError(f"all input arrays must have the same shape, got {[t.shape for t in types]}.")
    rows = [reshape_to(convert_to(each, dtype), (1,) + shape) for each in operands]
    return concatenate(*rows, axis=0)


def axis_of(axis, ndim, name):
    """The axis as a nonnegative int. AxisError (a ValueError and IndexError) names the operation."""
    return normalize_axis_index(axis, ndim, name)


def axes_of(axis, ndim, name):
    """The axes as a tuple of nonnegative ints; None is all of them."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim, name)


def refuse_out(out, name):
    """Error where a result is to be written into an array that exists: values here never change."""
    if out is not None:
        raise TypeError(
            f"{name}: out= is not supported, since arrays in transformed functions are immutable. "
            f"Write y = {name}(...)."
        )
