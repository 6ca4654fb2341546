"""Initializers: functions (key, shape, dtype) -> new parameters, with `jax.nn.initializers`' names and values.

Relies on random. Those that take settings return an initializer: `glorot_uniform()(key, (784, 128))`.
"""

import math

import numpy as np

from vgrad import random
from vgrad.core.types import default_float
from vgrad.errors import ShapeError
from vgrad.numpy.creation import ones as new_ones
from vgrad.numpy.creation import zeros as new_zeros
from vgrad.numpy.diagonals import diagonal
from vgrad.numpy.linalg import qr
from vgrad.numpy.math import sign
from vgrad.numpy.operands import operand
from vgrad.numpy.padding import pad
from vgrad.numpy.shape import expand_dims, moveaxis, reshape, swapaxes
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.random.arguments import fitted_shape, shape_of

# fmt: off
__all__ = [
    "constant", "delta_orthogonal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "kaiming_normal",
    "kaiming_uniform", "lecun_normal", "lecun_uniform", "normal", "ones", "orthogonal", "truncated_normal", "uniform",
    "variance_scaling", "xavier_normal", "xavier_uniform", "zeros",
]
# fmt: on


def dtype_of(dtype):
    """The dtype asked for, else the default float."""
    return default_float() if dtype is None else np.dtype(dtype)


# ------------------------------------------------------------------------------------------- fixed shapes of numbers


def zeros(key, shape, dtype=None):
    """All 0; the key is not used."""
    return new_zeros(shape_of("zeros", shape), dtype_of(dtype))


def ones(key, shape, dtype=None):
    """All 1; the key is not used."""
    return new_ones(shape_of("ones", shape), dtype_of(dtype))


def constant(value, dtype=None):
    """All `value`, a number or an array that broadcasts to the shape."""

    def init(key, shape, dtype=dtype):
        values = convert_to(operand(value, "constant"), dtype_of(dtype))
        return broadcast_to(values, fitted_shape("constant", shape, value=values))

    return init


def uniform(scale=1e-2, dtype=None):
    """Uniform in [0, scale)."""

    def init(key, shape, dtype=dtype):
        own = dtype_of(dtype)
        return random.uniform(key, shape, own) * own.type(scale)

    return init


def normal(stddev=1e-2, dtype=None):
    """Normal with mean 0 and standard deviation `stddev`."""

    def init(key, shape, dtype=dtype):
        own = dtype_of(dtype)
        return random.normal(key, shape, own) * own.type(stddev)

    return init


def truncated_normal(stddev=1e-2, dtype=None, lower=-2.0, upper=2.0):
    """stddev times standard normal numbers between `lower` and `upper`: a little less spread than stddev says."""

    def init(key, shape, dtype=dtype):
        own = dtype_of(dtype)
        return random.truncated_normal(key, lower, upper, shape, own) * own.type(stddev)

    return init


# ------------------------------------------------------------------------------------------ scaled by the fans


def fans(shape, in_axis, out_axis, batch_axis):
    """(inputs per output, outputs per input): products of the axes in and out, each times the receptive field."""
    if len(shape) <= 1:
        raise ShapeError(
            f"Can't compute input and output sizes of a {len(shape)}-dimensional weights tensor of shape {shape}. "
            "Must be at least 2D."
        )

    def size(axes):
        return math.prod([shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes)])

    inputs, outputs, examples = size(in_axis), size(out_axis), size(batch_axis)
    field = math.prod(shape) / inputs / outputs / examples
    return inputs * field, outputs * field


FAN_MODES = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
    "fan_geo_avg": lambda fan_in, fan_out: math.sqrt(fan_in * fan_out),
}
TRUNCATED_DEVIATION = 0.87962566103423978  # of a standard normal number between -2 and 2


def variance_scaling(scale, mode, distribution, in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
    """Mean 0 and variance scale / fan.

    mode            "fan_in", "fan_out", "fan_avg" or "fan_geo_avg": which number of neighbours the fan is
    distribution    "truncated_normal" (at two standard deviations), "normal" or "uniform"
    in_axis, out_axis, batch_axis   axes (an int or several) of inputs, outputs, and of independent sets of weights;
                    the other axes are the receptive field
    """
    if mode not in FAN_MODES:
        raise ValueError(
            f"invalid mode for variance scaling initializer: {mode}. One of {', '.join(FAN_MODES)} is needed."
        )
    if distribution not in ("truncated_normal", "normal", "uniform"):
        raise ValueError(
            f"invalid distribution for variance scaling initializer: {distribution}. "
            "One of truncated_normal, normal, uniform is needed."
        )

    def init(key, shape, dtype=dtype):
        own, shape = dtype_of(dtype), shape_of("variance_scaling", shape)
        part = np.finfo(own).dtype
        variance = part.type(scale / FAN_MODES[mode](*fans(shape, in_axis, out_axis, batch_axis)))
        if distribution == "normal":
            return random.normal(key, shape, own) * np.sqrt(variance)
        if distribution == "uniform":
            return random.uniform(key, shape, own, -1.0, 1.0) * np.sqrt(3 * variance)
        deviation = np.sqrt(variance) / part.type(TRUNCATED_DEVIATION)
        return random.truncated_normal(key, -2.0, 2.0, shape, own) * deviation

    return init


def scaled(scale, mode, distribution, why):
    """An initializer maker with these settings of variance_scaling."""

    def make(in_axis=-2, out_axis=-1, batch_axis=(), dtype=None):
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__doc__ = f"variance_scaling({scale}, {mode!r}, {distribution!r}): {why}."
    return make


# fmt: off
glorot_uniform = xavier_uniform = scaled(1.0, "fan_avg", "uniform", "Glorot, Bengio 2010")
glorot_normal = xavier_normal = scaled(1.0, "fan_avg", "truncated_normal", "Glorot, Bengio 2010")
lecun_uniform = scaled(1.0, "fan_in", "uniform", "LeCun, Bottou, Orr, Muller 1998")
lecun_normal = scaled(1.0, "fan_in", "truncated_normal", "LeCun, Bottou, Orr, Muller 1998")
he_uniform = kaiming_uniform = scaled(2.0, "fan_in", "uniform", "He, Zhang, Ren, Sun 2015, for relu")
he_normal = kaiming_normal = scaled(2.0, "fan_in", "truncated_normal", "He, Zhang, Ren, Sun 2015, for relu")
# fmt: on


# -------------------------------------------------------------------------------------------------------- orthogonal


def orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """`scale` times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2013).

    column_axis     the axis of the columns; the other axes together are the rows
    """

    def init(key, shape, dtype=dtype):
        own, shape = dtype_of(dtype), shape_of("orthogonal", shape)
        if len(shape) < 2:
            raise ShapeError(f"orthogonal initializer requires at least a 2D shape, got {shape}.")
        columns = shape[column_axis]
        rows = math.prod(shape) // columns if columns else 0
        matrix = orthonormal(key, rows, columns, own)
        rest = shape[:column_axis] + shape[column_axis:][1:]
        return own.type(scale) * moveaxis(reshape(matrix, rest + (columns,)), -1, column_axis)

    return init


def orthonormal(key, rows, columns, dtype):
    q, r = qr(random.normal(key, (max(rows, columns), min(rows, columns)), dtype))
    q = q * expand_dims(sign(diagonal(r)), 0)
    return swapaxes(q, 0, 1) if rows < columns else q


def delta_orthogonal(scale=1.0, column_axis=-1, dtype=None):
    """For convolutions, shape (..., inputs, outputs): an orthogonal matrix at the centre of the kernel, 0 elsewhere.

    Source: Xiao et al. 2018, arXiv:1806.05393. Shapes of rank 3, 4 or 5 with inputs <= outputs.
    """

    def init(key, shape, dtype=dtype):
        own, shape = dtype_of(dtype), shape_of("delta_orthogonal", shape)
        if len(shape) not in (3, 4, 5):
            raise ShapeError(f"Delta orthogonal initializer requires a 3D, 4D or 5D shape, got {shape}.")
        if shape[-1] < shape[-2]:
            raise ShapeError(f"`fan_in` must be less or equal than `fan_out`, got {shape[-2]} and {shape[-1]}.")
        matrix = orthogonal(scale, column_axis, own)(key, shape[-2:])
        field = shape[:-2]
        widths = [((length - 1) // 2, length - 1 - (length - 1) // 2) for length in field]
        return pad(reshape(matrix, (1,) * len(field) + shape[-2:]), [*widths, (0, 0), (0, 0)])

    return init
