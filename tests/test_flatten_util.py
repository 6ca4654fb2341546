"""Trees as vectors. Relies on vgrad.flatten_util."""

import numpy as np
import pytest

from vgrad import grad, jit, vmap
from vgrad.flatten_util import ravel_pytree


def test_there_and_back():
    value = {"b": [np.arange(6.0).reshape(2, 3)], "a": (1.5, np.zeros((0, 2)))}
    flat, unravel = ravel_pytree(value)
    np.testing.assert_array_equal(flat, [1.5, 0, 1, 2, 3, 4, 5])
    again = unravel(flat)
    assert again["a"][0] == 1.5 and again["a"][1].shape == (0, 2)
    np.testing.assert_array_equal(again["b"][0], value["b"][0])


def test_leaves_share_a_dtype_and_get_theirs_back():
    flat, unravel = ravel_pytree((np.float32(1), np.arange(2), np.ones(1, np.float32)))
    assert flat.dtype == np.float64
    assert [leaf.dtype for leaf in unravel(flat)] == [np.float32, np.int64, np.float32]
    assert ravel_pytree(np.ones((2, 2), np.float32))[0].dtype == np.float32


def test_the_empty_tree():
    flat, unravel = ravel_pytree(())
    assert flat.shape == (0,) and unravel(flat) == ()


def test_a_vector_of_another_length_is_an_error():
    _, unravel = ravel_pytree((1.0, np.ones(3)))
    with pytest.raises(ValueError, match=r"expected a vector of shape \(4,\), got shape \(5,\)"):
        unravel(np.ones(5))


def test_both_ways_can_be_transformed():
    flat, unravel = ravel_pytree({"w": np.arange(3.0), "b": 2.0})
    loss = lambda v: np.sum(unravel(v)["w"] ** 2) * unravel(v)["b"]
    np.testing.assert_array_equal(grad(loss)(flat), [5, 0, 4, 8])
    np.testing.assert_array_equal(jit(vmap(loss))(np.stack([flat, flat])), [10, 10])
    np.testing.assert_array_equal(grad(lambda p: np.sum(ravel_pytree(p)[0] ** 2))((3.0, 4.0)), (6.0, 8.0))
