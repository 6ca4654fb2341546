"""softmax and its kind, and standardize.

Relies on vgrad.numpy and scipy.special.
"""

import math

import numpy as np

from vgrad.core.types import type_of
from vgrad.nn.activations import inexact
from vgrad.numpy.math import exp, log, maximum, sqrt, square
from vgrad.numpy.operands import axes_of, operand
from vgrad.numpy.reductions import max as max_of
from vgrad.numpy.reductions import mean as mean_of
from vgrad.numpy.reductions import sum
from vgrad.numpy.selection import where as choose
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.primitives.stop_gradient import stop_gradient
from vgrad.scipy.special import logsumexp

__all__ = ["log_softmax", "logmeanexp", "logsumexp", "softmax", "standardize"]


def shifted(x, axis, where):
    """(x minus its maximum along the axes, whose derivative cancels; -inf where masked out, the mask)."""
    if where is not None:
        x = choose(where, x, -np.inf)
    return x - stop_gradient(max_of(x, axis=axis, keepdims=True, initial=-np.inf))


def softmax(x, axis=-1, where=None):
    """exp(x) / sum(exp(x)) along the axes (None: all), without overflow.

    where   the elements that take part; the others give 0
    Edges:  NaN where the maximum is infinite or nothing takes part
    """
    x = inexact(x, "softmax")
    terms = exp(shifted(x, axis, where))
    result = terms / sum(terms, axis=axis, keepdims=True)
    return result if where is None else choose(where, result, 0.0)


def log_softmax(x, axis=-1, where=None):
    """log(softmax(x)), without underflow; -inf where `where` is False."""
    x = inexact(x, "log_softmax")
    x = shifted(x, axis, where)
    result = x - log(sum(exp(x), axis=axis, keepdims=True))
    return result if where is None else choose(where, result, -np.inf)


def logmeanexp(x, axis=None, where=None, keepdims=False):
    """log(mean(exp(x))) along the axes, without overflow."""
    x = inexact(x, "logmeanexp")
    total = logsumexp(x, axis=axis, where=where, keepdims=keepdims)
    axes = axes_of(axis, type_of(x).ndim, "logmeanexp")
    dtype = type_of(total).dtype
    if where is None:
        return total - dtype.type(math.log(math.prod([x.shape[axis] for axis in axes])))
    count = sum(broadcast_to(convert_to(operand(where), dtype), type_of(x).shape), axis=axis, keepdims=keepdims)
    return total - log(count)


def standardize(x, axis=-1, mean=None, variance=None, epsilon=1e-5, where=None):
    """(x - mean) / sqrt(variance + epsilon) along the axes.

    mean, variance  None: those of x; given ones broadcast with x
    where           the elements that count for them
    """
    x = inexact(x, "standardize")
    if mean is None:
        mean = mean_of(x, axis=axis, keepdims=True, where=where)
    if variance is None:
        # about 0 rather than about the mean, as jax.nn does: one pass, but rounding can leave it slightly negative
        variance = maximum(mean_of(square(x), axis=axis, keepdims=True, where=where) - square(mean), 0.0)
    return (x - mean) / sqrt(variance + epsilon)
