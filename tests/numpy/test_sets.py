"""Sets: NumPy's results of known arrays; with a given size also of traced ones."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import same
from vgrad import grad, jit, vmap
from vgrad.errors import ConcretizationTypeError

X, Y = np.array([3, 1, 1, 2, 3, 3]), np.array([2, 3, 7])
ROWS = np.array([[1, 2], [1, 2], [0, 5]])
ALL = {"return_index": True, "return_inverse": True, "return_counts": True}


@pytest.mark.parametrize("options", [{}, ALL, {"return_index": True}, {"return_counts": True}, {"equal_nan": False}])
def test_unique(options):
    for x in (X, ROWS, X * 1.5, np.array([np.nan, 1, np.nan]), np.zeros(0), 5, np.array([True, False, True]), 1j * X):
        same(vnp.unique(x, **options), np.unique(x, **options))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unique_along_an_axis(axis):
    for x in (ROWS, ROWS * 0.5, ROWS.reshape(3, 1, 2), np.zeros((0, 2))):
        same(vnp.unique(x, axis=axis, **ALL), np.unique(x, axis=axis, **ALL))


@pytest.mark.parametrize("name", ["unique_all", "unique_counts", "unique_inverse", "unique_values"])
def test_unique_of_the_array_api(name):
    ours, theirs = getattr(vnp, name)(X), getattr(np, name)(X)
    if name == "unique_values":
        same(ours, np.sort(theirs))
    else:
        assert ours._fields == theirs._fields
        same(ours, theirs)


def test_unique_of_a_given_size():
    expected = (
        np.array([1, 2, 3, 1, 1]),
        np.array([1, 3, 0, 1, 1]),
        np.array([2, 0, 0, 1, 2, 2]),
        np.array([2, 1, 3, 0, 0]),
    )
    same(jit(lambda x: vnp.unique(x, size=5, **ALL))(X), expected)
    same(vnp.unique(X, size=5, fill_value=-1), np.array([1, 2, 3, -1, -1]))
    same(vnp.unique(X, size=2, return_counts=True), (np.array([1, 2]), np.array([2, 1])))
    same(vnp.unique(ROWS, size=3, axis=0), np.array([[0, 5], [1, 2], [0, 5]]))
    batched = vmap(lambda x: vnp.unique(x, size=3, return_counts=True))(np.array([[3, 1, 1, 2], [1, 1, 1, 2]]))
    same(batched, (np.array([[1, 2, 3], [1, 2, 1]]), np.array([[2, 1, 1], [3, 1, 0]])))


def test_unique_has_derivatives():
    weights = np.arange(3.0)
    same(grad(lambda x: np.sum(np.unique(x) * weights))(np.array([3.0, 1.0, 1.0, 2.0])), np.array([2.0, 0.0, 0.0, 1.0]))


@pytest.mark.parametrize("name", ["union1d", "intersect1d", "setdiff1d", "setxor1d", "isin"])
def test_sets_of_two_arrays(name):
    nothing = np.zeros(0, int)
    pairs = [(X, Y), (X, X), (X, X + 10), (X, Y + 0.5), (ROWS, Y), (X, nothing), (nothing, Y)]
    for first, second in [*pairs, (np.array([1.0, np.nan]), np.array([np.nan, 2.0]))]:
        same(getattr(vnp, name)(first, second), getattr(np, name)(first, second))


# fmt: off
@pytest.mark.parametrize("name, filled, with_value, cut", [
    ("union1d", [1, 2, 3, 7, 1, 1], [1, 2, 3, 7, -1, -1], [1]),
    ("intersect1d", [2, 3, 2, 2, 2, 2], [2, 3, -1, -1, -1, -1], [2]),
    ("setdiff1d", [1, 0, 0, 0, 0, 0], [1, -1, -1, -1, -1, -1], [1]),
    ("setxor1d", [1, 7, 1, 1, 1, 1], [1, 7, -1, -1, -1, -1], [1]),
])
# fmt: on
def test_sets_of_a_given_size(name, filled, with_value, cut):
    function = getattr(vnp, name)
    same(jit(lambda x, y: function(x, y, size=6))(X, Y), np.array(filled))
    same(function(X, Y, size=6, fill_value=-1), np.array(with_value))
    same(function(X, Y, size=1), np.array(cut))
    batched = vmap(lambda y: function(X, y, size=6))(np.stack([Y, Y]))
    same(batched, np.array([filled, filled]))


def test_options_of_sets():
    same(vnp.intersect1d(X, Y, return_indices=True), np.intersect1d(X, Y, return_indices=True))
    padded = vnp.intersect1d(X, Y, return_indices=True, size=3)
    same(padded, (np.array([2, 3, 2]), np.array([3, 0, 6]), np.array([0, 1, 3])))
    same(vnp.setdiff1d(X, Y, assume_unique=True), np.setdiff1d(X, Y, assume_unique=True))
    same(vnp.isin(ROWS, [1, 5], invert=True), np.isin(ROWS, [1, 5], invert=True))
    same(vnp.in1d(ROWS, [1, 5]), np.isin(ROWS, [1, 5]).ravel())


@pytest.mark.parametrize("name", ["unique", "unique_values", "union1d", "intersect1d", "setdiff1d", "setxor1d"])
def test_the_size_of_traced_sets_must_be_given(name):
    arguments = (X,) if "unique" in name else (X, Y)
    with pytest.raises(ConcretizationTypeError, match=rf"(?s){name[:6]}.*size=n"):
        jit(getattr(vnp, name))(*arguments)


def test_an_empty_set_needs_a_value_to_fill_up_with():
    with pytest.raises(ValueError, match="fill_value"):
        vnp.unique(np.zeros(0), size=2)
    same(vnp.unique(np.zeros(0), size=2, fill_value=7), np.array([7.0, 7.0]))
