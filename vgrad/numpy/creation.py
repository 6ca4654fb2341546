"""New arrays: zeros, arange, linspace, array and their kind.

Relies on operands, array, dtypes, shape. What depends on no traced value is of class Array: an ndarray with `.at`.
"""

import numpy as np
from numpy import index_exp, s_

from vgrad.core.interpreter import NOT_CONCRETE, Tracer
from vgrad.core.types import PYTHON_SCALARS, default_float, promote, type_of
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.array import as_array
from vgrad.numpy.dtypes import asked_dtype
from vgrad.numpy.operands import array_of, leaves_of, operand
from vgrad.numpy.shape import (
    broadcast_arrays,
    broadcast_to,
    concatenate,
    expand_dims,
    moveaxis,
    reshape,
    static_shape,
)
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.elementwise import add, div, floor, log10, mul, sign, sub
from vgrad.primitives.powers import power
from vgrad.primitives.shape import bitcast, slice_axis

__all__ = [
    "arange",
    "array",
    "asanyarray",
    "asarray",
    "ascontiguousarray",
    "astype",
    "c_",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "fromfunction",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "index_exp",
    "indices",
    "linspace",
    "logspace",
    "meshgrid",
    "mgrid",
    "ogrid",
    "ones",
    "ones_like",
    "r_",
    "s_",
    "view",
    "zeros",
    "zeros_like",
]


def is_traced(*values):
    return any([isinstance(leaf, Tracer) for value in values for leaf in leaves_of(value)])


# ------------------------------------------------------------------------------------------------- from other values


def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, like=None):
    """The value (a number, nested lists, an array; traced values anywhere in it) as an array.

    Lists with traced values are stacked; their common dtype is NumPy's, Python scalars counting as arrays.
    """
    if is_traced(object):
        value = operand(object, "array: argument")
        value = convert_to(value, type_of(value).dtype if dtype is None else asked_dtype(dtype))
        own = type_of(value).shape
        return reshape(value, (1,) * (ndmin - len(own)) + own)
    value = object if hasattr(object, "__array__") else array_of(object)
    value = np.array(value, None if dtype is None else asked_dtype(dtype), copy=copy, order=order, ndmin=ndmin)
    return as_array(operand(value, "array: argument"))


def asarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """As `array`, but shares the memory of an ndarray."""
    return array(a, dtype, copy=copy, order=order or "K")


def asanyarray(a, dtype=None, order=None, *, device=None, copy=None, like=None):
    """The same as asarray."""
    return array(a, dtype, copy=copy, order=order or "K")


def ascontiguousarray(a, dtype=None, *, like=None):
    """As asarray, with the elements in C order in memory and at least one axis."""
    return array(a, dtype, copy=None, order="C", ndmin=1)


def copy(a, order="K", subok=False):
    """A copy that shares no memory; traced arrays, which never change, are their own copies."""
    return array(a, order=order)


def astype(x, dtype, /, *, copy=True, device=None):
    """The array with another dtype. From complex to real: the real part. With `copy` it shares no memory with x."""
    x = operand(x, "astype: argument")
    converted = convert_to(x, asked_dtype(dtype))
    return converted.copy() if copy and converted is x and isinstance(x, np.ndarray) else converted


def view(a, dtype=None):
    """The bits of the elements read as another dtype; the last axis changes its length when the itemsize does."""
    a, dtype = operand(a, "view: argument"), None if dtype is None else asked_dtype(dtype)
    type_ = type_of(a)
    if dtype is None or dtype == type_.dtype:
        return a
    lengths = type_.shape
    if dtype.itemsize == type_.dtype.itemsize:
        return bitcast(a, dtype=dtype)
    if not lengths or lengths[-1] * type_.dtype.itemsize % dtype.itemsize:
        raise ShapeError(f"view: the last axis of an array of type {type_} does not hold whole elements of {dtype}.")
    if dtype.itemsize > type_.dtype.itemsize:
        a = reshape(a, lengths[:-1] + (-1, dtype.itemsize // type_.dtype.itemsize))
    last = lengths[-1] * type_.dtype.itemsize // dtype.itemsize
    return reshape(bitcast(a, dtype=dtype), lengths[:-1] + (last,))


# ------------------------------------------------------------------------------------------------------- one value


def full(shape, fill_value, dtype=None, order="C", *, device=None, like=None):
    """An array of one value (or of values that broadcast). Its dtype, if not given, is that of the value."""
    fill_value = operand(fill_value, "full: fill_value")
    dtype = type_of(fill_value).dtype if dtype is None else asked_dtype(dtype)
    if isinstance(fill_value, Tracer):
        return broadcast_to(convert_to(fill_value, dtype), shape)
    return as_array(np.full(static_shape(shape), fill_value, dtype))


def zeros(shape, dtype=None, order="C", *, device=None, like=None):
    """An array of zeros, of the default float if no dtype is given."""
    return as_array(np.zeros(static_shape(shape), default_float() if dtype is None else asked_dtype(dtype)))


def ones(shape, dtype=None, order="C", *, device=None, like=None):
    """An array of ones, of the default float if no dtype is given."""
    return as_array(np.ones(static_shape(shape), default_float() if dtype is None else asked_dtype(dtype)))


def empty(shape, dtype=None, order="C", *, device=None, like=None):
    """An array whose values do not matter: zeros, so that results can be repeated."""
    return zeros(shape, dtype)


def shape_and_dtype(a, shape, dtype):
    """Those of `a` (anything that has them will do), unless they are given."""
    type_ = a if hasattr(a, "shape") and hasattr(a, "dtype") else type_of(operand(a))
    return type_.shape if shape is None else shape, type_.dtype if dtype is None else dtype


def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`full` with the shape and dtype of `a`."""
    shape, dtype = shape_and_dtype(a, shape, dtype)
    return full(shape, fill_value, dtype)


def zeros_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """Zeros with the shape and dtype of `a`."""
    return zeros(*shape_and_dtype(a, shape, dtype))


def ones_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """Ones with the shape and dtype of `a`."""
    return ones(*shape_and_dtype(a, shape, dtype))


def empty_like(prototype, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """Zeros with the shape and dtype of `prototype`."""
    return zeros(*shape_and_dtype(prototype, shape, dtype))


def eye(N, M=None, k=0, dtype=None, order="C", *, device=None, like=None):
    """Ones on the k-th diagonal, zeros elsewhere."""
    return as_array(np.eye(N, M, k, default_float() if dtype is None else asked_dtype(dtype)))


def identity(n, dtype=None, *, like=None):
    """The identity matrix."""
    return eye(n, dtype=dtype)


# ----------------------------------------------------------------------------------------------------------- ranges


def known(value, name):
    """The value of a static argument. Errors: ConcretizationTypeError for a traced value that is not known."""
    if not isinstance(value, Tracer):
        return value
    constant = value.constant()
    if constant is NOT_CONCRETE:
        raise ConcretizationTypeError(
            f"Abstract tracer value encountered where concrete value is expected: {name} of type {value.type}.",
            "The length of the result depends on it. Mark it static_argnums, or write "
            "start + step * np.arange(length) with a known length.",
        )
    return constant


def arange(start_or_stop, /, stop=None, step=1, *, dtype=None, device=None, like=None):
    """start, start + step, ... below stop (above, for negative steps). All three are static."""
    given = [start_or_stop, stop, step]
    bounds = [known(value, f"arange: {name}") for name, value in zip(("start", "stop", "step"), given)]
    if stop is None:
        bounds[:2] = 0, bounds[0]
    if dtype is None and all([type(bound) in PYTHON_SCALARS for bound in bounds]):
        dtype, _ = promote(*[type_of(bound) for bound in bounds])
    return as_array(np.arange(*bounds, dtype=None if dtype is None else asked_dtype(dtype)))


def spaced(start, stop, dtype):
    """(start, stop, dtype of the computation, dtype of the result): common to linspace, logspace, geomspace."""
    start, stop = broadcast_arrays(operand(start, "start"), operand(stop, "stop"))
    common, _ = promote(type_of(start), type_of(stop), type_of(1.0))
    return convert_to(start, common), convert_to(stop, common), common if dtype is None else asked_dtype(dtype)


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """`num` numbers (static) with equal steps from start to stop, along a new axis. retstep: the step as well."""
    start, stop, wanted = spaced(start, stop, dtype)
    num = static_shape(num)[0]
    if num < 0:
        raise ValueError(f"linspace: number of samples, {num}, must be non-negative.")
    steps = num - 1 if endpoint else num
    delta = sub(stop, start)
    step = div(delta, steps) if steps > 0 else np.full(type_of(delta).shape, np.nan, type_of(delta).dtype)
    real = np.zeros((), type_of(delta).dtype).real.dtype
    count = np.arange(num, dtype=real).reshape((-1,) + (1,) * type_of(start).ndim)
    if steps > 0 and isinstance(delta, Tracer):  # halves and quarters of the way are exact, also if fused when compiled
        values = add(mul(count / real.type(steps), delta), start)
    else:
        values = add(mul(count, step if steps > 0 else delta), start)
    if endpoint and num > 1:  # exactly stop, whatever rounding gives
        values = concatenate([slice_axis(values, 0, 0, num - 1), expand_dims(stop, 0)])
    if wanted.kind in "iu":
        values = floor(values)
    values = moveaxis(convert_to(values, wanted), 0, axis)
    values = values if isinstance(values, Tracer) else as_array(values)
    return (values, step) if retstep else values


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """base ** linspace(start, stop, num)."""
    start, stop, wanted = spaced(start, stop, dtype)
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    base = operand(base, "logspace: base")
    if type_of(base).ndim:
        base = expand_dims(base, axis)
    return convert_to(power(base, exponents), wanted)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers with equal ratios from start to stop (of one sign; complex ones spiral), along a new axis."""
    start, stop, wanted = spaced(start, stop, dtype)
    direction = sign(start)
    values = logspace(log10(div(start, direction)), log10(div(stop, direction)), num, endpoint)
    values = mul(values, direction)
    first, last = [expand_dims(start, 0)][:num], [expand_dims(stop, 0)] if endpoint and num > 1 else []
    values = concatenate([*first, slice_axis(values, 0, len(first), num - len(last)), *last])
    values = moveaxis(convert_to(values, wanted), 0, axis)
    return values if isinstance(values, Tracer) else as_array(values)


# ------------------------------------------------------------------------------------------------------------ grids


def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Coordinates of a grid from vectors of coordinates, a tuple of arrays; with sparse=True they only broadcast."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}.")
    vectors = [operand(value, "meshgrid: argument") for value in xi]
    places = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        places[:2] = 1, 0
    spread = [reshape(x, (1,) * place + (-1,) + (1,) * (len(xi) - place - 1)) for x, place in zip(vectors, places)]
    return tuple(spread) if sparse else broadcast_arrays(*spread)


def indices(dimensions, dtype=int, sparse=False):
    """The index along each axis of an array of this shape: one array, or with sparse=True a tuple that broadcasts."""
    grids = np.indices(static_shape(dimensions), asked_dtype(dtype), sparse)
    return tuple([as_array(grid) for grid in grids]) if sparse else as_array(grids)


def fromfunction(function, shape, *, dtype=float, like=None, **kwargs):
    """function(i, j, ...) of the index arrays of this shape."""
    return function(*indices(shape, dtype), **kwargs)


class Grid:
    """np.mgrid and np.ogrid: slices in square brackets give index arrays."""

    def __init__(self, grid):
        self.grid = grid

    def __getitem__(self, key):
        made = self.grid[key]
        return tuple([as_array(each) for each in made]) if isinstance(made, tuple) else as_array(made)


class Join:
    """np.r_ and np.c_: slices, numbers and arrays (traced or not) in square brackets, joined."""

    def __init__(self, join, columns):
        self.join = join
        self.columns = columns

    def __getitem__(self, key):
        items = key if isinstance(key, tuple) else (key,)
        if not is_traced(*items):
            return as_array(self.join[key])
        items = [self.join[item] if isinstance(item, slice) else operand(item) for item in items]
        if self.columns:
            items = [reshape(item, (-1, 1)) if type_of(item).ndim < 2 else item for item in items]
        return concatenate(
            [reshape(item, -1) if type_of(item).ndim == 0 else item for item in items], axis=-self.columns
        )


mgrid, ogrid = Grid(np.mgrid), Grid(np.ogrid)
r_, c_ = Join(np.r_, False), Join(np.c_, True)
