"""What every surface function does first: make its arguments operands of primitives.

Relies on core.
"""

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import PYTHON_SCALARS, is_array_dtype

from vgrad.primitives.broadcasting import broadcast, convert_to, reshape_to
from vgrad.core.types import promote, type_of
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
        value = np.asarray(value)
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


def stack_operands(operands, axis=0):
    """Operands of one shape along a new leading axis, with their common dtype."""
    types = [type_of(each) for each in operands]
    dtype, _ = promote(*types)
    shape = np.broadcast_shapes(*[type_.shape for type_ in types])
    for type_ in types:
        if type_.shape != shape:
            raise ValueError(f"all input arrays must have the same shape, got {[t.shape for t in types]}")
    rows = [reshape_to(convert_to(each, dtype), (1,) + shape) for each in operands]
    return concatenate(*rows, axis=0)
