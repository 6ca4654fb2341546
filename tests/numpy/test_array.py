import copy
import pickle

import numpy as np
import pytest

import vgrad.numpy as vnp
from vgrad import jit, vmap
from vgrad.numpy.array import Array, as_array, at


def test_results_of_numpy_on_arrays_are_arrays_or_scalars():
    x = as_array([1.0, 2.0])
    assert type(x + 1) is type(np.sin(x)) is type(x[:1]) is Array
    assert type(x.sum()) is type(x[0]) is np.float64
    assert type(vnp.zeros(3)) is Array


def test_arrays_are_indexed_by_traced_integers():
    x = as_array(np.arange(12.0).reshape(4, 3))
    ids = np.array([2, 0])
    np.testing.assert_array_equal(jit(lambda i: x[i])(ids), x[ids])
    np.testing.assert_array_equal(jit(lambda i: x[1:, i])(2), x[1:, 2])
    np.testing.assert_array_equal(vmap(lambda i: x[i, [i, 0]])(ids), x[[[2, 2], [0, 0]], [[2, 0], [0, 0]]])


def test_updates_leave_the_array_and_chain():
    x = vnp.zeros(3)
    y = x.at[0].set(1.0).at[1:].add(2.0).at[np.array([2, 2])].multiply(3.0)
    assert type(y) is Array
    np.testing.assert_array_equal(y, [1, 2, 18])
    np.testing.assert_array_equal(x, [0, 0, 0])


@pytest.mark.parametrize("x", [np.zeros(3), [0.0, 0.0, 0.0], as_array(np.zeros(3))], ids=lambda x: type(x).__name__)
def test_at_takes_any_array(x):
    np.testing.assert_array_equal(at(x)[1].set(5.0), [0, 5, 0])
    np.testing.assert_array_equal(jit(lambda i: at(x)[i].set(5.0))(1), [0, 5, 0])


def test_at_of_a_scalar():
    assert at(3.0)[()].add(1.0) == 4.0
    assert vnp.at(np.float32(3))[...].set(1.0).dtype == np.float32


def test_arrays_copy_and_pickle():
    x = as_array([1.0, 2.0])
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(other) is Array
        np.testing.assert_array_equal(other, x)
