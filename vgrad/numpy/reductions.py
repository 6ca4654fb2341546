"""Reductions over axes and cumulative operations, and their versions that leave NaNs out.

Relies on primitives and numpy.operands.

All take `axis` as None (all axes), an int or a tuple, `keepdims`, and `where` (a mask of elements that count).
Result dtypes are NumPy's: sums of booleans and small integers are int64, means of integers are the default float.
"""

import functools
import math

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axes_of, axis_of, operand, refuse_out
from vgrad.numpy.selection import truth
from vgrad.primitives import comparison, reduction
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reduce_sum, reshape_to
from vgrad.primitives.complex import conj, real
from vgrad.primitives.elementwise import add, div, mul, sqrt, square, sub
from vgrad.primitives.shape import concatenate

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "max",
    "mean",
    "min",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]


# ------------------------------------------------------------------------------------------- what all reductions share


@functools.lru_cache
def summed_dtype(dtype):
    """NumPy's dtype of a sum: (u)int64 for booleans and smaller integers, else the same."""
    return np.add.reduce(np.zeros(1, dtype)).dtype


def inexact_dtype(dtype):
    """The dtype itself if it is float or complex, else the default float."""
    return dtype if dtype.kind in "fc" else default_float()


def reduced(primitive, a, axis, keepdims, name):
    """The reduction by the primitive, with the reduced axes kept as axes of size 1 if asked."""
    shape = getattr(a, "shape", ())
    axes = axes_of(axis, len(shape), name)
    return restored(primitive(a, axes=axes), shape, axes, keepdims)


def restored(result, shape, axes, keepdims):
    if not keepdims:
        return result
    return reshape_to(result, tuple([1 if axis in axes else length for axis, length in enumerate(shape)]))


def masked(a, where, identity, name):
    """The array with `identity` where the mask is False."""
    if where is None or where is True:
        return a
    where = truth(where)
    shape = type_of(a).shape
    try:
        fits = np.broadcast_shapes(type_of(where).shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{name}: where= of shape {type_of(where).shape} does not broadcast to shape {shape}.")
    return comparison.select(where, a, np.asarray(identity, type_of(a).dtype)[()])


def counted(shape, axes, where, keepdims, dtype):
    """How many elements count in each result: an int, or an array of the real dtype that belongs to `dtype`."""
    if where is None or where is True:
        return math.prod([shape[axis] for axis in axes])
    real_dtype = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
    mask = convert_to(broadcast_to(truth(where), shape), real_dtype)
    return restored(reduce_sum(mask, axes=axes), shape, axes, keepdims)


# --------------------------------------------------------------------------------------------------- sum, prod, mean


def accumulated(primitive, combine, identity, a, axis, dtype, keepdims, initial, where, name):
    a = operand(a, name)
    dtype = summed_dtype(type_of(a).dtype) if dtype is None else np.dtype(dtype)
    a = masked(convert_to(a, dtype), where, identity, name)
    result = reduced(primitive, a, axis, keepdims, name)
    return result if initial is None else convert_to(combine(result, operand(initial, "initial")), dtype)


def sum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None, promote_integers=True):
    """Sum of the elements, starting from `initial`."""
    refuse_out(out, "sum")
    if not promote_integers and dtype is None:
        dtype = type_of(operand(a, "sum")).dtype
    return accumulated(reduce_sum, add, 0, a, axis, dtype, keepdims, initial, where, "sum")


def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None, promote_integers=True):
    """Product of the elements, times `initial`. Derivatives are right where elements are zero."""
    refuse_out(out, "prod")
    if not promote_integers and dtype is None:
        dtype = type_of(operand(a, "prod")).dtype
    return accumulated(reduction.reduce_prod, mul, 1, a, axis, dtype, keepdims, initial, where, "prod")


def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=None):
    """Arithmetic mean; NaN of no elements. float16 is summed as float32."""
    refuse_out(out, "mean")
    a = operand(a, "mean")
    result_dtype = inexact_dtype(type_of(a).dtype) if dtype is None else np.dtype(dtype)
    working = np.dtype(np.float32) if result_dtype == np.float16 else result_dtype
    a = masked(convert_to(a, working), where, 0, "mean")
    shape = type_of(a).shape
    axes = axes_of(axis, len(shape), "mean")
    total = restored(reduce_sum(a, axes=axes), shape, axes, keepdims)
    return convert_to(div(total, counted(shape, axes, where, keepdims, working)), result_dtype)


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None, correction=None):
    """Mean of the squared distances from the mean; `ddof` (or `correction`) is subtracted from the number of elements.

    Real also for complex arrays. Not negative, and NaN where no element is left to divide by.
    """
    refuse_out(out, "var")
    if correction is not None:
        if ddof:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a = operand(a, "var")
    result_dtype = inexact_dtype(type_of(a).dtype) if dtype is None else np.dtype(dtype)
    working = np.dtype(np.float32) if result_dtype == np.float16 else result_dtype
    a = convert_to(a, working)
    shape = type_of(a).shape
    axes = axes_of(axis, len(shape), "var")
    center = MEAN(a, axis, None, None, True, where=where) if mean is None else operand(mean, "mean")
    distance = sub(a, center)
    if working.kind == "c":
        squares = real(mul(distance, conj(distance)))
        result_dtype = type_of(squares).dtype
    else:
        squares = square(distance)
    squares = masked(squares, where, 0, "var")
    total = restored(reduce_sum(squares, axes=axes), shape, axes, keepdims)
    count = counted(shape, axes, where, keepdims, working)
    if isinstance(count, int):
        result = div(total, count - ddof if count > ddof else 0)
    else:  # NaN is chosen, not left to 0 / 0, so that its derivative is 0
        enough = comparison.gt(count, ddof)
        result = comparison.select(enough, div(total, sub(count, ddof)), np.nan)
    return convert_to(result, result_dtype)


MEAN = mean  # var has an argument of this name


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None, correction=None):
    """Square root of var. Where all elements are equal its derivative is NaN, as is that of sqrt(0) times 0."""
    refuse_out(out, "std")
    return sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """Mean weighted by `weights`, which have the shape of `a` or of its `axis`; with returned=True also their sum."""
    a = operand(a, "average")
    shape = type_of(a).shape
    axes = axes_of(axis, len(shape), "average")
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        total = np.full(type_of(result).shape, math.prod([shape[axis] for axis in axes]), type_of(result).dtype)
        return (result, total) if returned else result
    weights = operand(weights, "weights")
    dtype = inexact_dtype(promote(type_of(a), type_of(weights))[0])
    a, weights = convert_to(a, dtype), convert_to(weights, dtype)
    if type_of(weights).shape != shape:
        if type_of(weights).shape != tuple([shape[axis] for axis in axes]):
            raise ShapeError(
                f"average: weights of shape {type_of(weights).shape} fit neither the array's shape {shape} "
                f"nor its axes {axes}."
            )
        if list(axes) != sorted(axes):
            raise ShapeError(f"average: axes {axes} must be in order when weights have only those.")
        spread = tuple([length if axis in axes else 1 for axis, length in enumerate(shape)])
        weights = broadcast_to(reshape_to(weights, spread), shape)
    total = reduced(reduce_sum, weights, axes, keepdims, "average")
    result = div(reduced(reduce_sum, mul(a, weights), axes, keepdims, "average"), total)
    return (result, total) if returned else result


# --------------------------------------------------------------------------------------------------------- max and min


def extremum(primitive, combine, a, axis, keepdims, initial, where, name):
    a = operand(a, name)
    if initial is None:
        if where is not None and where is not True:
            raise ValueError(f"{name}: reduction operation has no identity, so to use where= give initial=.")
        return reduced(primitive, a, axis, keepdims, name)
    initial = operand(initial, "initial")
    dtype, _ = promote(type_of(a), type_of(initial))
    a, initial = convert_to(a, dtype), convert_to(initial, dtype)
    shape = type_of(a).shape
    axes = axes_of(axis, len(shape), name)
    if where is not None and where is not True:
        a = comparison.select(broadcast_to(truth(where), shape), a, initial)
    rest = tuple([length for place, length in enumerate(shape) if place not in axes])
    if 0 in [shape[place] for place in axes]:
        return restored(broadcast_to(initial, rest), shape, axes, keepdims)
    return combine(reduced(primitive, a, axis, keepdims, name), initial)


def max(a, axis=None, out=None, keepdims=False, initial=None, where=None):
    """Largest element; NaN if there is one. Elements that tie share the derivative.

    Errors:  ShapeError for no elements without `initial`; ValueError for `where` without `initial`.
    """
    refuse_out(out, "max")
    return extremum(reduction.reduce_max, comparison.maximum, a, axis, keepdims, initial, where, "max")


def min(a, axis=None, out=None, keepdims=False, initial=None, where=None):
    """Smallest element; NaN if there is one. Elements that tie share the derivative. Errors as max."""
    refuse_out(out, "min")
    return extremum(reduction.reduce_min, comparison.minimum, a, axis, keepdims, initial, where, "min")


amax, amin = max, min


def ptp(a, axis=None, out=None, keepdims=False):
    """Largest minus smallest element ("peak to peak")."""
    refuse_out(out, "ptp")
    a = operand(a, "ptp")
    return sub(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


def position(primitive, a, axis, keepdims, name):
    a = operand(a, name)
    shape = type_of(a).shape
    if axis is None:
        result = primitive(reshape_to(a, (type_of(a).size,)), axis=0)
        return restored(result, shape, tuple(range(len(shape))), keepdims)
    axis = axis_of(axis, len(shape), name)
    return restored(primitive(a, axis=axis), shape, (axis,), keepdims)


def argmax(a, axis=None, out=None, *, keepdims=False):
    """Position of the largest element, the first of several, or of the first NaN; for axis=None in the flat array."""
    refuse_out(out, "argmax")
    return position(reduction.argmax, a, axis, keepdims, "argmax")


def argmin(a, axis=None, out=None, *, keepdims=False):
    """Position of the smallest element, the first of several, or of the first NaN; for axis=None in the flat array."""
    refuse_out(out, "argmin")
    return position(reduction.argmin, a, axis, keepdims, "argmin")


# ----------------------------------------------------------------------------------------------------------- booleans


def all(a, axis=None, out=None, keepdims=False, *, where=None):
    """Whether all elements are true (not 0; NaN is true)."""
    refuse_out(out, "all")
    return reduced(reduction.reduce_and, masked(truth(a), where, True, "all"), axis, keepdims, "all")


def any(a, axis=None, out=None, keepdims=False, *, where=None):
    """Whether any element is true (not 0; NaN is true)."""
    refuse_out(out, "any")
    return reduced(reduction.reduce_or, masked(truth(a), where, False, "any"), axis, keepdims, "any")


def count_nonzero(a, axis=None, *, keepdims=False):
    """How many elements are not 0 (int64)."""
    return reduced(reduce_sum, convert_to(truth(a), np.dtype(np.int64)), axis, keepdims, "count_nonzero")


# --------------------------------------------------------------------------------------------------------- cumulative


def cumulated(primitive, a, axis, dtype, name):
    a = operand(a, name)
    a = convert_to(a, summed_dtype(type_of(a).dtype) if dtype is None else np.dtype(dtype))
    if axis is None:
        a, axis = reshape_to(a, (type_of(a).size,)), 0
    return primitive(a, axis=axis_of(axis, type_of(a).ndim, name), reverse=False)


def cumsum(a, axis=None, dtype=None, out=None):
    """Sums of the first 1, 2, ... elements along the axis; of the flat array for axis=None."""
    refuse_out(out, "cumsum")
    return cumulated(reduction.cumsum, a, axis, dtype, "cumsum")


def cumprod(a, axis=None, dtype=None, out=None):
    """Products of the first 1, 2, ... elements along the axis; of the flat array for axis=None."""
    refuse_out(out, "cumprod")
    return cumulated(reduction.cumprod, a, axis, dtype, "cumprod")


def cumulative_from(primitive, x, axis, dtype, include_initial, identity, name):
    x = operand(x, name)
    if axis is None:
        if type_of(x).ndim != 1:
            raise ValueError(f"{name}: give axis= for an array of more than one axis, got shape {type_of(x).shape}.")
        axis = 0
    result = cumulated(primitive, x, axis, dtype, name)
    if not include_initial:
        return result
    type_ = type_of(result)
    axis = axis_of(axis, type_.ndim, name)
    shape = type_.shape[:axis] + (1,) + type_.shape[axis + 1 :]
    return concatenate(np.full(shape, identity, type_.dtype), result, axis=axis)


def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """cumsum of the array API: `axis` is needed beyond one axis; include_initial puts a 0 in front."""
    refuse_out(out, "cumulative_sum")
    return cumulative_from(reduction.cumsum, x, axis, dtype, include_initial, 0, "cumulative_sum")


def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """cumprod of the array API: `axis` is needed beyond one axis; include_initial puts a 1 in front."""
    refuse_out(out, "cumulative_prod")
    return cumulative_from(reduction.cumprod, x, axis, dtype, include_initial, 1, "cumulative_prod")


# ------------------------------------------------------------------------------------------------------- without NaNs


def filled(a, value, name):
    """(the array with `value` in place of NaN, where it was NaN); (the array, None) where none can be."""
    a = operand(a, name)
    if type_of(a).dtype.kind not in "fc":
        return a, None
    missing = comparison.isnan(a)
    return comparison.select(missing, type_of(a).dtype.type(value), a), missing


def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None):
    """Sum of the elements that are not NaN; 0 of none."""
    refuse_out(out, "nansum")
    return sum(filled(a, 0, "nansum")[0], axis, dtype, None, keepdims, initial, where)


def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None):
    """Product of the elements that are not NaN; 1 of none."""
    refuse_out(out, "nanprod")
    return prod(filled(a, 1, "nanprod")[0], axis, dtype, None, keepdims, initial, where)


def present(missing, where):
    """The mask of elements that are not missing and that `where` lets count."""
    here = comparison.logical_not(missing)
    return here if where is None or where is True else comparison.logical_and(here, truth(where))


def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=None):
    """Mean of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanmean")
    a, missing = filled(a, 0, "nanmean")
    return mean(a, axis, dtype, None, keepdims, where=where if missing is None else present(missing, where))


def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None, correction=None):
    """Variance of the elements that are not NaN; NaN where no element is left to divide by."""
    refuse_out(out, "nanvar")
    a, missing = filled(a, 0, "nanvar")
    where = where if missing is None else present(missing, where)
    return var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)


def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=None, mean=None, correction=None):
    """Square root of nanvar."""
    refuse_out(out, "nanstd")
    return sqrt(nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction))


def nanextremum(function, worst, a, axis, keepdims, initial, where, name):
    a, missing = filled(a, worst, name)
    result = function(a, axis, None, keepdims, initial, where)
    if missing is None or initial is not None:
        return result
    return comparison.select(all(missing, axis, keepdims=keepdims), np.nan, result)


def nanmax(a, axis=None, out=None, keepdims=False, initial=None, where=None):
    """Largest of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanmax")
    return nanextremum(max, -np.inf, a, axis, keepdims, initial, where, "nanmax")


def nanmin(a, axis=None, out=None, keepdims=False, initial=None, where=None):
    """Smallest of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanmin")
    return nanextremum(min, np.inf, a, axis, keepdims, initial, where, "nanmin")


def nanposition(function, worst, a, axis, keepdims, name):
    a, missing = filled(a, worst, name)
    result = function(a, axis, keepdims=keepdims)
    # as jax; NumPy raises, which a traced program cannot
    return result if missing is None else comparison.select(all(missing, axis, keepdims=keepdims), -1, result)


def nanargmax(a, axis=None, out=None, *, keepdims=False):
    """argmax of the elements that are not NaN; -1 where all are NaN."""
    refuse_out(out, "nanargmax")
    return nanposition(argmax, -np.inf, a, axis, keepdims, "nanargmax")


def nanargmin(a, axis=None, out=None, *, keepdims=False):
    """argmin of the elements that are not NaN; -1 where all are NaN."""
    refuse_out(out, "nanargmin")
    return nanposition(argmin, np.inf, a, axis, keepdims, "nanargmin")


def nancumsum(a, axis=None, dtype=None, out=None):
    """cumsum with NaN counted as 0."""
    refuse_out(out, "nancumsum")
    return cumsum(filled(a, 0, "nancumsum")[0], axis, dtype)


def nancumprod(a, axis=None, dtype=None, out=None):
    """cumprod with NaN counted as 1."""
    refuse_out(out, "nancumprod")
    return cumprod(filled(a, 1, "nancumprod")[0], axis, dtype)
