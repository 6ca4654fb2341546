"""Diagonals and triangles: NumPy's results in all dtypes, eager, staged, batched; derivatives; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, jit, vmap
from vgrad.errors import ShapeError

# fmt: off
ROWS = rows(
    ("diagonal", lambda np, x: np.diagonal(x), (3, 3)),
    ("diagonal wide", lambda np, x: np.diagonal(x, 1), (2, 4)),
    ("diagonal tall", lambda np, x: np.diagonal(x, -2), (5, 2)),
    ("diagonal beyond", lambda np, x: np.diagonal(x, 7), (2, 3)),
    ("diagonal beyond below", lambda np, x: np.diagonal(x, -2), (2, 3)),
    ("diagonal axes", lambda np, x: np.diagonal(x, 1, axis1=-1, axis2=0), (3, 2, 4)),
    ("diagonal empty", lambda np, x: np.diagonal(x), (0, 3)),
    ("diag of a matrix", lambda np, x: np.diag(x), (3, 4)),
    ("diag of a matrix, above", lambda np, x: np.diag(x, 2), (3, 4)),
    ("diag of a vector", lambda np, x: np.diag(x), (3,)),
    ("diag of a vector, above", lambda np, x: np.diag(x, 2), (3,)),
    ("diag of a vector, below", lambda np, x: np.diag(x, -1), (2,)),
    ("diag of one", lambda np, x: np.diag(x), (1,)),
    ("diag of none", lambda np, x: np.diag(x), (0,)),
    ("diag of none, above", lambda np, x: np.diag(x, 2), (0,)),
    ("diagflat", lambda np, x: np.diagflat(x, 1), (2, 2)),
    ("diagflat of rank 0", lambda np, x: np.diagflat(x), ()),
    ("tril", lambda np, x: np.tril(x), (3, 3)),
    ("tril below", lambda np, x: np.tril(x, -1), (2, 3, 4)),
    ("tril above", lambda np, x: np.tril(x, 2), (4, 3)),
    ("tril of a vector", lambda np, x: np.tril(x), (3,)),
    ("tril empty", lambda np, x: np.tril(x), (0, 3)),
    ("triu", lambda np, x: np.triu(x), (3, 3)),
    ("triu below", lambda np, x: np.triu(x, -1), (2, 3, 4)),
    ("triu above", lambda np, x: np.triu(x, 1), (3, 4)),
    ("elements of tril", lambda np, x: x[np.tril_indices(3)], (3, 3)),
    ("elements of triu", lambda np, x: x[np.triu_indices(2, 1, 4)], (2, 4)),
    ("elements of tril from", lambda np, x: x[np.tril_indices_from(x, -1)], (3, 4)),
    ("elements of triu from", lambda np, x: x[np.triu_indices_from(x)], (3, 2)),
    ("elements of diag", lambda np, x: x[np.diag_indices(3)], (3, 3)),
    ("elements of diag from", lambda np, x: x[np.diag_indices_from(x)], (2, 2, 2)),
    ("elements of a mask", lambda np, x: x[np.mask_indices(3, np.triu, 1)], (3, 3)),
)
# fmt: on


@ROWS
def test_functions_agree_with_numpy(function, shapes):
    check_agreement(function, shapes)
    check_batches(function, shapes)
    check_derivatives(function, shapes)


def test_tri():
    for args in ((3,), (2, 4), (3, 3, -1), (2, 5, 2), (0,)):
        same(vnp.tri(*args), np.tri(*args))
    same(vnp.tri(2, dtype=bool), np.tri(2, dtype=bool))


def test_a_triangle_hides_nan_from_values_and_gradients():
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    same(vnp.tril(x), np.array([[1.0, 0.0], [2.0, 3.0]]))
    same(grad(lambda x: np.sum(np.tril(x) ** 2))(x), np.array([[2.0, 0.0], [4.0, 6.0]]))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 2), (3, 3, 3)])
@pytest.mark.parametrize("value", [2.5, [1.0, 2.0]])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, value, wrap):
    for dtype in ("float64", "int64"):
        x = draw(shape, dtype)
        expected = x.copy()
        np.fill_diagonal(expected, value, wrap=wrap)
        same(vnp.fill_diagonal(x, value, wrap, inplace=False), expected)
        same(jit(lambda x: vnp.fill_diagonal(x, value, wrap, inplace=False))(x), expected)
    check_derivatives(lambda np, x, v: np.fill_diagonal(x, v, wrap, inplace=False), [shape, np.shape(value)])
    check_batches_of_fill(shape, wrap)


def check_batches_of_fill(shape, wrap):
    x, values = draw((2, *shape), "float64"), np.array([5.0, 7.0])
    expected = np.array(x)
    for each, value in zip(expected, values):
        np.fill_diagonal(each, value, wrap=wrap)
    same(vmap(lambda x, v: vnp.fill_diagonal(x, v, wrap, inplace=False))(x, values), expected)


def test_fill_diagonal_says_that_arrays_do_not_change():
    with pytest.raises(NotImplementedError, match="inplace=False"):
        vnp.fill_diagonal(np.ones((2, 2)), 0.0)


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.diagonal(np.ones(3)), r"diagonal.*\(3,\)"),
    (lambda: vnp.diag(np.ones((1, 2, 3))), r"diag.*\(1, 2, 3\)"),
    (lambda: vnp.tril(1.0), r"tril.*\(\)"),
    (lambda: vnp.tril_indices_from(np.ones(3)), r"tril_indices_from.*\(3,\)"),
    (lambda: vnp.diag_indices_from(np.ones((3, 2))), r"diag_indices_from.*\(3, 2\)"),
    (lambda: vnp.fill_diagonal(np.ones((3, 2, 3)), 0, inplace=False), r"fill_diagonal.*\(3, 2, 3\)"),
])
# fmt: on
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_equal_axes_are_refused():
    with pytest.raises(ValueError, match="axis1 and axis2 must differ"):
        vnp.diagonal(np.ones((2, 2)), axis1=0, axis2=-2)


def test_the_function_diagonal_is_not_hidden_by_a_module():
    vnp.tril(np.ones((2, 2)))
    assert callable(vnp.diagonal) and callable(vnp.pad)
