"""Medians, quantiles and covariance.

Relies on numpy.reductions.
"""

import numpy as np

from vgrad.core.types import INT64, PYTHON_SCALARS, default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axes_of, operand, refuse_out
from vgrad.numpy.reductions import average, inexact_dtype, sum
from vgrad.numpy.selection import clip
from vgrad.numpy.subscripts import known_value
from vgrad.primitives.bits import bitwise_and
from vgrad.primitives.broadcasting import broadcast_to, convert_to, permute, reshape_to
from vgrad.primitives.comparison import clamp, eq, isnan, le, logical_not, maximum, select
from vgrad.primitives.complex import complex_of, conj, imag, real
from vgrad.primitives.contraction import contract
from vgrad.primitives.elementwise import add, ceil, div, floor, mul, sqrt, sub
from vgrad.primitives.indexing import gather
from vgrad.primitives.reduction import merge_axes, reduce_or
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.primitives.sorting import sort

__all__ = [
    "corrcoef",
    "cov",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]


# --------------------------------------------------------------------------------------------------------- quantiles

# Methods that interpolate: (alpha, beta) of Hyndman and Fan, "Sample quantiles in statistical packages", 1996.
CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
DISCRETE = ("lower", "higher", "midpoint", "nearest", "inverted_cdf")


def quantiles(name, a, q, axis, keepdims, method, weights=None, skip_nans=False):
    """Quantiles along axes, the axes of `q` in front."""
    if weights is not None:
        raise NotImplementedError(f"{name}: weights= is not supported.")
    a, q = operand(a, name), operand(q, "q")
    if method not in CONTINUOUS and method not in DISCRETE:
        raise ValueError(f"{name}: method must be one of {', '.join([*CONTINUOUS, *DISCRETE])}, got {method!r}.")
    type_, q_type = type_of(a), type_of(q)
    if type_.dtype.kind == "c":
        raise TypeError(f"{name}: a must be an array of real numbers, got {type_}.")
    known = known_value(q)
    if known is not None and not np.all((np.asarray(known) >= 0) & (np.asarray(known) <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]" if name != "percentile" else PERCENTILE_RANGE)
    axes = axes_of(axis, type_.ndim, name)
    keeps_dtype = method in ("lower", "higher", "nearest", "inverted_cdf")
    dtype = type_.dtype if keeps_dtype else inexact_dtype(promote(type_, q_type)[0])
    values = merge_axes(a if keeps_dtype else convert_to(a, dtype), axes)
    result = quantiles_of_first_axis(values, q, method, skip_nans)
    kept = tuple([1 if place in axes else length for place, length in enumerate(type_.shape)])
    rest = kept if keepdims else type_of(values).shape[1:]
    return reshape_to(result, q_type.shape + rest)


PERCENTILE_RANGE = "Percentiles must be in the range [0, 100]"


def quantiles_of_first_axis(values, q, method, skip_nans):
    """Quantiles along axis 0: shape q.shape + (the other axes)."""
    length, *rest = type_of(values).shape
    dtype, q_shape = type_of(values).dtype, type_of(q).shape
    if length == 0:
        return np.full(q_shape + tuple(rest), np.nan if dtype.kind == "f" else 0, dtype)
    missing = isnan(values) if dtype.kind == "f" else None
    spread = q_shape + (1,) * len(rest)
    count = length
    if skip_nans and missing is not None:
        count = sum(logical_not(missing), axis=0)
        q = reshape_to(q, spread)
    index = virtual_index(q, count, method)
    last = maximum(sub(count, 1), 0)
    low = clamp(0, convert_to(floor(index), INT64), last)
    high = clamp(0, convert_to(ceil(index), INT64), last)
    ordered = sort(values, axis=0)
    if type_of(low).shape == q_shape and not (skip_nans and missing is not None):
        take = [gather(ordered, place, axes=(0,)) for place in (low, high)]
        weight = reshape_to(sub(index, floor(index)), spread)
    else:
        others = [np.arange(n).reshape((n,) + (1,) * (len(rest) - axis - 1)) for axis, n in enumerate(rest)]
        axes = tuple(range(len(rest) + 1))
        take = [
            gather(ordered, broadcast_to(place, q_shape + tuple(rest)), *others, axes=axes) for place in (low, high)
        ]
        weight = sub(index, floor(index))
    result = between(*take, weight, low, method)
    if missing is None:
        return result
    undefined = eq(count, 0) if skip_nans else reduce_or(missing, axes=(0,))
    return select(undefined, dtype.type(np.nan), result)


def virtual_index(q, count, method):
    """Where the quantile lies among the ordered elements 0 ... count - 1; not always at one of them."""
    if method in CONTINUOUS and method != "linear":
        alpha, beta = CONTINUOUS[method]
        return sub(add(mul(q, add(count, 1 - alpha - beta)), alpha), 1.0)
    if method == "inverted_cdf":
        return sub(mul(q, count), 1.0)
    return mul(q, sub(count, 1))


def between(low, high, weight, place, method):
    """The quantile from its neighbours; `weight` is how far it lies from the lower one."""
    dtype = type_of(low).dtype
    if method in ("lower", "higher", "inverted_cdf"):
        return low if method == "lower" else high
    if method == "nearest":  # half way the even element, as NumPy rounds
        even = reshape_to(eq(bitwise_and(place, 1), 0), type_of(weight).shape)
        return select(select(eq(weight, 0.5), even, le(weight, 0.5)), low, high)
    if method == "midpoint":
        return mul(add(low, high), dtype.type(0.5))
    weight = clip(convert_to(weight, dtype), 0, 1)
    return add(mul(low, sub(1, weight)), mul(high, weight))


def quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None,
             interpolation=None):  # fmt: skip
    """The q-th quantiles, q in [0, 1], along axes (None: of all elements). NaN where an element is NaN.

    method  linear, lower, higher, midpoint, nearest, inverted_cdf, and NumPy's other methods that interpolate
    Shapes:  q.shape + (a's shape without the axes).
    Errors:  ValueError for q out of range (if its value is known); weights= is not supported.
    """
    refuse_out(out, "quantile")
    return quantiles("quantile", a, q, axis, keepdims, interpolation or method, weights)


def hundredth(q):
    q = operand(q, "q")
    return q / 100 if type(q) in PYTHON_SCALARS else div(q, 100)


def percentile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None,
               interpolation=None):  # fmt: skip
    """quantile with q in [0, 100]."""
    refuse_out(out, "percentile")
    return quantiles("percentile", a, hundredth(q), axis, keepdims, interpolation or method, weights)


def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """The middle element, or the mean of the two in the middle. NaN where an element is NaN."""
    refuse_out(out, "median")
    return quantiles("median", a, 0.5, axis, keepdims, "midpoint")


def nanquantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None,
                interpolation=None):  # fmt: skip
    """quantile of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanquantile")
    return quantiles("nanquantile", a, q, axis, keepdims, interpolation or method, weights, skip_nans=True)


def nanpercentile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None,
                  interpolation=None):  # fmt: skip
    """percentile of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanpercentile")
    return quantiles("nanpercentile", a, hundredth(q), axis, keepdims, interpolation or method, weights, skip_nans=True)


def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """median of the elements that are not NaN; NaN of none."""
    refuse_out(out, "nanmedian")
    return quantiles("nanmedian", a, 0.5, axis, keepdims, "midpoint", skip_nans=True)


# -------------------------------------------------------------------------------------------------------- covariance


def rows_of(m, rowvar, name):
    """The variables as rows: shape (variables, observations)."""
    m = operand(m, name)
    type_ = type_of(m)
    if type_.ndim > 2:
        raise ShapeError(f"{name}: an array of at most two axes is needed, got shape {type_.shape}.")
    if type_.ndim < 2:
        return reshape_to(m, (1, type_.size))
    return m if rowvar or type_.shape[0] == 1 else permute(m, permutation=(1, 0))


def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """Covariance of variables, the rows of `m` (columns for rowvar=False) and of `y`, over their observations.

    Divided by N - 1, by N with bias=True, by N - ddof if that is given. fweights say how often an observation was made,
    aweights how much it weighs. The dtype is at least the default float.
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    ddof = ddof if ddof is not None else 0 if bias else 1
    rows = rows_of(m, rowvar, "cov")
    if y is not None:
        other = rows_of(y, rowvar, "cov")
        both, _ = promote(type_of(rows), type_of(other))
        rows = concatenate(convert_to(rows, both), convert_to(other, both), axis=0)
    common = np.result_type(type_of(rows).dtype, default_float()) if dtype is None else np.dtype(dtype)
    rows = convert_to(rows, common)
    weights = None
    for given, name in ((fweights, "fweights"), (aweights, "aweights")):
        if given is None:
            continue
        given = operand(given, name)
        if type_of(given).shape != type_of(rows).shape[1:]:
            raise ShapeError(
                f"cov: {name} of shape {type_of(given).shape} do not fit {type_of(rows).shape[1]} observations."
            )
        weights = given if weights is None else mul(weights, given)
    center, total = average(rows, axis=1, weights=weights, returned=True)
    total = real(slice_axis(total, 0, 0, 1)) if type_of(total).dtype.kind == "c" else slice_axis(total, 0, 0, 1)
    if weights is None:
        divisor = type_of(rows).shape[1] - ddof
    elif ddof == 0:
        divisor = total
    elif aweights is None:
        divisor = sub(total, ddof)
    else:
        divisor = sub(total, div(mul(ddof, sum(mul(weights, operand(aweights)), keepdims=True)), total))
    divisor = maximum(divisor, 0)
    rows = sub(rows, reshape_to(center, type_of(center).shape + (1,)))
    weighted = rows if weights is None else convert_to(mul(rows, weights), type_of(rows).dtype)
    second = conj(weighted) if common.kind == "c" else weighted
    products = contract(rows, convert_to(second, type_of(rows).dtype), spec="io,jo->ij")
    result = div(products, convert_to(divisor, np.zeros(0, type_of(rows).dtype).real.dtype))
    return reshape_to(result, tuple([length for length in type_of(result).shape if length != 1]))


def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """Pearson's correlation coefficients of variables, in [-1, 1]; arguments as cov."""
    covariance = cov(x, y, rowvar, dtype=dtype)
    type_ = type_of(covariance)
    if type_.ndim == 0:
        return div(covariance, covariance)
    variances = contract(covariance, spec="ii->i")
    spread = sqrt(real(variances) if type_.dtype.kind == "c" else variances)
    size = type_.shape[0]
    result = div(div(covariance, reshape_to(spread, (size, 1))), spread)
    if type_.dtype.kind == "c":
        return complex_of(clip(real(result), -1, 1), clip(imag(result), -1, 1))
    return clip(result, -1, 1)
