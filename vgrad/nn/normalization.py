"""Functions along axes: softmax and its relatives, standardize, one_hot.

Relies on vgrad.numpy, lax, scipy.special. Values and derivatives at edges are those of jax.nn.
"""

import operator

import numpy as np

from vgrad.core.types import default_float, type_of
from vgrad.lax.collectives import axis_index, axis_size
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.math import exp, log, maximum, sqrt, square
from vgrad.numpy.operands import axes_of, axis_of, operand
from vgrad.numpy.reductions import counted, max, mean, sum
from vgrad.numpy.selection import where as choose
from vgrad.numpy.shape import expand_dims
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.comparison import eq
from vgrad.primitives.stop_gradient import stop_gradient
from vgrad.scipy.special import inexact, logsumexp

__all__ = ["log_softmax", "logmeanexp", "logsumexp", "one_hot", "softmax", "standardize"]


def below_maximum(x, axis, where):
    """x minus its maximum along the axes, which counts as constant; -inf where the mask is False."""
    (x,) = inexact(x)
    if where is not None:
        x = choose(where, x, -np.inf)
    return x - stop_gradient(max(x, axis, keepdims=True, initial=-np.inf))


def softmax(x, axis=-1, where=None):
    """exp(x) / sum(exp(x)) along the axis or axes, without overflow.

    where       elements to take; the others give 0
    Edges: NaN along an axis with +inf or NaN, or with -inf alone.
    """
    terms = exp(below_maximum(x, axis, where))
    result = terms / sum(terms, axis, keepdims=True)
    return result if where is None else choose(where, result, 0.0)


def log_softmax(x, axis=-1, where=None):
    """x - logsumexp(x) along the axis or axes.

    where       elements to take; the others give -inf
    """
    shifted = below_maximum(x, axis, where)
    result = shifted - log(sum(exp(shifted), axis, keepdims=True))
    return result if where is None else choose(where, result, -np.inf)


def logmeanexp(x, axis=None, where=None, keepdims=False):
    """log(mean(exp(x))) along the axes, without overflow, of the elements where the mask is True."""
    (x,) = inexact(x)
    type_ = type_of(x)
    axes = axes_of(axis, type_.ndim, "logmeanexp")
    total = logsumexp(x, axes, where=where, keepdims=keepdims)
    return total - log(convert_to(counted(type_.shape, axes, where, keepdims, type_.dtype), type_of(total).dtype))


def standardize(x, axis=-1, mean=None, variance=None, epsilon=1e-5, where=None, *, algorithm="fast"):
    """(x - mean) / sqrt(variance + epsilon) along the axis or axes.

    mean, variance  None: those of x (of its elements where the mask is True)
    algorithm       of the variance. "fast": mean of the squares minus square of the mean, not below 0;
                    "stable": mean of the squared distances from the mean, more accurate for a mean far from 0
    """
    if algorithm not in ("fast", "stable"):
        raise ValueError(f"standardize: algorithm must be 'fast' or 'stable', got {algorithm!r}.")
    (x,) = inexact(x)
    x, mean = inexact(x, average(x, axis, where) if mean is None else mean)
    centered = x - mean
    if variance is not None:
        _, variance = inexact(x, variance)
    elif algorithm == "stable":
        variance = average(square(centered), axis, where)
    else:
        variance = maximum(average(square(x), axis, where) - square(mean), 0.0)
    return centered / sqrt(variance + epsilon)


def average(x, axis, where):
    return mean(x, axis, keepdims=True, where=where)


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
