"""Sorting and searching: NumPy's results, staged, batched; derivatives, also at ties; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, hessian, jit, vmap
from vgrad.errors import ShapeError

# fmt: off
SORTS = rows(
    ("sort", lambda np, x: np.sort(x), (3, 4)),
    ("sort axis", lambda np, x: np.sort(x, axis=0), (3, 4)),
    ("sort flat", lambda np, x: np.sort(x, axis=None), (3, 4)),
    ("sort empty", lambda np, x: np.sort(x), (3, 0)),
    ("sort twice", lambda np, x: np.sort(np.sort(x, axis=0), axis=1), (3, 4)),
)

ORDERS = rows(
    ("argsort", lambda np, x: np.argsort(x, stable=True), (3, 4)),
    ("argsort axis", lambda np, x: np.argsort(x, axis=0, stable=True), (3, 4)),
    ("argsort flat", lambda np, x: np.argsort(x, axis=None, stable=True), (3, 4)),
    ("lexsort", lambda np, x: np.lexsort((x, x[:, ::-1] > 0)), (3, 4)),
    ("lexsort of rows", lambda np, x: np.lexsort(x), (2, 4)),
    ("lexsort axis", lambda np, x: np.lexsort((x, x > 0), axis=0), (3, 4)),
)
# fmt: on


@SORTS
def test_sorts(function, shapes):
    check_agreement(function, shapes)
    check_batches(function, shapes)
    check_derivatives(function, shapes)


@ORDERS
def test_orders(function, shapes):
    check_agreement(function, shapes, ("float64", "int64", "bool"))
    check_batches(function, shapes)


def test_nans_come_last_and_first_if_descending():
    x = np.array([np.nan, 1.0, 3.0, 2.0, 3.0])
    same(vnp.sort(x), np.sort(x))
    same(vnp.argsort(x, descending=True), np.array([0, 2, 4, 3, 1]))
    same(vnp.sort(x, descending=True), np.array([np.nan, 3.0, 3.0, 2.0, 1.0]))


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.float32, np.float64, np.complex64])
def test_sort_complex(dtype):
    x = np.array([[3, 1], [2, 5]]).astype(dtype)
    same(vnp.sort_complex(x), np.sort_complex(x))


def test_equal_elements_keep_their_order():
    weights = np.arange(5.0)
    same(grad(lambda x: np.sum(np.sort(x) * weights))(np.array([1.0, 1.0, 0.0, 1.0, 0.0])), weights[[2, 3, 0, 4, 1]])


def test_second_derivatives_of_a_sort():
    same(hessian(lambda x: np.sort(x**3)[1])(np.array([3.0, 1.0, 2.0])), np.diag([0.0, 0.0, 12.0]))


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_partition(axis):
    x = draw((3, 5), "float64")
    ordered = np.sort(x, axis)
    length = ordered.shape[0 if axis is None else axis]
    for kth in (0, 2, -1):
        parted = vnp.partition(x, kth, axis)
        place = kth % length
        same(np.sort(parted, -1 if axis is None else axis), ordered)
        taken = np.take(parted, range(place + 1), 0 if axis is None else axis)
        same(taken, np.take(ordered, range(place + 1), 0 if axis is None else axis))
        places = vnp.argpartition(x, kth, axis)
        found = np.take_along_axis(x.ravel() if axis is None else x, places, -1 if axis is None else axis)
        same(np.take(found, range(place + 1), 0 if axis is None else axis), taken)
        same(np.sort(found, -1 if axis is None else axis), ordered)
    same(vnp.partition(x, [1, 2], axis), ordered)
    check_derivatives(lambda np, x: np.partition(x, 1, axis)[:2], [(3, 4)])


def test_partition_in_jax_order():
    x = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 0.0, 7.0])
    same(vnp.partition(x, 3), np.array([0.0, 1.0, 2.0, 3.0, 7.0, 5.0, 4.0]))
    same(vnp.argpartition(x, 3), np.array([5, 1, 3, 4, 0, 2, 6]))


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    x = np.array([1.0, 2.0, 2.0, 5.0])
    for values in (2.0, 3, [0.0, 2.0, 9.0, np.nan], np.ones((2, 0)), np.array([[5, 1]])):
        same(vnp.searchsorted(x, values, side), np.searchsorted(x, values, side))
        same(jit(lambda x, v: np.searchsorted(x, v, side))(x, np.asarray(values)), np.searchsorted(x, values, side))
    order = np.array([3, 1, 0, 2])
    unsorted = np.empty(4)
    unsorted[order] = x
    same(vnp.searchsorted(unsorted, [2.0, 7.0], side, order), np.searchsorted(unsorted, [2.0, 7.0], side, order))
    same(vnp.searchsorted([1, 2, 3], 2.5), np.searchsorted([1, 2, 3], 2.5))


def test_searchsorted_maps_over_both_arguments():
    tables, values = np.sort(draw((3, 4), "float64"), axis=1), draw((3, 2), "float64", 1)
    expected = np.stack([np.searchsorted(table, value) for table, value in zip(tables, values)])
    same(vmap(np.searchsorted)(tables, values), expected)
    same(vmap(lambda v: np.searchsorted(tables[0], v), 1, 1)(values), np.searchsorted(tables[0], values))
    same(
        vmap(lambda t: np.searchsorted(t, values[0]))(tables), np.stack([np.searchsorted(t, values[0]) for t in tables])
    )
    twice = vmap(vmap(np.searchsorted, (None, 0)), (0, None))(tables, values)
    same(twice, np.stack([np.searchsorted(table, values) for table in tables]))


def test_top_k():
    x = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 4.0, 9.0, 4.0]])
    same(vnp.top_k(x, 2), (np.array([[3.0, 3.0], [9.0, 5.0]]), np.array([[1, 2], [2, 0]])))
    same(vnp.top_k(x, 1, axis=0), (np.array([[5.0, 4.0, 9.0, 4.0]]), np.array([[1, 1, 1, 1]])))
    same(vnp.top_k(x, 2, mode="smallest"), (np.array([[1.0, 2.0], [4.0, 4.0]]), np.array([[0, 3], [1, 3]])))
    same(vmap(lambda row: vnp.top_k(row, 2)[1])(x), np.array([[1, 2], [2, 0]]))
    check_derivatives(lambda np, x: vnp.top_k(x, 2)[0], [(3, 4)])


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.sort(np.ones(3), axis=1), r"sort: axis 1"),
    (lambda: vnp.sort(np.ones(3), order="x"), r"structured"),
    (lambda: vnp.lexsort((np.ones(3), np.ones(4))), r"one shape, got \(4,\), \(3,\)"),
    (lambda: vnp.partition(np.ones(3), 3), r"kth\(=3\) out of bounds \(3\)"),
    (lambda: vnp.searchsorted(np.ones((2, 3)), 1.0), r"searchsorted: .*\(2, 3\)"),
    (lambda: vnp.searchsorted(np.ones(3), 1.0, "middle"), r"'middle'"),
    (lambda: vnp.searchsorted(np.ones(3), 1.0, sorter=[0, 1]), r"sorter of shape \(2,\).*\n?.*\(3,\)"),
    (lambda: vnp.top_k(np.ones((2, 3)), 4), r"top_k: k=4 must lie between 0 and 3"),
])
# fmt: on
def test_errors_say_what_does_not_fit(call, message):
    with pytest.raises((ShapeError, ValueError, IndexError), match=message):
        call()
