"""Functions along axes: softmax and its relatives, standardize.

Relies on vgrad.numpy, scipy.special. Values and derivatives at edges are those of jax.nn.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.numpy.math import exp, log, maximum, sqrt, square
from vgrad.numpy.operands import axes_of
from vgrad.numpy.reductions import counted, max, mean, sum
from vgrad.numpy.selection import where as choose
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.stop_gradient import stop_gradient
from vgrad.scipy.special import inexact, logsumexp

__all__ = ["log_softmax", "logmeanexp", "logsumexp", "softmax", "standardize"]


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
