"""What every sampler does first: check its key, its shape and its dtype, and fit its parameters to them.

Relies on primitives and numpy.operands. All errors name the sampler.
"""

import operator

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import broadcast_shapes, default_float, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.operands import operand
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.threefry import UINT32


def key_operand(key):
    """A key or an array of keys: uint32, last axis of size 2."""
    if not isinstance(key, (np.ndarray, Tracer)) and not hasattr(key, "__array__"):
        raise TypeError(
            f"invalid PRNG key data: expected an array of uint32 as vgrad.random.PRNGKey(seed) gives it, got {key!r}."
        )
    key = operand(key)
    type_ = type_of(key)
    if type_.dtype != UINT32:
        raise TypeError(f"invalid PRNG key data: expected key_data.dtype = uint32; got dtype={type_.dtype}.")
    if type_.shape[-1:] != (2,):
        raise TypeError(f"invalid PRNG key data: expected key_data.shape to end with (2,); got shape={type_.shape}.")
    return key


def single_key(name, key):
    key = key_operand(key)
    if key.ndim != 1:
        raise ShapeError(
            f"{name} accepts a single key, but was given a key array of shape {key.shape} != (). "
            "Use vgrad.vmap for batching."
        )
    return key


def shape_of(name, shape):
    """The shape as a tuple of ints; an int stands for one axis."""
    lengths = shape if hasattr(shape, "__iter__") and getattr(shape, "ndim", 1) else (shape,)
    try:
        lengths = tuple([operator.index(length) for length in lengths])
    except ConcretizationTypeError:  # a traced length: its own error says what to write
        raise
    except TypeError:
        raise TypeError(f"{name}: a shape is a tuple of ints, got {shape!r}.") from None
    if any([length < 0 for length in lengths]):
        raise ShapeError(f"{name}: lengths of a shape are not negative, got {lengths}.")
    return lengths


def fitted_shape(name, shape, **parameters):
    """The sample shape: `shape`, which the parameters must broadcast to, or their common shape when it is None."""
    shapes = {parameter: type_of(value).shape for parameter, value in parameters.items()}
    shown = ", ".join(f"{parameter} {own}" for parameter, own in shapes.items())
    try:
        common = broadcast_shapes(*shapes.values())
    except ValueError:
        raise ShapeError(f"{name}: shapes of parameters do not broadcast together: {shown}.") from None
    if shape is None:
        return common
    shape = shape_of(name, shape)
    try:
        fits = broadcast_shapes(common, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name}: Incompatible shapes for broadcasting: shape {shape} and parameters of shapes {shown}. "
            "The shape of the samples includes that of the parameters."
        )
    return shape


def float_dtype(name, dtype):
    """The dtype of samples; the default float when it is None."""
    dtype = default_float() if dtype is None or dtype is float else np.dtype(dtype)
    if dtype.kind != "f":
        raise ValueError(f"dtype argument to `{name}` must be a float dtype, got {dtype}.")
    return dtype


def int_dtype(name, dtype):
    """The dtype of random integers: of the width of the default float when it is None."""
    dtype = np.dtype(f"int{8 * default_float().itemsize}") if dtype is None or dtype is int else np.dtype(dtype)
    if dtype.kind not in "iu":
        raise ValueError(f"dtype argument to `{name}` must be an int dtype, got {dtype}.")
    return dtype


def uint_dtype(name, dtype):
    dtype = np.dtype(f"uint{8 * default_float().itemsize}") if dtype is None else np.dtype(dtype)
    if dtype.kind != "u":
        raise ValueError(f"dtype argument to `{name}` must be an unsigned int dtype, got {dtype}.")
    return dtype


def real_parameters(name, dtype, **parameters):
    """{parameter: value in this float dtype}. TypeError for complex ones."""
    converted = {}
    for parameter, value in parameters.items():
        value = operand(value, f"{name}: {parameter}")
        if type_of(value).dtype.kind == "c":
            raise TypeError(f"{name}: {parameter} must be real, got dtype {type_of(value).dtype}.")
        converted[parameter] = convert_to(value, dtype)
    return converted


def sampler_arguments(name, key, shape, dtype, **parameters):
    """(key, shape, dtype, *parameters): all checked, the parameters in the dtype, broadcasting to the shape."""
    key = single_key(name, key)
    dtype = float_dtype(name, dtype)
    parameters = real_parameters(name, dtype, **parameters)
    return key, fitted_shape(name, shape, **parameters), dtype, *parameters.values()
