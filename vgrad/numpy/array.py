"""Array: what vgrad.numpy's functions make, an ndarray with `.at`.

Relies on nothing. Results of NumPy's own functions on an Array are Arrays again.
"""

import numpy as np


class Array(np.ndarray):
    """An ndarray that also has what traced arrays have: `.at[index].set(value)`, indexing by traced integers."""

    __slots__ = ()

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """Results of rank 0 are NumPy scalars, as an ndarray gives them."""
        return array[()] if return_scalar else array.view(Array)


def as_array(array):
    """The ndarray as an Array that shares its memory; NumPy scalars become arrays of rank 0."""
    return np.asarray(array).view(Array)
