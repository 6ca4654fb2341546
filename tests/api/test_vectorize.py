"""vmap. Relies on vgrad.api.vectorize; collectives are in tests/lax."""

import numpy as np
import pytest

from vgrad import grad, jit, lax, vmap

X = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("in_axis", [0, 1, -1, -2])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_axes_of_inputs_and_outputs(in_axis, out_axis):
    got = vmap(lambda x: x * 2, in_axis, out_axis)(X)
    rows = np.moveaxis(X, in_axis, 0)
    np.testing.assert_array_equal(got, np.stack([row * 2 for row in rows], out_axis))


def test_axes_may_be_trees():
    f = lambda p, y: {"a": p["x"] + y, "b": (p["z"], y)}
    args = {"x": X, "z": np.ones((2, 4))}, np.arange(4.0)
    got = vmap(f, in_axes=({"x": 0, "z": 1}, 0), out_axes={"a": 1, "b": (0, 0)})(*args)
    np.testing.assert_array_equal(got["a"], (X + args[1][:, None]).T)
    np.testing.assert_array_equal(got["b"][0], np.ones((4, 2)))
    np.testing.assert_array_equal(vmap(f, in_axes=[{"x": 0, "z": None}, 0])(*args)["b"][0], np.ones((4, 2, 4)))
    np.testing.assert_array_equal(vmap(lambda p: p["x"], ({"x": 0, "z": None},))(args[0]), X)


def test_unmapped_arguments_are_usable_like_traced_ones():
    table, ids = np.arange(10.0), np.array([3, 1, 2])
    np.testing.assert_array_equal(vmap(lambda t, i: t[i], (None, 0))(table, ids), table[ids])
    np.testing.assert_array_equal(vmap(lambda i, t: t[i] + t.sum(), (0, None))(ids, table), table[ids] + 45)


def test_keywords_are_mapped_along_axis_0():
    np.testing.assert_array_equal(vmap(lambda x, y: x * y)(np.arange(3.0), y=np.arange(3.0)), [0, 1, 4])


def test_results_that_do_not_depend_on_the_example_are_repeated():
    got = vmap(lambda x: (1.0, np.arange(2), x))(np.zeros(3))
    np.testing.assert_array_equal(got[0], np.ones(3))
    np.testing.assert_array_equal(got[1], np.tile(np.arange(2), (3, 1)))
    assert vmap(lambda x: 5, out_axes=None)(np.zeros(3)) == 5


def test_axis_size_stands_in_for_mapped_arguments():
    np.testing.assert_array_equal(vmap(lambda: 2.0, axis_size=3)(), [2, 2, 2])
    np.testing.assert_array_equal(vmap(lambda x: x + 1, None, axis_size=2)(1.0), [2, 2])


def test_nested_maps_are_a_table():
    got = vmap(lambda x: vmap(lambda y: x * y)(np.arange(3.0)))(np.arange(4.0))
    np.testing.assert_array_equal(got, np.outer(np.arange(4.0), np.arange(3.0)))
    got = vmap(vmap(lambda x, y: x - y, (None, 0)), (0, None))(np.arange(4.0), np.arange(3.0))
    np.testing.assert_array_equal(got, np.subtract.outer(np.arange(4.0), np.arange(3.0)))


def test_names_reach_through_jit_and_grad():
    f = lambda x: x - lax.pmean(x, "rows")
    np.testing.assert_allclose(vmap(jit(f), axis_name="rows")(X), X - X.mean(0))
    np.testing.assert_allclose(jit(vmap(f, axis_name="rows"))(X), X - X.mean(0))
    np.testing.assert_allclose(vmap(grad(lambda x: np.sum(f(x))), axis_name="rows")(X).shape, X.shape)


def test_no_examples_and_one():
    assert vmap(lambda x: np.sum(x))(X[:0]).shape == (0,)
    np.testing.assert_array_equal(vmap(lambda x: np.sum(x))(X[:1]), [3.0])


def test_dtypes_stay():
    for dtype in (np.float32, np.int8, np.bool_, np.complex64):
        assert vmap(lambda x: x)(np.zeros(3, dtype)).dtype == dtype
        assert vmap(lambda x, y: x + y, (0, None))(np.zeros(3, np.float32), 1.0).dtype == np.float32
