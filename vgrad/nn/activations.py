"""Activation functions, elementwise (glu halves one axis).

Relies on vgrad.numpy, scipy.special and primitives. Floats keep their dtype, integers become floats where the result is
not whole. Values and derivatives at edges are those of jax.nn.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy.array import as_array
from vgrad.numpy.math import abs, exp, expm1, log, log1p, logaddexp, maximum, minimum, sqrt, square, tanh
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.selection import clip, where
from vgrad.numpy.shape import split
from vgrad.primitives.comparison import clamp, gt, logical_and, lt, select
from vgrad.primitives.elementwise import logistic
from vgrad.primitives.special import erfc
from vgrad.primitives.stop_gradient import stop_gradient
from vgrad.scipy.special import inexact

# fmt: off
__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "identity", "leaky_relu",
    "log1mexp", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus",
    "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh",
]
# fmt: on


def identity(x):
    """x."""
    x = operand(x)
    return x if hasattr(x, "shape") else as_array(np.asarray(x, type_of(x).dtype))


# ------------------------------------------------------------------------------------------------- pieces of lines


def relu(x):
    """max(x, 0). The derivative at 0 is 0."""
    x = operand(x)
    # The maximum is 0 or NaN here. Alone it would share the derivative at 0.
    return select(gt(x, 0), x, maximum(stop_gradient(x), 0))


def relu6(x):
    """min(max(x, 0), 6). The derivative at 0 and at 6 is 0."""
    (x,) = inexact(x)
    return select(logical_and(gt(x, 0), lt(x, 6)), x, clamp(0, stop_gradient(x), 6.0))


def leaky_relu(x, negative_slope=0.01):
    """x where x >= 0, else negative_slope * x."""
    x, negative_slope = inexact(x, negative_slope)
    return where(x >= 0, x, negative_slope * x)


def hard_tanh(x):
    """x, limited to [-1, 1]. The derivative at -1 and at 1 is 1."""
    x = operand(x)
    return where(x > 1, 1, where(x < -1, -1, x))


def hard_sigmoid(x):
    """relu6(x + 3) / 6."""
    (x,) = inexact(x)
    return relu6(x + 3.0) / 6.0


def hard_silu(x):
    """x * hard_sigmoid(x)."""
    (x,) = inexact(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def sparse_plus(x):
    """0 up to -1, x from 1 on, (x + 1)**2 / 4 between."""
    (x,) = inexact(x)
    return where(x <= -1.0, 0.0, where(x >= 1.0, x, square(x + 1.0) / 4.0))


def sparse_sigmoid(x):
    """The derivative of sparse_plus: 0 up to -1, 1 from 1 on, a line between."""
    (x,) = inexact(x)
    return 0.5 * clip(x + 1.0, 0.0, 2.0)


# -------------------------------------------------------------------------------------------------------- exponentials


def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    (x,) = inexact(x)
    return logistic(x)


def softplus(x):
    """log(1 + exp(x)), without overflow."""
    (x,) = inexact(x)
    return logaddexp(x, 0.0)


def log_sigmoid(x):
    """log(sigmoid(x)), without cancellation."""
    (x,) = inexact(x)
    return -softplus(-x)


def log1mexp(x):
    """log(1 - exp(-x)), accurate near 0 and far from it; NaN for negative x: Maechler 2012."""
    (x,) = inexact(x)
    near = x < np.log(2.0)
    # Each formula sees only its own numbers: at the others its derivative may be infinite.
    return where(near, log(-expm1(-where(near, x, 1.0))), log1p(-exp(-where(near, 1.0, x))))


def silu(x):
    """x * sigmoid(x)."""
    (x,) = inexact(x)
    return x * sigmoid(x)


swish = silu


def mish(x):
    """x * tanh(softplus(x))."""
    (x,) = inexact(x)
    return x * tanh(softplus(x))


def elu(x, alpha=1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    x, alpha = inexact(x, alpha)
    positive = x > 0
    return where(positive, x, alpha * expm1(where(positive, 0.0, x)))


def celu(x, alpha=1.0):
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)."""
    x, alpha = inexact(x, alpha)
    return maximum(x, 0.0) + alpha * expm1(minimum(x, 0.0) / alpha)


def selu(x):
    """Scaled elu with the two constants that keep mean 0 and variance 1 from layer to layer: Klambauer et al. 2017."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x, approximate=True):
    """x times the normal distribution function of x, or its approximation by tanh: Hendrycks, Gimpel 2016."""
    (x,) = inexact(x)
    if approximate:
        return x * (0.5 * (1.0 + tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * (x * x * x)))))
    return 0.5 * x * erfc(-x * float(np.sqrt(0.5)))


# ---------------------------------------------------------------------------------------------------------- the others


def squareplus(x, b=4):
    """(x + sqrt(x**2 + b)) / 2: softplus without exponentials."""
    x, b = inexact(x, b)
    return (x + sqrt(square(x) + b)) / 2.0


def soft_sign(x):
    """x / (|x| + 1)."""
    (x,) = inexact(x)
    return x / (abs(x) + 1.0)


def glu(x, axis=-1):
    """The first half along the axis times the sigmoid of the second half.

    Errors: ShapeError for an odd length.
    """
    (x,) = inexact(x)
    shape = type_of(x).shape
    axis = axis_of(axis, len(shape), "glu")
    if shape[axis] % 2:
        raise ShapeError(f"glu: axis {axis} must have an even length, got {shape[axis]} in shape {shape}.")
    values, gates = split(x, 2, axis)
    return values * sigmoid(gates)
