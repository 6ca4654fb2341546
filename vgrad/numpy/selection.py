"""Selection by conditions with NumPy's names: where, clip, select, piecewise, nan_to_num, and approximate equality.

Relies on primitives and indexing. Derivatives follow the selected values. Where an unselected branch has an infinite or
NaN derivative, the result is 0 * NaN = NaN, as in JAX: make the branch's input safe too,
where(x > 0, log(where(x > 0, x, 1)), 0).
"""

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy import indexing
from vgrad.numpy.operands import operand, refuse_out
from vgrad.primitives import comparison, complex, elementwise
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reduce_sum

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "clip",
    "isclose",
    "nan_to_num",
    "piecewise",
    "select",
    "where",
]


def truth(condition):
    """The condition as booleans."""
    condition = operand(condition, "condition")
    return condition if type_of(condition).dtype.kind == "b" else comparison.ne(condition, 0)


def where(condition, x=None, y=None, /, *, size=None, fill_value=None):
    """x where the condition holds, else y; broadcast and promoted as in np.where.

    With the condition alone: indices of its nonzero elements; under jit and vmap that needs `size`.
    """
    if x is None and y is None:
        return indexing.nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ValueError("where takes one argument or three: where(condition), where(condition, x, y).")
    return comparison.select(truth(condition), operand(x), operand(y))


def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    """Limit values to [a_min, a_max] (or min=, max=), either of which may be None.

    Edges: at a limit the derivative is shared between the value and the limit. Where a_min > a_max, a_max wins.
    """
    refuse_out(out, "clip")
    low, high = a_min if min is None else min, a_max if max is None else max
    if (min is not None and a_min is not None) or (max is not None and a_max is not None):
        raise ValueError("clip got a limit twice: give a_min and a_max, or min and max.")
    a = operand(a)
    if low is not None:
        a = comparison.maximum(operand(low), a)
    if high is not None:
        a = comparison.minimum(operand(high), a)
    return a


def select(condlist, choicelist, default=0):
    """For each element the choice whose condition holds first, else `default`."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: list of cases must be same length as list of conditions, "
            f"got {len(choicelist)} choices and {len(condlist)} conditions."
        )
    if not len(condlist):
        raise ValueError("select with an empty condition list is not possible.")
    choices = [operand(choice) for choice in choicelist]
    default = operand(default)
    dtype, weak = promote(*[type_of(value) for value in [*choices, default]])
    result = default if weak else convert_to(default, dtype)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices)):
        result = comparison.select(truth(condition), choice, result)
    return result


def piecewise(x, condlist, funclist, *args, **kw):
    """For each element the function whose condition holds last; one more function than conditions is the default.

    funclist    functions of the whole array x (and *args, **kw), or numbers; without a default, 0
    The result has the dtype of x. Each function sees all of x, not only the elements where its condition holds.
    """
    x = operand(x)
    type_ = type_of(x)
    if isinstance(condlist, (Tracer, np.ndarray)):
        one = type_of(condlist).ndim == 0 or (type_of(condlist).ndim == 1 and type_.ndim != 0)
        conditions = [condlist] if one else [condlist[number] for number in range(type_of(condlist).shape[0])]
    else:
        one = all([np.ndim(each) == 0 for each in condlist]) and type_.ndim != 0
        conditions = [condlist] if one else list(condlist)
    functions = list(funclist)
    if len(functions) == len(conditions):
        functions.append(0)
    elif len(functions) != len(conditions) + 1:
        raise ValueError(
            f"piecewise takes one function per condition, and perhaps one more as the default; "
            f"got {len(functions)} functions for {len(conditions)} condition(s)."
        )
    values = [function(x, *args, **kw) if callable(function) else function for function in functions]
    values = [broadcast_to(convert_to(operand(value), type_.dtype), type_.shape) for value in values]
    result = values.pop()
    for condition, value in zip(conditions, values):
        result = comparison.select(truth(condition), value, result)
    return result


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """Numbers in place of NaN (0) and the infinities (the largest and smallest finite numbers).

    The derivative is 0 where a number was put in. `copy` must be true.
    """
    if not copy:
        raise TypeError("nan_to_num: copy=False is not supported, since arrays in transformed functions are immutable.")
    x = operand(x)
    dtype = type_of(x).dtype
    if dtype.kind == "c":
        parts = [nan_to_num(part(x), True, nan, posinf, neginf) for part in (complex.real, complex.imag)]
        return complex.complex_of(*parts)
    if dtype.kind != "f":
        return x
    limits = np.finfo(dtype)
    posinf = limits.max if posinf is None else posinf
    neginf = limits.min if neginf is None else neginf
    x = comparison.select(comparison.isnan(x), convert_to(operand(nan), dtype), x)
    x = comparison.select(comparison.eq(x, np.inf), convert_to(operand(posinf), dtype), x)
    return comparison.select(comparison.eq(x, -np.inf), convert_to(operand(neginf), dtype), x)


# ----------------------------------------------------------------------------------------------- approximate equality


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """True where |a - b| <= atol + rtol * |b|, or both are the same infinity (or NaN, with equal_nan)."""
    a, b = operand(a), operand(b)
    tolerance = elementwise.add(atol, elementwise.mul(rtol, comparison.absolute(b)))
    difference = comparison.absolute(subtract_numbers(a, b))
    near = comparison.logical_and(comparison.le(difference, tolerance), comparison.isfinite(b))
    close = comparison.logical_or(near, comparison.eq(a, b))
    if equal_nan:
        close = comparison.logical_or(close, comparison.logical_and(comparison.isnan(a), comparison.isnan(b)))
    return close


def subtract_numbers(a, b):
    """a - b; booleans, which NumPy does not subtract, count as integers, and unsigned numbers do not wrap."""
    a, b = [convert_to(x, np.int64) if type_of(x).dtype.kind in "bu" else x for x in (a, b)]
    return elementwise.sub(a, b)


def all_of(condition):
    failures = convert_to(comparison.logical_not(condition), np.int64)
    return comparison.eq(reduce_sum(failures, axes=tuple(range(type_of(failures).ndim))), 0)


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close; see isclose."""
    return all_of(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1, a2, equal_nan=False):
    """Whether the arrays have the same shape and equal elements."""
    a1, a2 = operand(a1), operand(a2)
    if type_of(a1).shape != type_of(a2).shape:
        return False
    return all_of(equal_elements(a1, a2, equal_nan))


def equal_elements(a1, a2, equal_nan):
    equal = comparison.eq(a1, a2)
    if not equal_nan:
        return equal
    return comparison.logical_or(equal, comparison.logical_and(comparison.isnan(a1), comparison.isnan(a2)))


def array_equiv(a1, a2):
    """Whether the arrays broadcast together and are equal."""
    try:
        equal = comparison.eq(operand(a1), operand(a2))
    except ShapeError:
        return False
    return all_of(equal)
