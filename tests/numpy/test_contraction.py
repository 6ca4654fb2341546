"""Products: NumPy's results in all dtypes, eager, staged, batched; derivatives; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, jit, make_jaxpr
from vgrad.errors import ShapeError

# fmt: off
PRODUCTS = rows(
    ("matmul", lambda np, x, y: np.matmul(x, y), (2, 3), (3, 4)),
    ("matmul vector matrix", lambda np, x, y: np.matmul(x, y), (3,), (3, 4)),
    ("matmul matrix vector", lambda np, x, y: np.matmul(x, y), (2, 3), (3,)),
    ("matmul vectors", lambda np, x, y: np.matmul(x, y), (3,), (3,)),
    ("matmul transposed", lambda np, x, y: np.matmul(x.T, y.T), (3, 2), (4, 3)),
    ("matmul stacks", lambda np, x, y: np.matmul(x, y), (5, 1, 2, 3), (4, 3, 2)),
    ("matmul stack of one", lambda np, x, y: np.matmul(x, y), (1, 2, 3), (1, 3, 2)),
    ("matmul stack and vector", lambda np, x, y: np.matmul(x, y), (4, 2, 3), (3,)),
    ("matmul empty", lambda np, x, y: np.matmul(x, y), (2, 0), (0, 3)),
    ("operator", lambda np, x, y: x @ y, (2, 3), (3, 4)),
    ("dot", lambda np, x, y: np.dot(x, y), (2, 3), (3, 4)),
    ("dot of higher rank", lambda np, x, y: np.dot(x, y), (2, 3), (4, 3, 2)),
    ("dot with rank 0", lambda np, x, y: np.dot(x, y), (), (3,)),
    ("dot vectors", lambda np, x, y: np.dot(x, y), (3,), (3,)),
    ("inner", lambda np, x, y: np.inner(x, y), (2, 3), (4, 3)),
    ("inner with rank 0", lambda np, x, y: np.inner(x, y), (2,), ()),
    ("vdot", lambda np, x, y: np.vdot(x, y), (2, 3), (2, 3)),
    ("outer", lambda np, x, y: np.outer(x, y), (2, 2), (3,)),
    ("tensordot", lambda np, x, y: np.tensordot(x, y), (2, 3, 4), (3, 4, 2)),
    ("tensordot 0", lambda np, x, y: np.tensordot(x, y, 0), (2, 3), (2,)),
    ("tensordot axes", lambda np, x, y: np.tensordot(x, y, ([2, 0], [1, 0])), (2, 3, 4), (2, 4)),
    ("tensordot axis", lambda np, x, y: np.tensordot(x, y, (-1, 0)), (2, 3), (3, 2)),
    ("einsum", lambda np, x, y: np.einsum("ij,jk->ik", x, y), (2, 3), (3, 4)),
    ("einsum implicit", lambda np, x, y: np.einsum("kj, ji", x, y), (2, 3), (3, 4)),
    ("einsum ellipsis", lambda np, x, y: np.einsum("...ij,...jk->...ik", x, y), (5, 2, 3), (3, 4)),
    ("einsum implicit ellipsis", lambda np, x, y: np.einsum("i...,i...", x, y), (2, 3), (2, 3)),
    ("einsum ellipsis in front", lambda np, x, y: np.einsum("...j,j", x, y), (5, 2, 3), (3,)),
    ("einsum interleaved", lambda np, x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), (2, 3), (3, 4)),
    ("einsum interleaved implicit", lambda np, x, y: np.einsum(x, [30, 1], y, [1, 2]), (2, 3), (3, 4)),
    ("einsum size 1 broadcasts", lambda np, x, y: np.einsum("ij,jk->ik", x, y), (2, 1), (3, 4)),
    ("einsum sums alone", lambda np, x, y: np.einsum("ij,k->i", x, y), (2, 3), (4,)),
    ("einsum diagonal", lambda np, x, y: np.einsum("iji,j->i", x, y), (3, 2, 3), (2,)),
    ("einsum of three", lambda np, x, y: np.einsum("ij,jk,lk->il", x, y, x[:, :2], optimize=True), (2, 3), (3, 2)),
    ("kron", lambda np, x, y: np.kron(x, y), (2, 3), (2, 2)),
    ("kron of other rank", lambda np, x, y: np.kron(x, y), (2, 3), (2,)),
    ("vecdot", lambda np, x, y: np.vecdot(x, y), (4, 3), (3,)),
    ("vecdot axis", lambda np, x, y: np.vecdot(x, y, axis=0), (3, 4), (3, 4)),
    ("matvec", lambda np, x, y: np.matvec(x, y), (4, 2, 3), (4, 3)),
    ("vecmat", lambda np, x, y: np.vecmat(x, y), (4, 2), (4, 2, 3)),
)

CROSS = rows(
    ("cross", lambda np, x, y: np.cross(x, y), (4, 3), (4, 3)),
    ("cross axes", lambda np, x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), (3, 4), (4, 3)),
    ("cross broadcast", lambda np, x, y: np.cross(x, y), (4, 3), (3,)),
    ("cross of higher rank", lambda np, x, y: np.cross(x[:, None], y), (4, 3), (5, 3)),
)

OF_ONE = rows(
    ("einsum sum", lambda np, x: np.einsum("ij->", x), (2, 3)),
    ("einsum transpose", lambda np, x: np.einsum("ij->ji", x), (2, 3)),
    ("einsum trace", lambda np, x: np.einsum("ii", x), (3, 3)),
    ("einsum ellipsis diagonal", lambda np, x: np.einsum("...ii->...i", x), (2, 3, 3)),
    ("trace", lambda np, x: np.trace(x), (3, 3)),
    ("trace offset", lambda np, x: np.trace(x, 1), (3, 4)),
    ("trace below", lambda np, x: np.trace(x, -2, 0, 2), (3, 2, 4)),
    ("trace far off", lambda np, x: np.trace(x, 9), (3, 3)),
    ("square of itself", lambda np, x: np.matmul(x, x), (3, 3)),
    ("times a list", lambda np, x: np.dot(x, [1, 2, 3]), (2, 3)),
    ("dot with a scalar", lambda np, x: np.dot(x, 2), (2, 3)),
)
# fmt: on


@PRODUCTS
def test_products_agree_with_numpy(function, shapes):
    check_agreement(function, shapes, tolerance=1e-6)


@PRODUCTS
def test_products_map_over_any_axis(function, shapes):
    check_batches(function, shapes, tolerance=1e-12)


@PRODUCTS
def test_products_have_derivatives(function, shapes):
    check_derivatives(function, shapes)


@CROSS
def test_cross_products(function, shapes):
    check_agreement(function, shapes, ("float64", "float32", "int64", "complex128"), tolerance=1e-6)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


def test_cross_product_of_vectors_of_two_components():
    x, y = draw((4, 3), "float64"), draw((4, 2), "float64")
    padded = np.concatenate([y, np.zeros((4, 1))], axis=1)
    same(vnp.cross(x, y), np.cross(x, padded))
    same(vnp.cross(y, x), np.cross(padded, x))
    same(vnp.cross(y, y[0]), np.cross(padded, padded[0])[:, 2])


@OF_ONE
def test_functions_of_one_array(function, shapes):
    dtypes = ("float64", "float32", "int64", "complex128")  # einsum of booleans is a disjunction, as NumPy's
    check_agreement(function, shapes, dtypes, tolerance=1e-6)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


def test_sums_of_small_integers_along_a_diagonal_are_int64():
    same(vnp.trace(np.full((2, 2), 100, np.int8)), np.int64(200))


def test_promotion_is_numpys():
    x, y = np.ones((2, 2), np.float32), np.ones((2, 2), np.int32)
    same(vnp.matmul(x, y), np.matmul(x, y))
    same(vnp.dot(2.0, x), np.dot(2.0, x))
    assert vnp.matmul(x, x, preferred_element_type=np.float64).dtype == np.float64
    assert vnp.einsum("ij->i", x, dtype=np.float64).dtype == np.float64


def test_a_product_is_one_equation():
    for function in (vnp.matmul, vnp.dot, lambda x, y: vnp.einsum("ab, bc", x, y)):
        jaxpr = make_jaxpr(function)(np.ones((2, 3)), np.ones((3, 4)))
        assert [equation.primitive.name for equation in jaxpr.equations] == ["contract"]


def test_einsum_path_is_numpys():
    shapes = [(2, 3), (3, 4), (4, 5)]
    arrays = [np.ones(shape) for shape in shapes]
    assert vnp.einsum_path("ij,jk,kl->il", *arrays) == np.einsum_path("ij,jk,kl->il", *arrays)


def test_cotangents_on_a_diagonal_leave_the_rest_zero():
    x = draw((3, 3), "float64")
    same(grad(lambda x: np.einsum("ii", x))(x), np.eye(3))
    same(grad(lambda x: np.inf * np.trace(x))(x), np.where(np.eye(3) == 1, np.inf, 0.0))


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.matmul(np.ones((2, 3)), np.ones((4, 5))), r"matmul: shapes \(2, 3\) and \(4, 5\).*size 3.*size 4"),
    (lambda: vnp.matmul(np.ones((2, 3)), np.ones((5, 3))), r"(?s)matmul: .*second array should be transposed"),
    (lambda: vnp.matmul(np.ones((3, 2)), np.ones((3, 5))), r"(?s)matmul: .*first array should be transposed, write .T"),
    (lambda: vnp.matmul(np.ones((2, 4, 3)), np.ones((5, 3, 6))), r"matmul: batch axes \(2,\).*\(5,\)"),
    (lambda: vnp.matmul(2.0, np.ones(3)), r"(?s)matmul.*\(\).*write \*"),
    (lambda: vnp.dot(np.ones((2, 3)), np.ones((5, 3))), r"(?s)dot: shapes \(2, 3\) and \(5, 3\).*write .T"),
    (lambda: vnp.inner(np.ones((2, 3)), np.ones((5, 4))), r"inner: shapes \(2, 3\) and \(5, 4\)"),
    (lambda: vnp.tensordot(np.ones((2, 3)), np.ones((4, 5)), 1), r"tensordot: shapes \(2, 3\) and \(4, 5\)"),
    (lambda: vnp.tensordot(np.ones((2, 3)), np.ones((4, 5)), 3), r"tensordot: axes=3"),
    (lambda: vnp.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((4, 5))),
     r"einsum 'ij,jk->ik': axis 'j' has size 3 in operand 0 \(f64\[2,3\]\) but 4 in operand 1 \(f64\[4,5\]\)"),
    (lambda: vnp.einsum("ij,jk->il", np.ones((2, 3)), np.ones((3, 5))), r"output letter 'l'"),
    (lambda: vnp.einsum("ij->ii", np.ones((2, 3))), r"output letter 'i' occurs twice"),
    (lambda: vnp.einsum("ijk->i", np.ones((2, 3))), r"'ijk' has 3 letters but operand 0 has rank 2"),
    (lambda: vnp.einsum("i,j->i", np.ones(2)), r"written for 2 operands but got 1"),
    (lambda: vnp.einsum("i$->i", np.ones((2, 3))), r"'i\$'"),
    (lambda: vnp.cross(np.ones(4), np.ones(3)), r"cross: .*\(4,\)"),
    (lambda: vnp.trace(np.ones(3)), r"trace.*\(3,\)"),
])
# fmt: on
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call()
    with pytest.raises(ShapeError, match=message):
        jit(call)()


def test_out_is_refused():
    with pytest.raises(TypeError, match="matmul: out= is not supported"):
        vnp.matmul(np.ones((2, 2)), np.ones((2, 2)), out=np.ones((2, 2)))
