"""Histograms: how many elements lie in each bin.

Relies on numpy.reductions and numpy.creation. Counts are made by a scatter: they have a derivative with respect to the
weights, none with respect to what is counted.
"""

import math

import numpy as np

from vgrad.core.types import INT64, promote, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.creation import linspace
from vgrad.numpy.operands import operand
from vgrad.numpy.reductions import inexact_dtype, max, min, sum
from vgrad.numpy.subscripts import known_value
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.comparison import eq, le, maximum, select
from vgrad.primitives.elementwise import add, div, mul, sub
from vgrad.primitives.indexing import scatter
from vgrad.primitives.shape import reverse, slice_axis
from vgrad.primitives.sorting import searchsorted

__all__ = [
    "bincount",
    "digitize",
    "histogram",
    "histogram2d",
    "histogram_bin_edges",
    "histogramdd",
]


def counted_at(places, size, weights):
    """How often each of 0 ... size - 1 occurs in the flat integer array, or the sum of weights; others are dropped."""
    if weights is None:
        weights = np.ones(type_of(places).shape, np.int64)
    return scatter(np.zeros(size, type_of(weights).dtype), weights, places, axes=(0,), kind="add")


def bincount(x, /, weights=None, minlength=0, *, length=None):
    """How often each nonnegative integer occurs in `x` (one axis), or the sum of `weights` there.

    length  size of the result; larger values are dropped. Needed under jit and vmap; else the largest value decides.
    Edges:  negative values count as 0 where `x` is traced; else they are an error.
    """
    x = operand(x, "bincount")
    type_ = type_of(x)
    if type_.ndim != 1:
        raise ShapeError(f"bincount: object of too small depth or more than one axis, got shape {type_.shape}.")
    if type_.dtype.kind not in "iub":
        raise TypeError(f"bincount: x must have integers, got {type_}.")
    known = known_value(x)
    if length is None:
        if known is None:
            raise ConcretizationTypeError(
                f"bincount: the size of the result depends on the values of x, a traced array of type {type_}.",
                "Give the number of bins: bincount(x, length=n).",
            )
        known = np.asarray(known)
        if known.size and known.min() < 0:
            raise ValueError("bincount: 'list' argument must have no negative elements")
        length = int(np.maximum(minlength, known.max(initial=-1) + 1))
    if weights is not None:
        weights = operand(weights, "weights")
        if type_of(weights).shape != type_.shape:
            raise ShapeError(
                f"bincount: The weights and list don't have the same length: "
                f"weights of shape {type_of(weights).shape}, x of shape {type_.shape}."
            )
        weights = convert_to(weights, inexact_dtype(type_of(weights).dtype))
    return counted_at(maximum(convert_to(x, INT64), 0), int(length), weights)


def digitize(x, bins, right=False):
    """Number (int64) of the bin that each element lies in: i where bins[i-1] <= x < bins[i], 0 below, len(bins) above.

    right   bins[i-1] < x <= bins[i] instead
    `bins` increase or decrease; which one is seen from the first and the last of them.
    """
    x, bins = operand(x, "digitize"), operand(bins, "bins")
    if type_of(bins).ndim != 1:
        raise ShapeError(f"digitize: bins must have one axis, got shape {type_of(bins).shape}.")
    count = type_of(bins).shape[0]
    if count == 0:
        return np.zeros(type_of(x).shape, np.int64)
    dtype, _ = promote(type_of(x), type_of(bins))
    x, bins = convert_to(x, dtype), convert_to(bins, dtype)
    side = "left" if right else "right"
    increasing = searchsorted(bins, x, side=side)
    decreasing = sub(count, searchsorted(reverse(bins, axes=(0,)), x, side=side))
    grows = reshape_to(le(slice_axis(bins, 0, 0, 1), slice_axis(bins, 0, count - 1, count)), ())
    return select(grows, increasing, decreasing)


def histogram_bin_edges(a, bins=10, range=None, weights=None):
    """Edges of `bins` bins of equal width from the smallest to the largest element, or over `range`.

    bins    a number, an array of edges (returned as it is), or the name of a rule of NumPy's (for known values)
    """
    a = operand(a, "histogram_bin_edges")
    if isinstance(bins, str):
        return np.histogram_bin_edges(np.asarray(a), bins, range, weights)
    bins = operand(bins, "bins")
    if type_of(bins).ndim == 1:
        return bins
    count = int(bins)
    if count < 1:
        raise ValueError(f"`bins` must be positive, when an integer, got {count}.")
    type_ = type_of(a)
    dtype = inexact_dtype(type_.dtype)
    if range is not None:
        low, high = [operand(end, "range") for end in range]
        known = known_value(low), known_value(high)
        if known[0] is not None and known[1] is not None and known[0] > known[1]:
            raise ValueError(f"max must be larger than min in range parameter, got {known}.")
    elif type_.size == 0:
        low, high = 0.0, 1.0
    else:
        low, high = min(a), max(a)
    low, high = convert_to(low, dtype), convert_to(high, dtype)
    flat = eq(low, high)
    half = dtype.type(0.5)
    low, high = select(flat, sub(low, half), low), select(flat, add(high, half), high)
    return linspace(low, high, count + 1, dtype=dtype)


def bin_numbers(values, edges):
    """Bin of each value: 1 ... len(edges) - 1; 0 and len(edges) outside. The last bin includes its right edge."""
    dtype, _ = promote(type_of(values), type_of(edges))
    values, edges = convert_to(values, dtype), convert_to(edges, dtype)
    count = type_of(edges).shape[0]
    places = searchsorted(edges, values, side="right")
    return select(eq(values, slice_axis(edges, 0, count - 1, count)), count - 1, places)


def histogram(a, bins=10, range=None, density=None, weights=None):
    """(counts, edges): how many elements, or what sum of weights, lies in each bin [edge, next edge).

    The last bin includes its right edge.

    bins, range     as histogram_bin_edges
    density         divide by the total and the widths, so that the integral is 1
    Counts are int64, or have the weights' dtype; they have a derivative with respect to the weights only.
    """
    a = operand(a, "histogram")
    if weights is not None:
        weights = operand(weights, "weights")
        if type_of(weights).shape != type_of(a).shape:
            raise ShapeError(
                f"histogram: weights should have the same shape as a, got shapes {type_of(weights).shape} "
                f"and {type_of(a).shape}."
            )
        weights = reshape_to(weights, (type_of(a).size,))
    edges = histogram_bin_edges(a, bins, range, weights)
    places = bin_numbers(reshape_to(a, (type_of(a).size,)), edges)
    count = type_of(edges).shape[0]
    counts = slice_axis(counted_at(places, count + 1, weights), 0, 1, count)
    if density:
        widths = sub(slice_axis(edges, 0, 1, count), slice_axis(edges, 0, 0, count - 1))
        counts = div(div(counts, widths), sum(counts))
    return counts, edges


def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    """(counts, list of edges) of points with D coordinates: `sample` of shape (N, D), or D arrays of shape (N,).

    bins    a number or an array of edges, or one of these for each coordinate
    range   (low, high) or None for each coordinate
    """
    if isinstance(sample, (list, tuple)):
        columns = [operand(column, "histogramdd") for column in sample]
    else:
        sample = operand(sample, "histogramdd")
        shape = type_of(sample).shape
        if len(shape) != 2:
            raise ShapeError(f"histogramdd: sample must have shape (N, D), got {shape}.")
        columns = [reshape_to(slice_axis(sample, 1, d, d + 1), shape[:1]) for d in np.arange(shape[1]).tolist()]
    bins = [bins] * len(columns) if isinstance(bins, (int, np.integer)) else list(bins)
    if len(bins) != len(columns):
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    ranges = [None] * len(columns) if range is None else list(range)
    edges = [histogram_bin_edges(column, *each) for column, *each in zip(columns, bins, ranges, strict=True)]
    sizes = [type_of(each).shape[0] + 1 for each in edges]
    flat = 0
    for column, each, size in zip(columns, edges, sizes):
        flat = add(mul(flat, size), bin_numbers(column, each))
    counts = reshape_to(counted_at(flat, math.prod(sizes), None if weights is None else operand(weights)), tuple(sizes))
    for axis, size in enumerate(sizes):
        counts = slice_axis(counts, axis, 1, size - 1)
    counts = convert_to(counts, inexact_dtype(type_of(counts).dtype))
    if density:
        counts = div(counts, sum(counts))
        for axis, each in enumerate(edges):
            size = type_of(each).shape[0]
            widths = sub(slice_axis(each, 0, 1, size), slice_axis(each, 0, 0, size - 1))
            counts = div(counts, reshape_to(widths, (size - 1,) + (1,) * (len(edges) - axis - 1)))
    return counts, edges


def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    """(counts, edges of x, edges of y) of points (x, y): histogramdd of two coordinates."""
    if not isinstance(bins, (int, np.integer)) and len(bins) != 2:  # one array of edges for both
        bins = [bins, bins]
    counts, (x_edges, y_edges) = histogramdd([x, y], bins, range, density, weights)
    return counts, x_edges, y_edges
