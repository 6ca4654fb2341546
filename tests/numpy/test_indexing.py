import numpy as np
import pytest

import vgrad.numpy as vnp
from vgrad import grad, jit, vmap
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.testing import check_grads

X = np.cos(np.arange(60.0)).reshape(4, 5, 3)
V = np.array([4.0, 2.0, 7.0, 1.0])
OUTSIDE = np.array([5, -7, 1, -2])


def assert_same(got, wanted):
    if isinstance(wanted, tuple):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted):
            assert_same(one, other)
        return
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    np.testing.assert_array_equal(got, wanted)


# name, arguments that may be traced, keywords
CASES = [
    ("take", (X, np.array([3, -1, 0])), {}),
    ("take", (X, [[1, 2], [-4, 0]]), {"axis": 1}),
    ("take", (X, 2), {"axis": -1}),
    ("take", (X, np.zeros((0,), int)), {"axis": 0}),
    ("take", (X, OUTSIDE), {"axis": 1, "mode": "clip"}),
    ("take", (X, OUTSIDE), {"axis": 1, "mode": "wrap"}),
    ("take", ([1, 2, 3], np.uint8(1)), {}),
    ("take_along_axis", (X, np.argsort(X, 1)), {"axis": 1}),
    ("take_along_axis", (X, np.argmax(X, 2, keepdims=True)), {}),
    ("take_along_axis", (X, np.array([[[1], [2]]])), {"axis": 1}),
    ("take_along_axis", (X[:1], np.array([[[1]], [[2]]])), {"axis": 1}),
    ("take_along_axis", (X, np.array([3, 59])), {"axis": None}),
    ("choose", (np.array([0, 2, 1, 0]), (V, V + 1, 5.0)), {}),
    ("choose", (np.array([[0], [1]]), X[0]), {}),
    ("choose", (OUTSIDE, X[0, :, :1]), {"mode": "wrap"}),
    ("choose", (OUTSIDE, X[0, :, :1]), {"mode": "clip"}),
    ("unravel_index", (np.array([0, 59, 17]),), {"shape": (4, 5, 3)}),
    ("unravel_index", (np.array([[0, 5]]),), {"shape": (2, 3), "order": "F"}),
    ("unravel_index", (4,), {"shape": 7}),
    ("ravel_multi_index", ((np.array([0, 3]), np.array([4, 1])),), {"dims": (4, 5)}),
    ("ravel_multi_index", ((np.array([0, 3]), np.array([4, 1])),), {"dims": (4, 5), "order": "F"}),
    ("ravel_multi_index", ((OUTSIDE, OUTSIDE),), {"dims": (4, 5), "mode": ("clip", "wrap")}),
    ("ix_", (np.array([1, 2]), np.array([0, 3, 1])), {}),
]
KNOWN = [  # the size of the result depends on values
    ("nonzero", (X > 0,), {}),
    ("nonzero", (np.array([0, 2, 0, 1j]),), {}),
    ("flatnonzero", (X > 0.5,), {}),
    ("argwhere", (X > 0.5,), {}),
    ("argwhere", (3.0,), {}),
    ("compress", ([True, False, True], X), {"axis": 1}),
    ("compress", ([0, 1, 1], X), {}),
    ("extract", (X > 0, X), {}),
    ("ix_", (np.array([True, False, True]), []), {}),
    ("where", (X > 0,), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES + KNOWN, ids=lambda value: str(value)[:40])
def test_values_are_numpys(name, args, kwargs):
    assert_same(getattr(vnp, name)(*args, **kwargs), getattr(np, name)(*args, **kwargs))


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=lambda value: str(value)[:40])
def test_traced_values_are_numpys(name, args, kwargs):
    wanted = getattr(np, name)(*args, **kwargs)
    got = jit(lambda *args: getattr(vnp, name)(*args, **kwargs))(*args)
    assert_same(got, wanted)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES[:10], ids=lambda value: str(value)[:40])
def test_vmap_is_a_loop(name, args, kwargs):
    arrays = [np.stack([np.asarray(arg), np.asarray(arg)[::-1] if np.ndim(arg) else arg]) for arg in args]
    got = vmap(lambda *args: getattr(vnp, name)(*args, **kwargs))(*arrays)
    for number in range(2):
        np.testing.assert_array_equal(got[number], getattr(np, name)(*[array[number] for array in arrays], **kwargs))


def test_derivatives():
    indices, ranks = np.array([2, 0, 2]), np.argsort(X, 1)
    check_grads(lambda x: vnp.take(x, indices, axis=1), (X,), order=2)
    check_grads(lambda x: vnp.take_along_axis(x, ranks, axis=1), (X,), order=2)
    check_grads(lambda x, y: vnp.choose(np.array([1, 0, 1, 1]), [x, y]), (V, V * 2), order=1)
    check_grads(lambda x: vnp.compress(X[0, 0] > 0, x, axis=-1, size=3, fill_value=1.0), (X,), order=1)
    check_grads(lambda x, v: vnp.put_along_axis(x, ranks[:, :2], v, 1, inplace=False), (X, X[:, 1:3]), order=1)
    check_grads(lambda x, v: vnp.put(x, indices, v, inplace=False), (X, V[:2]), order=1)
    check_grads(lambda x, v: vnp.place(x, X > 0, v, inplace=False), (X, V), order=1)


def test_lost_elements():
    """Known indices out of bounds raise; of traced ones reads give NaN, writes are dropped."""
    for name in ("take", "take_along_axis"):
        function = getattr(vnp, name)
        with pytest.raises(IndexError, match="index -7 is out of bounds for axis 0 with size 4"):
            function(V, OUTSIDE, axis=0)
        wanted = [np.nan, np.nan, 2, 7]
        np.testing.assert_array_equal(function(V, OUTSIDE, axis=0, mode="fill"), wanted)
        np.testing.assert_array_equal(jit(lambda v, i: function(v, i, axis=0))(V, OUTSIDE), wanted)
        np.testing.assert_array_equal(function(V, OUTSIDE, axis=0, mode="fill", fill_value=9), [9, 9, 2, 7])
    with pytest.raises(IndexError):
        vnp.put(V, OUTSIDE, 0.0, inplace=False)
    np.testing.assert_array_equal(jit(lambda v, i: vnp.put(v, i, 0.0, inplace=False))(V, OUTSIDE), [4, 0, 0, 1])
    with pytest.raises(IndexError):
        vnp.choose(OUTSIDE, [V, V])
    gradient = jit(grad(lambda v, i: vnp.nansum(vnp.take(v, i, axis=0))))(V, OUTSIDE)
    np.testing.assert_array_equal(gradient, [0, 1, 1, 0])


def test_put_and_its_kind_give_new_arrays():
    mask = X > 0
    for run in (lambda f, *args: f(*args), lambda f, *args: jit(f)(*args)):
        wanted = X.copy()
        np.put(wanted, [3, 0, 3], [7.0, 8.0])
        np.testing.assert_array_equal(
            run(lambda x, i: vnp.put(x, i, [7.0, 8.0], inplace=False), X, np.array([3, 0, 3])), wanted
        )
        for mode in ("clip", "wrap"):
            wanted = X.copy()
            np.put(wanted, [99, -1], 9.0, mode=mode)
            got = run(lambda x, i: vnp.put(x, i, 9.0, mode=mode, inplace=False), X, np.array([99, -1]))
            np.testing.assert_array_equal(got, wanted)
        wanted = X.copy()
        np.put_along_axis(wanted, np.argmax(X, 1, keepdims=True), 9.0, 1)
        got = run(lambda x, i: vnp.put_along_axis(x, i, 9.0, 1, inplace=False), X, np.argmax(X, 1, keepdims=True))
        np.testing.assert_array_equal(got, wanted)
        for name in ("place", "putmask"):
            wanted = X.copy()
            getattr(np, name)(wanted, mask, V)
            got = run(lambda x, m: getattr(vnp, name)(x, m, V, inplace=False), X, mask)
            np.testing.assert_array_equal(got, wanted)
    assert vnp.put(np.arange(3), [], 1, inplace=False).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["put", "put_along_axis", "place", "putmask"])
def test_in_place_is_refused(name):
    args = (V, np.array([0]), np.array([1.0])) + ((0,) if name == "put_along_axis" else ())
    with pytest.raises(ValueError, match=f"{name} cannot modify arrays in place(?s:.)*inplace=False"):
        getattr(vnp, name)(*args)


@pytest.mark.parametrize("run", [lambda f, x: f(x), lambda f, x: jit(f)(x)], ids=["known", "traced"])
def test_sizes_cut_off_and_fill_up(run):
    x = np.array([[0, 3, 0], [5, 0, 6]])
    assert_same(run(lambda x: vnp.nonzero(x, size=2), x), (np.array([0, 1]), np.array([1, 0])))
    assert_same(run(lambda x: vnp.nonzero(x, size=4), x), (np.array([0, 1, 1, 0]), np.array([1, 0, 2, 0])))
    assert_same(
        run(lambda x: vnp.nonzero(x, size=4, fill_value=(-1, 9)), x), (np.array([0, 1, 1, -1]), np.array([1, 0, 2, 9]))
    )
    assert_same(run(lambda x: vnp.flatnonzero(x, size=5, fill_value=6), x), np.array([1, 3, 5, 6, 6]))
    assert_same(run(lambda x: vnp.argwhere(x, size=4, fill_value=-1), x), np.array([[0, 1], [1, 0], [1, 2], [-1, -1]]))
    assert_same(run(lambda x: vnp.where(x, size=1), x), (np.array([0]), np.array([1])))
    assert_same(run(lambda x: vnp.extract(x > 3, x, size=4, fill_value=7), x), np.array([5, 6, 7, 7]))
    assert_same(run(lambda x: vnp.compress(x[0] > 0, x, axis=1, size=2), x), np.array([[3, 0], [0, 0]]))
    assert_same(run(lambda x: vnp.nonzero(x[:0], size=2), x), (np.array([0, 0]), np.array([0, 0])))


def test_sizes_under_vmap():
    x = np.array([[0.0, 3.0, 0.0], [5.0, 0.0, 6.0]])
    np.testing.assert_array_equal(vmap(lambda x: vnp.nonzero(x, size=2, fill_value=3)[0])(x), [[1, 3], [0, 2]])


@pytest.mark.parametrize("name", ["nonzero", "flatnonzero", "argwhere", "where"])
def test_a_size_that_depends_on_traced_values_is_refused(name):
    with pytest.raises(ConcretizationTypeError, match=r"i64\[.*depends on values(?s:.)*size=n"):
        jit(getattr(vnp, name))(np.arange(3))
    with pytest.raises(ConcretizationTypeError, match="compress"):
        jit(lambda c, x: vnp.extract(c, x))(V > 2, V)


def test_errors():
    with pytest.raises(TypeError, match=r"take: indices must be integers, got f64\[1\]"):
        vnp.take(V, [1.0])
    with pytest.raises(ShapeError, match=r"same number of dimensions, got shapes \(2,\) and \(4, 5, 3\)"):
        vnp.take_along_axis(X, np.array([0, 1]), 0)
    with pytest.raises(
        ShapeError, match=r"indices of shape \(4, 2, 2\) do not broadcast with an array of shape \(4, 5, 3\)"
    ):
        vnp.take_along_axis(X, np.zeros((4, 2, 2), int), 1)
    with pytest.raises(ValueError, match="index 60 is out of bounds for array with size 60"):
        vnp.unravel_index([1, 60], (4, 5, 3))
    with pytest.raises(ValueError, match="invalid entry in coordinates array"):
        vnp.ravel_multi_index(([4], [0]), (4, 5))
    with pytest.raises(ShapeError, match=r"condition must be a 1-d array, got shape \(4, 5, 3\)"):
        vnp.compress(X > 0, X)
    with pytest.raises(ShapeError, match=r"mask.*shape \(4,\).*shape \(4, 5, 3\)"):
        vnp.place(X, V > 0, V, inplace=False)
    with pytest.raises(ValueError, match="0-d"):
        vnp.nonzero(3.0)
    with pytest.raises(TypeError, match="out= is not supported"):
        vnp.take(V, [0], out=V)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
def test_additions_at_indices_of_a_small_type(dtype):
    table, words = np.ones((120, 400)), np.array([3, 119, 119, 0])
    added = grad(lambda table, words: np.sum(vnp.asarray(table)[words] ** 2))
    np.testing.assert_array_equal(added(table, words.astype(dtype)), added(table, words))
