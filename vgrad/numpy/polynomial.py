"""Polynomials as sequences of coefficients, the highest power first.

Relies on numpy.linalg and numpy.signal. Leading zeros of results stay, since shapes cannot depend on values.
"""

import operator

import numpy as np

from vgrad.core.types import default_complex, default_float, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy import linalg
from vgrad.numpy.contraction import matmul, outer, promoted
from vgrad.numpy.math import inexact, power
from vgrad.numpy.operands import operand, stack_operands
from vgrad.numpy.signal import convolve
from vgrad.numpy.subscripts import known_value
from vgrad.primitives.broadcasting import broadcast_to, convert_to, move_axis, reduce_sum, reshape_to
from vgrad.primitives.complex import real
from vgrad.primitives.elementwise import add, div, mul, neg, sqrt, sub
from vgrad.primitives.shape import concatenate, slice_axis

__all__ = [
    "poly",
    "polyadd",
    "polyder",
    "polydiv",
    "polyfit",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
    "roots",
    "vander",
]


def coefficients(name, p):
    """The operand as a sequence; a number is a constant polynomial."""
    p = operand(p, name)
    shape = type_of(p).shape
    if len(shape) > 1:
        raise ShapeError(f"{name} expects a sequence of coefficients, got shape {shape}.")
    return p if shape else reshape_to(convert_to(p, type_of(p).dtype), (1,))


def first(values, count):
    return slice_axis(values, 0, 0, count)


def at(values, place):
    """values[place], a number."""
    return reshape_to(slice_axis(values, 0, place, place + 1), type_of(values).shape[1:])


def zeros_like(values, count):
    type_ = type_of(values)
    return np.zeros((count,) + type_.shape[1:], type_.dtype)


def vander(x, N=None, increasing=False):
    """The matrix whose columns are powers of x: N - 1, ..., 1, 0, or increasing. N defaults to the length of x."""
    x = operand(x, "vander")
    if type_of(x).ndim != 1:
        raise ValueError(f"vander expects a sequence, got shape {type_of(x).shape}.")
    if type_of(x).dtype.kind == "b":
        x = convert_to(x, np.dtype(np.int64))
    count = type_of(x).size if N is None else operator.index(N)
    if not count:
        return np.zeros((type_of(x).size, 0), type_of(x).dtype)
    exponents = range(count) if increasing else range(count - 1, -1, -1)
    return move_axis(stack_operands([power(x, exponent) for exponent in exponents]), 0, 1)


def polyval(p, x, *, unroll=16):
    """The polynomial's value at x, by Horner's rule. `unroll` is accepted and ignored."""
    p, x = operand(p, "polyval"), operand(x, "polyval")
    value = np.zeros(type_of(x).shape, type_of(x).dtype)
    for place in range(type_of(p).shape[0]):
        value = add(mul(value, x), at(p, place))
    return value


def added(name, a1, a2, operation):
    a1, a2 = promoted([coefficients(name, a1), coefficients(name, a2)])
    length = max(type_of(a1).size, type_of(a2).size)
    padded = [
        a if type_of(a).size == length else concatenate(zeros_like(a, length - type_of(a).size), a, axis=0)
        for a in (a1, a2)
    ]
    return operation(*padded)


def polyadd(a1, a2):
    """The sum of two polynomials."""
    return added("polyadd", a1, a2, add)


def polysub(a1, a2):
    """The difference of two polynomials."""
    return added("polysub", a1, a2, sub)


def polymul(a1, a2, *, trim_leading_zeros=False):
    """The product of two polynomials."""
    refuse_trimming("polymul", trim_leading_zeros)
    return convolve(coefficients("polymul", a1), coefficients("polymul", a2))


def refuse_trimming(name, trim_leading_zeros):
    if trim_leading_zeros:
        raise ValueError(f"{name}: trim_leading_zeros=True would make the result's shape depend on values.")


def polydiv(u, v, *, trim_leading_zeros=False):
    """(quotient, remainder) of two polynomials; the remainder has as many coefficients as u, leading zeros included."""
    refuse_trimming("polydiv", trim_leading_zeros)
    u, v = promoted([inexact(coefficients("polydiv", u)), inexact(coefficients("polydiv", v))])
    length, divisor_length = type_of(u).size, type_of(v).size
    quotient = []
    for place in range(length - divisor_length + 1):
        factor = div(slice_axis(u, 0, place, place + 1), first(v, 1))
        end = place + divisor_length
        rest = sub(slice_axis(u, 0, place, end), mul(factor, v))
        u = concatenate(first(u, place), rest, slice_axis(u, 0, end, length), axis=0)
        quotient.append(factor)
    return (concatenate(*quotient, axis=0) if quotient else zeros_like(u, 1)), u


def polyder(p, m=1):
    """The m-th derivative of a polynomial; without coefficients when nothing is left."""
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyder: order of derivative must be positive, got {m}.")
    p = coefficients("polyder", p)
    for _ in range(m):
        degree = max(type_of(p).size - 1, 0)
        exponents = np.arange(degree, 0, -1)
        p = mul(first(p, degree), exponents.astype(default_float()) if type_of(p).dtype.kind in "fc" else exponents)
    return p


def polyint(p, m=1, k=None):
    """The m-th integral of a polynomial, with integration constants k (a number for all, or m numbers; default 0)."""
    m = operator.index(m)
    if m < 0:
        raise ValueError(f"polyint: order of integral must be positive, got {m}.")
    p = coefficients("polyint", p)
    constants = coefficients("polyint", 0.0 if k is None else k)
    if type_of(constants).size == 1:
        constants = broadcast_to(constants, (m,))
    if type_of(constants).shape != (m,):
        raise ShapeError(f"polyint: k must be a number or {m} of them, got shape {type_of(constants).shape}.")
    if not m:
        return p
    p, constants = promoted([inexact(p), constants])
    for number in range(m):
        divided = div(p, np.arange(type_of(p).size, 0, -1, default_float()))
        p = concatenate(divided, slice_axis(constants, 0, number, number + 1), axis=0)
    return p


def poly(seq_of_zeros):
    """The coefficients of the polynomial with these roots, or of the characteristic polynomial of a square matrix."""
    zeros = operand(seq_of_zeros, "poly")
    shape, is_real = type_of(zeros).shape, type_of(zeros).dtype.kind != "c"
    is_matrix = len(shape) == 2 and shape[0] == shape[1] != 0
    if is_matrix:
        zeros = linalg.eigvals(zeros)
    elif len(shape) > 1:
        raise ValueError(f"poly expects roots or a square matrix, got shape {shape}.")
    zeros = coefficients("poly", inexact(zeros))
    result = np.ones(1, type_of(zeros).dtype)
    for place in range(type_of(zeros).size):
        factor = concatenate(np.ones(1, type_of(zeros).dtype), neg(slice_axis(zeros, 0, place, place + 1)), axis=0)
        result = convolve(result, factor)
    return real(result) if is_matrix and is_real else result


def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """Coefficients of the polynomial of degree `deg` that fits the values y at the points x by least squares.

    y       one sequence, or several as columns
    w       weights of the residuals (not of their squares)
    full    return (coefficients, residuals, rank, singular values, rcond)
    cov     return (coefficients, their covariance), scaled by the residuals unless "unscaled"
    """
    degree = operator.index(deg)
    x, y = [inexact(operand(each, "polyfit")) for each in (x, y)]
    shape, y_shape = type_of(x).shape, type_of(y).shape
    if degree < 0:
        raise ValueError(f"polyfit: expected deg >= 0, got {deg}.")
    if len(shape) != 1 or not shape[0] or len(y_shape) not in (1, 2) or y_shape[0] != shape[0]:
        raise ShapeError(f"polyfit: points of shape {shape} and values of shape {y_shape} do not fit.")
    powers, right_side = vander(x, degree + 1), y
    if w is not None:
        w = inexact(operand(w, "polyfit"))
        if type_of(w).shape != shape:
            raise ShapeError(f"polyfit: weights of shape {type_of(w).shape} do not fit points of shape {shape}.")
        powers = mul(powers, reshape_to(w, shape + (1,)))
        right_side = mul(y, reshape_to(w, shape + (1,) * (len(y_shape) - 1)))
    if rcond is None:
        rcond = shape[0] * float(np.finfo(type_of(x).dtype).eps)
    scale = sqrt(reduce_sum(mul(powers, powers), axes=(0,)))  # columns of one length: better conditioned
    scaled = div(powers, scale)
    solution, residuals, rank, singular = linalg.lstsq(scaled, right_side, rcond)
    solution = div(solution, reshape_to(scale, (degree + 1,) + (1,) * (len(y_shape) - 1)))
    if full:
        return solution, residuals, rank, singular, rcond
    if not cov:
        return solution
    base = div(linalg.inv(matmul(move_axis(scaled, 0, 1), scaled)), outer(scale, scale))
    if len(y_shape) == 2:
        base = reshape_to(base, type_of(base).shape + (1,))
    if cov == "unscaled":
        return solution, base
    if shape[0] <= degree + 1:
        raise ValueError("polyfit: the number of points must exceed deg + 1 to scale the covariance matrix.")
    return solution, mul(base, div(residuals, float(shape[0] - degree - 1)))


def roots(p, *, strip_zeros=True):
    """The roots of a polynomial, as eigenvalues of its companion matrix; always complex, in LAPACK's order.

    strip_zeros     leading zeros are left out and trailing ones give roots 0, which needs known values; with False the
                    first coefficient must not be 0 (NaN), and the function can be traced by jit and vmap
    Errors: ConcretizationTypeError with strip_zeros where the values are not known.
    """
    p = coefficients("roots", p)
    trailing = 0
    if strip_zeros:
        known = known_value(p)
        if known is None:
            raise ConcretizationTypeError(
                "roots: how many roots there are depends on how many leading coefficients are 0, which is not known.",
                "Write roots(p, strip_zeros=False).",
            )
        places = np.flatnonzero(known)
        if not places.size:
            return np.zeros(0, default_complex())
        trailing = type_of(p).size - int(places[-1]) - 1
        p = slice_axis(p, 0, int(places[0]), int(places[-1]) + 1)
    p = inexact(p)
    size = type_of(p).size - 1
    dtype = np.result_type(type_of(p).dtype, np.complex64)
    if size < 1:
        return np.zeros(max(trailing, 0), dtype)
    top = neg(div(slice_axis(p, 0, 1, size + 1), first(p, 1)))
    below = np.eye(size - 1, size, dtype=type_of(p).dtype)
    found = linalg.eigvals(concatenate(reshape_to(top, (1, size)), below, axis=0))
    return concatenate(found, np.zeros(trailing, dtype), axis=0) if trailing else found
