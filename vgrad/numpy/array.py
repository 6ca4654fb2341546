"""Array: what vgrad.numpy's functions make, an ndarray with `.at`.

Relies on subscripts. Results of NumPy's own functions on an Array are Arrays again.
"""

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import PYTHON_SCALARS
from vgrad.numpy.operands import operand
from vgrad.numpy.subscripts import At, getitem, has_tracer


class Array(np.ndarray):
    """An ndarray that also has what traced arrays have: `.at[index].set(value)`, indexing by traced integers."""

    __slots__ = ()

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """Results of rank 0 are NumPy scalars, as an ndarray gives them."""
        return array[()] if return_scalar else array.view(Array)

    def __getitem__(self, index):
        return getitem(self, index) if has_tracer(index) else super().__getitem__(index)

    @property
    def at(self):
        """Updates that return a new array: `x = x.at[index].add(y)`. See `at`."""
        return at(self)


def as_array(array):
    """The ndarray as an Array that shares its memory; NumPy scalars become arrays of rank 0."""
    return np.asarray(array).view(Array)


def at(x):
    """`at(x)[index].set(y)`: x with x[index] = y, as a new array; likewise add, subtract, multiply, divide, power, min,
    max, apply, and get, which reads.

    x       any array, traced or not; x itself does not change
    index   all that NumPy allows, parts of it may be traced
    See AtIndex for what happens out of bounds and with an index that occurs twice.
    """
    x = operand(x)
    return At(np.asarray(x) if type(x) in PYTHON_SCALARS else x, finished)


def finished(result):
    return result if isinstance(result, Tracer) else as_array(result)
