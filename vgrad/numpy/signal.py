"""Sequences: convolution, interpolation, differences and sums along an axis, window functions.

Relies on primitives, numpy.operands and numpy.math.
"""

import operator

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.contraction import promoted
from vgrad.numpy.math import i0, inexact
from vgrad.numpy.operands import axes_of, axis_of, operand
from vgrad.primitives import comparison, elementwise
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reduce_sum, reshape_to
from vgrad.primitives.comparison import select
from vgrad.primitives.complex import conj
from vgrad.primitives.contraction import contract
from vgrad.primitives.elementwise import add, div, mul, neg, sub
from vgrad.primitives.indexing import gather
from vgrad.primitives.reduction import cumsum
from vgrad.primitives.shape import concatenate, pad, reverse, slice_axis
from vgrad.primitives.sorting import argsort, searchsorted
from vgrad.primitives.window import windows

__all__ = [
    "bartlett",
    "blackman",
    "convolve",
    "correlate",
    "diff",
    "ediff1d",
    "gradient",
    "hamming",
    "hanning",
    "interp",
    "kaiser",
    "trapezoid",
    "trapz",
    "unwrap",
]

# ---------------------------------------------------------------------------------------------------------- convolution


def two_sequences(name, a, v, dtype):
    a, v = promoted([operand(a, name), operand(v, name)], dtype)
    shapes = type_of(a).shape, type_of(v).shape
    if any([len(shape) != 1 or not shape[0] for shape in shapes]):
        raise ShapeError(f"{name} expects two sequences that are not empty, got shapes {shapes[0]} and {shapes[1]}.")
    return a, v


def sliding_products(name, a, kernel, mode):
    """Sums of kernel[j] * a[i + j], a at least as long as the kernel, with zeros around `a` as the mode says."""
    (size,) = type_of(kernel).shape
    around = {"full": (size - 1, size - 1), "same": (size // 2, size - size // 2 - 1), "valid": (0, 0)}
    if mode not in around:
        raise ValueError(f'{name}: mode must be "full", "same" or "valid", got {mode!r}.')
    if size > 1 and mode != "valid":
        a = pad(a, type_of(a).dtype.type(0), widths=((*around[mode], 0),))
    pieces = windows(a, axes=(0,), sizes=(size,), strides=(1,), dilations=(1,))
    return contract(pieces, kernel, spec="ij,j->i")


def convolve(a, v, mode="full", *, precision=None, preferred_element_type=None):
    """Convolution of two sequences: sums of a[i - j] * v[j].

    mode    "full": all sums, N + M - 1; "same": the middle max(N, M); "valid": those without borders, |N - M| + 1
    Cost:   N M products, and as many numbers of memory.
    """
    a, v = two_sequences("convolve", a, v, preferred_element_type)
    if type_of(a).size < type_of(v).size:
        a, v = v, a
    return sliding_products("convolve", a, reverse(v, axes=(0,)), mode)


def correlate(a, v, mode="valid", *, precision=None, preferred_element_type=None):
    """Correlation of two sequences: sums of a[i + j] * conj(v[j]). See convolve for `mode`."""
    a, v = two_sequences("correlate", a, v, preferred_element_type)
    is_complex = type_of(a).dtype.kind == "c"
    if type_of(a).size < type_of(v).size:
        swapped = reverse(correlate(v, a, mode), axes=(0,))
        return conj(swapped) if is_complex else swapped
    return sliding_products("correlate", a, conj(v) if is_complex else v, mode)


# -------------------------------------------------------------------------------------------------------- interpolation


def interp(x, xp, fp, left=None, right=None, period=None):
    """Piecewise linear interpolation at x of the values fp at the points xp, which must increase.

    left, right     values below xp[0] and above xp[-1]; default fp[0] and fp[-1]; "extrapolate" goes on with the line
    period          of x and xp, which then need not be sorted
    The derivative at a point is that to its right, at the last point that to its left, and 0 outside.
    """
    x, xp, fp = operand(x), operand(xp), operand(fp)
    xp_shape, fp_shape = type_of(xp).shape, type_of(fp).shape
    if len(xp_shape) != 1 or xp_shape != fp_shape or not xp_shape[0]:
        raise ShapeError(
            f"interp: points and values must be sequences of one length that is not 0, got {xp_shape} and {fp_shape}."
        )
    x, xp = promoted([inexact(x), inexact(xp)], default_float())
    fp = inexact(fp)
    fp = convert_to(fp, np.result_type(type_of(fp).dtype, type_of(xp).dtype))
    if period is not None:
        x, xp, fp = periodic(x, xp, fp, operand(period))
        left = right = None
    count = type_of(xp).shape[0]
    first, last = [[reshape_to(slice_axis(f, 0, i, i + 1), ()) for f in (xp, fp)] for i in (0, count - 1)]
    if count == 1:
        result = broadcast_to(first[1], type_of(x).shape)
    else:
        above = comparison.clamp(1, searchsorted(xp, x, side="right"), count - 1)
        below = sub(above, 1)
        x0, x1, f0, f1 = [gather(values, at, axes=(0,)) for values in (xp, fp) for at in (below, above)]
        step = sub(x1, x0)
        is_jump = comparison.eq(step, 0)
        slope = div(sub(x, x0), select(is_jump, 1, step))
        result = select(is_jump, f0, add(f0, mul(slope, sub(f1, f0))))
    for place, bound, outside in ((first, left, comparison.lt), (last, right, comparison.gt)):
        if isinstance(bound, str):
            if bound != "extrapolate":
                raise ValueError(f'interp: left and right must be numbers, None or "extrapolate", got {bound!r}.')
            continue
        value = place[1] if bound is None else operand(bound)
        result = select(outside(x, place[0]), value, result)
    return result


def periodic(x, xp, fp, period):
    """x, points and values within one period, and one point more on each side."""
    period = comparison.absolute(period)
    if type_of(period).shape != ():
        raise ShapeError(f"interp: period must be a scalar, got shape {type_of(period).shape}.")
    x, xp = elementwise.remainder(x, period), elementwise.remainder(xp, period)
    order = argsort(xp, axis=0)
    xp, fp = [gather(values, order, axes=(0,), unique=True) for values in (xp, fp)]
    count = type_of(xp).shape[0]
    ends = [[slice_axis(values, 0, i, i + 1) for i in (count - 1, 0)] for values in (xp, fp)]
    xp = concatenate(sub(ends[0][0], period), xp, add(ends[0][1], period), axis=0)
    return x, xp, concatenate(ends[1][0], fp, ends[1][1], axis=0)


# -------------------------------------------------------------------------------------------- differences along an axis


def difference(a, axis):
    """The differences of neighbours; for booleans, whether they differ."""
    length = type_of(a).shape[axis]
    before, after = slice_axis(a, axis, 0, max(length - 1, 0)), slice_axis(a, axis, min(1, length), length)
    return comparison.ne(after, before) if type_of(a).dtype.kind == "b" else sub(after, before)


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """The n-th differences along an axis; values to put before and after it first: a number, or an array."""
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"diff: order must be non-negative but got {n}.")
    a = operand(a, "diff")
    shape = type_of(a).shape
    if not shape:
        raise ValueError("diff requires input that is at least one dimensional.")
    if n == 0:
        return a
    axis = axis_of(axis, len(shape), "diff")
    pieces = [a]
    if prepend is not None and prepend is not np._NoValue:
        pieces.insert(0, as_piece(prepend, shape, axis))
    if append is not None and append is not np._NoValue:
        pieces.append(as_piece(append, shape, axis))
    if len(pieces) > 1:
        a = concatenate(*promoted(pieces), axis=axis)
    for _ in range(n):
        a = difference(a, axis)
    return a


def as_piece(value, shape, axis):
    value = operand(value, "diff")
    return broadcast_to(value, shape[:axis] + (1,) + shape[axis + 1 :]) if type_of(value).shape == () else value


def ediff1d(ary, to_end=None, to_begin=None):
    """The differences of neighbours of the flat array, between numbers to put before and after them."""
    ary = flat(operand(ary, "ediff1d"))
    if type_of(ary).dtype.kind == "b":
        raise TypeError("ediff1d does not accept booleans. Convert them: x.astype(int).")
    pieces = [difference(ary, 0)]
    if to_begin is not None:
        pieces.insert(0, flat(operand(to_begin, "ediff1d: to_begin")))
    if to_end is not None:
        pieces.append(flat(operand(to_end, "ediff1d: to_end")))
    dtype = type_of(pieces[0] if to_begin is None else pieces[1]).dtype
    return concatenate(*[convert_to(piece, dtype) for piece in pieces], axis=0) if len(pieces) > 1 else pieces[0]


def flat(value):
    return reshape_to(value, (type_of(value).size,))


def gradient(f, *varargs, axis=None, edge_order=1):
    """Derivatives of the samples f by central differences: an array for one axis, a tuple for several.

    varargs     spacings: none (1), one number for all axes, or for each axis a number or the points as a sequence
    axis        the axes, default all
    edge_order  1: one-sided differences at the ends; 2: through three points
    """
    f = inexact(operand(f, "gradient"))
    shape = type_of(f).shape
    axes = axes_of(axis, len(shape), "gradient")
    spacings = [operand(spacing, "gradient: spacing") for spacing in varargs] or [1.0]
    if len(spacings) == 1 and type_of(spacings[0]).shape == ():
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: {len(varargs)} spacings do not fit {len(axes)} axes.")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}.")
    results = []
    for place, spacing in zip(axes, spacings):
        length, lengths = shape[place], type_of(spacing).shape
        if length < edge_order + 1:
            raise ShapeError(
                f"gradient: shape {shape} is too small along axis {place}: edge_order={edge_order} needs at least "
                f"{edge_order + 1} elements."
            )
        if lengths not in ((), (length,)):
            raise ShapeError(f"gradient: points of shape {lengths} do not fit axis {place} of shape {shape}.")
        if lengths:
            steps = difference(convert_to(spacing, np.result_type(type_of(spacing).dtype, type_of(f).dtype)), 0)
            steps = reshape_to(steps, (length - 1,) + (1,) * (len(shape) - place - 1))
            results.append(slopes_at_points(f, steps, place, edge_order))
        else:
            step = convert_to(spacing, promote(type_of(spacing), type_of(f))[0])
            results.append(slopes(f, step, place, edge_order))
    return results[0] if len(results) == 1 else tuple(results)


def picked(f, axis, places):
    """One slice of size 1 along the axis for each place (negative: from the end)."""
    length = type_of(f).shape[axis]
    return [slice_axis(f, axis, place % length, place % length + 1) for place in places]


def slopes(f, step, axis, edge_order):
    """Derivatives along an axis of samples at equal steps."""
    length = type_of(f).shape[axis]
    inside = div(sub(slice_axis(f, axis, 2, length), slice_axis(f, axis, 0, length - 2)), mul(step, 2.0))
    ends = []
    for places, sign in (((0, 1, 2), 1.0), ((-1, -2, -3), -1.0)):
        a, b, *c = picked(f, axis, places[: edge_order + 1])
        rise = sub(b, a) if edge_order == 1 else sub(mul(b, 2.0), add(mul(a, 1.5), mul(c[0], 0.5)))
        ends.append(div(mul(rise, sign), step))
    return concatenate(ends[0], inside, ends[1], axis=axis)


def slopes_at_points(f, steps, axis, edge_order):
    """Derivatives along an axis of samples whose neighbours are `steps` apart (axis 0 of steps)."""
    length = type_of(f).shape[axis]
    rises = div(difference(f, axis), steps)
    before, after = slice_axis(steps, 0, 0, length - 2), slice_axis(steps, 0, 1, length - 1)
    slope_before, slope_after = slice_axis(rises, axis, 0, length - 2), slice_axis(rises, axis, 1, length - 1)
    inside = div(add(mul(slope_before, after), mul(slope_after, before)), add(before, after))
    first, last = picked(rises, axis, (0, -1))
    if edge_order == 2:  # the line through the two slopes, half a step further
        (next_to_first, next_to_last), (s0, s1, s2, s3) = picked(rises, axis, (1, -2)), picked(steps, 0, (0, 1, -2, -1))
        first = sub(first, div(mul(sub(next_to_first, first), s0), add(s0, s1)))
        last = add(last, div(mul(sub(last, next_to_last), s3), add(s2, s3)))
    return concatenate(first, inside, last, axis=axis)


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral along an axis by the trapezoidal rule, of samples at the points x or `dx` apart.

    Shapes: x is a sequence for the axis, or like y.
    """
    y = inexact(operand(y, "trapezoid"))
    ndim = type_of(y).ndim
    axis = axis_of(axis, ndim, "trapezoid")
    length = type_of(y).shape[axis]
    if x is None:
        steps = operand(dx, "trapezoid: dx")
    else:
        x = operand(x, "trapezoid: x")
        one_axis = type_of(x).ndim == 1
        steps = difference(x, 0 if one_axis else axis_of(axis - ndim, type_of(x).ndim, "trapezoid"))
        if one_axis:
            steps = reshape_to(steps, type_of(steps).shape + (1,) * (ndim - axis - 1))
    both = add(slice_axis(y, axis, min(1, length), length), slice_axis(y, axis, 0, max(length - 1, 0)))
    return reduce_sum(div(mul(steps, both), 2.0), axes=(axis,))


trapz = trapezoid


def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """Angles along an axis, with jumps of more than `discont` (default half a period) taken back by whole periods.

    The derivative is that of the identity.
    """
    p = operand(p, "unwrap")
    axis = axis_of(axis, type_of(p).ndim, "unwrap")
    if type_of(p).dtype.kind not in "iu" or not isinstance(period, (int, np.integer)):
        p = inexact(p)
        half, at_edge = period / 2, True
    else:
        half, odd = divmod(period, 2)
        at_edge = not odd
    jumps = difference(p, axis)
    wrapped = sub(elementwise.remainder(add(jumps, half), period), half)
    if at_edge:  # a jump of exactly half a period keeps its sign
        is_edge = comparison.logical_and(comparison.eq(wrapped, neg(half)), comparison.gt(jumps, 0))
        wrapped = select(is_edge, half, wrapped)
    small = comparison.lt(comparison.absolute(jumps), half if discont is None else discont)
    correction = cumsum(select(small, 0, sub(wrapped, jumps)), axis=axis, reverse=False)
    length = type_of(p).shape[axis]
    corrected = add(slice_axis(p, axis, min(1, length), length), correction)
    return concatenate(slice_axis(p, axis, 0, min(1, length)), corrected, axis=axis)


# ----------------------------------------------------------------------------------------------------- window functions


def as_default_float(window):
    return window.astype(default_float())


def bartlett(M):
    """The triangular window of M points."""
    return as_default_float(np.bartlett(M))


def blackman(M):
    """The Blackman window of M points."""
    return as_default_float(np.blackman(M))


def hamming(M):
    """The Hamming window of M points."""
    return as_default_float(np.hamming(M))


def hanning(M):
    """The Hann window of M points."""
    return as_default_float(np.hanning(M))


def kaiser(M, beta):
    """The Kaiser window of M points, differentiable with respect to its shape `beta`."""
    beta = inexact(beta)
    if M < 2:
        return np.ones(max(M, 0), default_float())
    places = 2 * np.arange(M) / (M - 1) - 1
    heights = as_default_float(np.sqrt(1 - places**2))
    return div(i0(mul(beta, heights)), i0(beta))
