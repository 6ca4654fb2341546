"""Activations: elementwise functions between the layers of a network, with `jax.nn`'s names and edges.

Relies on vgrad.numpy and primitives. Integers become floats, except in relu, hard_tanh and identity.
"""

import math

from vgrad.core.types import default_float, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.math import abs, exp, expm1, log, log1p, logaddexp, maximum, minimum, sqrt, square, tanh
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.selection import where
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.elementwise import logistic
from vgrad.primitives.shape import slice_axis
from vgrad.primitives.special import erfc

# fmt: off
__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "identity", "leaky_relu",
    "log1mexp", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh",
]
# fmt: on

# Klambauer et al. 2017: with these two, mean 0 and variance 1 are a fixed point of selu
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def inexact(x, name):
    """The operand, as floats if it is of integers or booleans."""
    x = operand(x, name)
    return x if type_of(x).dtype.kind in "fc" else convert_to(x, default_float())


def identity(x):
    """x."""
    x = operand(x, "identity")
    return convert_to(x, type_of(x).dtype)


# ------------------------------------------------------------------------------------------------------ rectifiers


def relu(x):
    """max(x, 0), with derivative 0 at 0."""
    x = operand(x, "relu")
    return where(x <= 0, 0, x)


def relu6(x):
    """min(max(x, 0), 6), with derivative 0 at 0 and at 6."""
    x = inexact(x, "relu6")
    return where(x <= 0, 0.0, where(x >= 6, 6.0, x))


def leaky_relu(x, negative_slope=0.01):
    """x where x >= 0, else negative_slope * x."""
    x = operand(x, "leaky_relu")
    return where(x >= 0, x, negative_slope * x)


def elu(x, alpha=1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    x = inexact(x, "elu")
    return where(x > 0, x, alpha * expm1(where(x > 0, 0.0, x)))


def selu(x):
    """elu, scaled so that layers keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def celu(x, alpha=1.0):
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)."""
    x = inexact(x, "celu")
    return maximum(x, 0.0) + alpha * expm1(minimum(x, 0.0) / alpha)


def softplus(x):
    """log(1 + exp(x))."""
    return logaddexp(inexact(x, "softplus"), 0.0)


def squareplus(x, b=4):
    """(x + sqrt(x**2 + b)) / 2: softplus without exp."""
    x = inexact(x, "squareplus")
    return (x + sqrt(square(x) + b)) / 2


def sparse_plus(x):
    """0 below -1, x above 1, and (x + 1)**2 / 4 between."""
    x = inexact(x, "sparse_plus")
    return where(x <= -1.0, 0.0, where(x >= 1.0, x, square(x + 1.0) / 4))


# ----------------------------------------------------------------------------------------------------- from 0 to 1


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return logistic(inexact(x, "sigmoid"))


def log_sigmoid(x):
    """log(sigmoid(x)), without underflow."""
    return -softplus(-inexact(x, "log_sigmoid"))


def hard_sigmoid(x):
    """relu6(x + 3) / 6."""
    return relu6(operand(x, "hard_sigmoid") + 3.0) / 6.0


def sparse_sigmoid(x):
    """The derivative of sparse_plus: (x + 1) / 2, cut off at 0 and 1."""
    x = inexact(x, "sparse_sigmoid")
    return 0.5 * minimum(maximum(x + 1.0, 0.0), 2.0)


# ----------------------------------------------------------------------------------------------- from -1 to 1, and log


def soft_sign(x):
    """x / (|x| + 1)."""
    x = inexact(x, "soft_sign")
    return x / (abs(x) + 1)


def hard_tanh(x):
    """x cut off at -1 and 1, with derivative 1 there."""
    x = operand(x, "hard_tanh")
    return where(x > 1, 1, where(x < -1, -1, x))


def log1mexp(x):
    """log(1 - exp(-x)) for x > 0, exact near 0 and for large x.

    Source: Machler 2012, "Accurately computing log(1 - exp(-|a|))".
    """
    x = inexact(x, "log1mexp")
    small = x <= math.log(2)
    return where(small, log(-expm1(-where(small, x, 1.0))), log1p(-exp(-where(small, 1.0, x))))


# ------------------------------------------------------------------------------------------------------------- gated


def silu(x):
    """x * sigmoid(x)."""
    x = inexact(x, "silu")
    return x * logistic(x)


swish = silu


def hard_silu(x):
    """x * hard_sigmoid(x)."""
    x = inexact(x, "hard_silu")
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def mish(x):
    """x * tanh(softplus(x))."""
    x = inexact(x, "mish")
    return x * tanh(softplus(x))


def gelu(x, approximate=True):
    """x * P(normal <= x); approximate: by a formula with tanh (Hendrycks, Gimpel 2016)."""
    x = inexact(x, "gelu")
    if approximate:
        return x * (0.5 * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x**3)))))
    return 0.5 * x * erfc(-x * math.sqrt(0.5))


def glu(x, axis=-1):
    """a * sigmoid(b), where a and b are the halves of x along the axis (Dauphin et al. 2017)."""
    x = inexact(x, "glu")
    axis = axis_of(axis, x.ndim, "glu")
    length = x.shape[axis]
    if length % 2:
        raise ShapeError(f"glu: axis size must be divisible by 2, got size {length} of axis {axis} of shape {x.shape}.")
    return slice_axis(x, axis, 0, length // 2) * logistic(slice_axis(x, axis, length // 2, length))
