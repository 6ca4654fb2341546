"""Draws from given values: permutation, choice, categorical.

Relies on uniform and continuous, and on sorting and indexing of vgrad.numpy. Values that are moved keep their
derivatives.
"""

import math
import operator

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import INT64, ArrayType, default_float, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.indexing import take, take_along_axis
from vgrad.numpy.math import log
from vgrad.numpy.operands import axis_of, operand
from vgrad.numpy.reductions import argmax, cumsum
from vgrad.numpy.shape import moveaxis, reshape
from vgrad.numpy.sorting import argsort, searchsorted, top_k
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.primitives.threefry import random_bits
from vgrad.random.arguments import fitted_shape, shape_of, single_key
from vgrad.random.continuous import standard_gumbel
from vgrad.random.keys import split
from vgrad.random.uniform import randint, unit_floats

__all__ = ["categorical", "choice", "permutation"]


def population(name, value, argument):
    """(the values to draw from, or None for 0, 1, ..., n - 1; n or None)."""
    value = operand(value, f"{name}: {argument}")
    type_ = type_of(value)
    if type_.ndim:
        return value, None
    if type_.dtype.kind not in "iu":
        raise TypeError(f"{name}: {argument} must be an integer or at least 1-dimensional, got a scalar {type_.dtype}.")
    return None, operator.index(value if isinstance(value, Tracer) else np.asarray(value)[()])


def shuffled(key, value, axis):
    """The values sorted along the axis by random words, so often that equal words hardly matter."""
    size = type_of(value).size
    rounds = math.ceil(3 * math.log(max(1, size)) / math.log(2**32 - 1))
    for _ in range(rounds):
        key, round_key = split(key)
        words = random_bits(round_key, shape=type_of(value).shape, bit_width=32)
        value = take_along_axis(value, argsort(words, axis=axis, stable=True), axis=axis)
    return value


def permutation(key, x, axis=0, independent=False):
    """The array x in random order along an axis; for an integer n, the numbers 0, 1, ..., n - 1.

    independent     True: an order of its own for each row; False: whole slices move
    """
    key = single_key("permutation", key)
    values, n = population("permutation", x, "x")
    if values is None:
        return shuffled(key, np.arange(n), 0)
    axis = axis_of(axis, values.ndim, "permutation")
    if independent or values.ndim == 1:
        return shuffled(key, values, axis)
    return take(values, shuffled(key, np.arange(values.shape[axis]), 0), axis=axis)


def choice(key, a, shape=(), replace=True, p=None, axis=0, mode=None):
    """Random elements of the array a along an axis; of 0, 1, ..., a - 1 for an integer.

    replace     False: no element twice
    p           probabilities of the elements, shape (n,); None: all the same
    mode        of the Gumbel samples when replace is False and p is given, see `gumbel`
    Shapes:     `shape` takes the place of the axis
    """
    key, shape = single_key("choice", key), shape_of("choice", shape)
    values, n = population("choice", a, "a")
    if values is not None:
        axis = axis_of(axis, values.ndim, "choice")
        n = values.shape[axis]
    draws = math.prod(shape)
    if n <= 0 and draws > 0:
        raise ValueError("choice: a must be greater than 0 unless no samples are taken.")
    if not replace and draws > n:
        raise ValueError(
            f"choice: Cannot take a larger sample (size {draws}) than population (size {n}) when 'replace=False'."
        )
    positions = draw_positions(key, n, draws, replace, p, mode)
    if values is None:
        return reshape(positions, shape)
    chosen = take(values, positions, axis=axis)
    return reshape(chosen, values.shape[:axis] + shape + values.shape[axis + 1 :])


def draw_positions(key, n, draws, replace, p, mode):
    if p is None:
        return randint(key, (draws,), 0, n) if replace else permutation(key, n)[:draws]
    p = operand(p, "choice: p")
    if type_of(p).shape != (n,):
        raise ShapeError(
            "choice: p must be None or a 1D vector with the same size as a.shape[axis]. "
            f"p has shape {type_of(p).shape} and a.shape[axis] is {n}."
        )
    p = convert_to(p, type_of(p).dtype if type_of(p).dtype.kind == "f" else default_float())
    if replace:
        cumulated = cumsum(p)
        return searchsorted(cumulated, cumulated[-1] * (1 - unit_floats(key, (draws,), p.dtype)))
    return top_k(standard_gumbel(key, (n,), p.dtype, mode) + log(p), draws)[1]


def categorical(key, logits, axis=-1, shape=None, replace=True, mode=None):
    """Categories drawn with probabilities proportional to exp(logits) along an axis, as int64.

    shape       of the result: further draws, then the shape of logits without the axis (broadcasting)
    replace     False: the draws in front are of different categories
    mode        see `gumbel`
    """
    key = single_key("categorical", key)
    logits = operand(logits, "categorical: logits")
    dtype = type_of(logits).dtype
    if dtype.kind != "f" or type_of(logits).ndim == 0:
        raise TypeError(
            f"categorical: logits must be an array of floats with an axis of categories, got {type_of(logits)}."
        )
    axis = axis_of(axis, logits.ndim, "categorical")
    categories = logits.shape[axis]
    batch = logits.shape[:axis] + logits.shape[axis + 1 :]
    shape = fitted_shape("categorical", shape, logits=ArrayType(batch, dtype))
    further = shape[: len(shape) - len(batch)]
    if replace:
        place = len(further) + axis
        noise_shape = shape[:place] + (categories,) + shape[place:]
        spread = reshape(logits, (1,) * len(further) + logits.shape)
        return argmax(standard_gumbel(key, noise_shape, dtype, mode) + spread, axis=place)
    draws = math.prod(further)
    if draws > categories:
        raise ValueError(
            f"categorical: Number of samples without replacement ({draws}) cannot exceed number of categories "
            f"({categories})."
        )
    full = shape[len(further) :]
    logits = broadcast_to(logits, full[:axis] + (categories,) + full[axis:])
    perturbed = moveaxis(standard_gumbel(key, logits.shape, dtype, mode) + logits, axis, -1)
    return convert_to(reshape(moveaxis(top_k(perturbed, draws)[1], -1, 0), shape), INT64)
