"""First weights of layers: functions (key, shape, dtype) -> array, or functions that make one from settings.

Relies on vgrad.numpy and vgrad.random. The same key gives the values of jax.nn.initializers. Where dtype is None it is
the default float; a dtype given to the initializer itself is used when the call names none.
"""

import math

import numpy as np

from vgrad.core.types import default_float
from vgrad.errors import ShapeError
from vgrad.numpy import creation
from vgrad.numpy.array import at
from vgrad.numpy.diagonals import diagonal
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.linalg import qr
from vgrad.numpy.math import cos, exp, log, sign, sin, sqrt
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.shape import matrix_transpose, moveaxis, reshape
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.complex import complex_of
from vgrad.random import continuous, keys
from vgrad.random.arguments import fitted_shape, shape_of
from vgrad.random.uniform import uniform as uniform_floats

__all__ = [
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

# Standard deviations of the standard normal distribution cut off at -2 and 2, and of the complex one at radius 2
CUT_OFF_DEVIATION, COMPLEX_CUT_OFF_DEVIATION = 0.87962566103423978, 0.95311164380491208


def wanted_dtype(dtype):
    return default_float() if dtype is None else asked_dtype(dtype)


def setting(value, dtype):
    """A number or array that the user gave, perhaps traced, in the dtype of the weights."""
    return convert_to(operand(value), dtype)


# ---------------------------------------------------------------------------------------------- values without a shape


def zeros(key, shape, dtype=None):
    """Zeros; the key is not used."""
    return creation.zeros(shape, wanted_dtype(dtype))


def ones(key, shape, dtype=None):
    """Ones; the key is not used."""
    return creation.ones(shape, wanted_dtype(dtype))


def constant(value, dtype=None):
    """An initializer of one value (or of values that broadcast to the shape)."""

    def initialize(key, shape, dtype=dtype):
        values = setting(value, wanted_dtype(dtype))
        return creation.full(fitted_shape("constant", shape, value=values), values)

    return initialize


def uniform(scale=0.01, dtype=None):
    """An initializer of floats uniform in [0, scale)."""

    def initialize(key, shape, dtype=dtype):
        dtype = wanted_dtype(dtype)
        return uniform_floats(key, shape, dtype) * setting(scale, dtype)

    return initialize


def normal(stddev=0.01, dtype=None):
    """An initializer of normal numbers with mean 0."""

    def initialize(key, shape, dtype=dtype):
        dtype = wanted_dtype(dtype)
        return continuous.normal(key, shape, dtype) * setting(stddev, dtype)

    return initialize


def truncated_normal(stddev=0.01, dtype=None, lower=-2.0, upper=2.0):
    """An initializer of standard normal floats in (lower, upper), times stddev, which so is a bit above theirs."""

    def initialize(key, shape, dtype=dtype):
        dtype = wanted_dtype(dtype)
        return continuous.truncated_normal(key, lower, upper, shape, dtype) * setting(stddev, dtype)

    return initialize


# ---------------------------------------------------------------------------------- variance by the shape of the layer


def size_along(shape, axes, name):
    """Product of the lengths of one axis or several."""
    axes = (axes,) if isinstance(axes, int) else axes
    return math.prod([shape[axis_of(axis, len(shape), name)] for axis in axes])


def fans(shape, in_axis, out_axis, batch_axis):
    """(inputs of one output, outputs of one input) of a layer: axes that are neither count as a receptive field."""
    if in_axis == -2 and len(shape) <= 1:
        raise ShapeError(
            f"variance_scaling: no inputs and outputs to tell apart in weights of shape {shape}. "
            "Give them two axes, or give in_axis and out_axis."
        )
    inputs, outputs, examples = [
        size_along(shape, axes, f"variance_scaling: {name}")
        for name, axes in (("in_axis", in_axis), ("out_axis", out_axis), ("batch_axis", batch_axis))
    ]
    field = math.prod(shape) / inputs / outputs / examples
    return inputs * field, outputs * field


FAN_OF_MODE = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
    "fan_geo_avg": lambda fan_in, fan_out: (fan_in * fan_out) ** 0.5,
}


def polar(key, shape, dtype, radius_of):
    """Complex numbers of uniform angle, and of the radius that radius_of makes of floats uniform in [0, 1)."""
    real_dtype = np.finfo(dtype).dtype
    radius_key, angle_key = keys.split(key)
    radius = radius_of(uniform_floats(radius_key, shape, real_dtype))
    angle = real_dtype.type(2 * np.pi) * uniform_floats(angle_key, shape, real_dtype)
    return complex_of(radius * cos(angle), radius * sin(angle))


def unit_numbers(key, shape, dtype, distribution):
    """Numbers with variance 1 and mean 0."""
    if distribution == "normal":
        return continuous.normal(key, shape, dtype)
    is_real = dtype.kind == "f"
    if distribution == "uniform":
        if is_real:
            return uniform_floats(key, shape, dtype, -1) * dtype.type(np.sqrt(3))
        return polar(key, shape, dtype, lambda u: sqrt(2 * u))
    if is_real:
        return continuous.truncated_normal(key, -2, 2, shape, dtype) / dtype.type(CUT_OFF_DEVIATION)
    radii = polar(key, shape, dtype, lambda u: sqrt(-log(1 - (1 - exp(u.dtype.type(-4))) * u)))
    return radii / dtype.type(COMPLEX_CUT_OFF_DEVIATION)


def variance_scaling(scale, mode, distribution, in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """An initializer of numbers with mean 0 and variance scale / n.

    mode            "fan_in": n is the number of inputs of an output; "fan_out": of outputs of an input;
                    "fan_avg": their mean; "fan_geo_avg": their geometric mean
    distribution    "truncated_normal" (at two standard deviations), "normal", "uniform"; in a complex dtype uniform
                    in a disc
    in_axis, out_axis, batch_axis   an axis or several, of inputs, of outputs, of independent layers; the other axes
                    are the receptive field
    """

    def initialize(key, shape, dtype=dtype):
        dtype, shape = wanted_dtype(dtype), shape_of("variance_scaling", shape)
        if mode not in FAN_OF_MODE:
            raise ValueError(f"variance_scaling: mode must be one of {', '.join(FAN_OF_MODE)}, got {mode!r}.")
        if distribution not in ("truncated_normal", "normal", "uniform"):
            raise ValueError(
                f"variance_scaling: distribution must be truncated_normal, normal or uniform, got {distribution!r}."
            )
        variance = scale / FAN_OF_MODE[mode](*fans(shape, in_axis, out_axis, batch_axis))
        return unit_numbers(key, shape, dtype, distribution) * sqrt(setting(variance, dtype))

    return initialize


def scaled(name, scale, mode, distribution, source):
    """The function that makes a variance_scaling initializer from the axes of the weights."""

    def make(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f'variance_scaling({scale}, "{mode}", "{distribution}"): {source}.'
    return make


# fmt: off
glorot_uniform = xavier_uniform = scaled("glorot_uniform", 1.0, "fan_avg", "uniform", "Glorot, Bengio 2010")
glorot_normal = xavier_normal = scaled("glorot_normal", 1.0, "fan_avg", "truncated_normal", "Glorot, Bengio 2010")
lecun_uniform = scaled("lecun_uniform", 1.0, "fan_in", "uniform", "LeCun et al. 1998")
lecun_normal = scaled("lecun_normal", 1.0, "fan_in", "truncated_normal", "LeCun et al. 1998")
he_uniform = kaiming_uniform = scaled("he_uniform", 2.0, "fan_in", "uniform", "He et al. 2015")
he_normal = kaiming_normal = scaled("he_normal", 2.0, "fan_in", "truncated_normal", "He et al. 2015")
# fmt: on


# ---------------------------------------------------------------------------------------------------------- orthogonal


def orthonormal_columns(key, rows, columns, dtype):
    """Uniformly distributed among the matrices with orthonormal columns, or rows if there are fewer: Mezzadri 2007."""
    tall = continuous.normal(key, (max(rows, columns), min(rows, columns)), dtype)
    q, r = qr(tall)
    q = q * sign(diagonal(r))
    return q if rows >= columns else matrix_transpose(q)


def orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """An initializer of matrices with orthonormal columns (or rows, if there are fewer), times scale.

    column_axis     the axis of columns; all others together are the rows
    """

    def initialize(key, shape, dtype=dtype):
        dtype, shape = wanted_dtype(dtype), shape_of("orthogonal", shape)
        if len(shape) < 2:
            raise ShapeError(f"orthogonal: weights need at least 2 axes, got shape {shape}.")
        if 0 in shape:
            return creation.zeros(shape, dtype)
        axis = axis_of(column_axis, len(shape), "orthogonal")
        others = shape[:axis] + shape[axis + 1 :]
        matrix = orthonormal_columns(key, math.prod(others), shape[axis], dtype)
        return setting(scale, dtype) * moveaxis(reshape(matrix, others + shape[axis : axis + 1]), -1, axis)

    return initialize


def delta_orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """An initializer of convolutions that keep norms: orthogonal at the centre, 0 elsewhere. Xiao et al. 2018.

    The shape is one to three spatial axes, inputs, outputs, with at least as many outputs as inputs.
    """

    def initialize(key, shape, dtype=dtype):
        dtype, shape = wanted_dtype(dtype), shape_of("delta_orthogonal", shape)
        if len(shape) not in (3, 4, 5):
            raise ShapeError(f"delta_orthogonal: weights need 3, 4 or 5 axes, got shape {shape}.")
        if shape[-1] < shape[-2]:
            raise ShapeError(
                f"delta_orthogonal: fan_in must not be larger than fan_out, got {shape[-2]} > {shape[-1]} in {shape}."
            )
        matrix = orthogonal(scale, column_axis, dtype)(key, shape[-2:])
        centre = tuple([(length - 1) // 2 for length in shape[:-2]])
        return at(creation.zeros(shape, dtype))[centre].set(matrix)

    return initialize
