"""lax reductions, cumulative operations, sorts and products: results, batches, derivatives, errors."""

import numpy as np
import pytest

from tests.numpy.agreement import check_derivatives, draw, same
from vgrad import grad, jit, lax, make_jaxpr, vmap
from vgrad.errors import ShapeError

X = draw((3, 4, 2), "float64")


@pytest.mark.parametrize(
    "name, function", [("reduce_sum", np.sum), ("reduce_prod", np.prod), ("reduce_max", np.max), ("reduce_min", np.min)]
)
def test_reductions_over_axes(name, function):
    ours = getattr(lax, name)
    same(ours(X, (0, 2)), function(X, axis=(0, 2)), 1e-12)
    same(jit(lambda x: ours(x, axes=[-1]))(X), function(X, axis=-1), 1e-12)
    same(vmap(lambda x: ours(x, (1,)), 1, 1)(X), function(X, axis=2), 1e-12)
    check_derivatives(lambda np, x: ours(x, (0,)), [(3, 2)])
    assert ours(X.astype(np.int8), (0,)).dtype == np.int8


def test_conjunctions_and_disjunctions():
    truths, integers = X > 0, draw((3, 4), "int64") & 7
    same(lax.reduce_and(truths, (0,)), np.all(truths, axis=0))
    same(lax.reduce_or(truths, (0, 2)), np.any(truths, axis=(0, 2)))
    same(lax.reduce_and(integers, (0,)), np.bitwise_and.reduce(integers))
    same(lax.reduce_or(integers, (1,)), np.bitwise_or.reduce(integers, axis=1))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name):
    same(getattr(lax, name)(X, 1), getattr(np, name)(X, 1))
    same(getattr(lax, name)(X, -1, np.int32), getattr(np, name)(X, -1).astype(np.int32))


@pytest.mark.parametrize("name, computation, function", [
    ("reduce_sum", lax.add, np.sum), ("reduce_prod", lambda x, y: y * x, np.prod), ("reduce_max", lax.max, np.max),
    ("reduce_min", np.minimum, np.min),
])  # fmt: skip
def test_known_computations_are_recognised(name, computation, function):
    same(lax.reduce(X, 0.5, computation, (0, 2)), function(X, axis=(0, 2), initial=0.5), 1e-12)
    jaxpr = make_jaxpr(lambda x: lax.reduce(x, 0.5, computation, (0, 2)))(X)
    assert name in [equation.primitive.name for equation in jaxpr.equations]


def test_reduce_by_any_computation():
    same(lax.reduce(X, 1.0, lambda x, y: x * y + 0.0 * x, (1,)), np.prod(X, axis=1), 1e-12)
    same(lax.reduce(X > 0, True, lax.bitwise_and, (0,)), np.all(X > 0, axis=0))
    same(lax.reduce(np.zeros((2, 0)), 3.0, lambda x, y: x * y + 1, (1,)), np.full(2, 3.0))

    def larger(first, second):
        take = first[0] >= second[0]
        return lax.select(take, first[0], second[0]), lax.select(take, first[1], second[1])

    numbers = np.broadcast_to(np.arange(4)[:, None], X.shape)
    for reduce in (lax.reduce, jit(lax.reduce, static_argnums=(2, 3))):
        values, places = reduce((X, numbers), (-np.inf, -1), larger, (1,))
        same(values, X.max(1))
        same(places, X.argmax(1))
    batched = vmap(lambda x: lax.reduce(x, 1.0, lambda x, y: x * y + 0.0 * x, (0,)))(X)
    same(batched, np.prod(X, axis=1), 1e-12)
    same(
        grad(lambda x: lax.reduce(x, 1.0, lambda x, y: x * y + 0.0 * x, (0,)))(np.array([1.0, 2.0, 0.0])),
        np.array([0.0, 0.0, 2.0]),
    )


def test_the_computation_may_branch_by_scalars():
    computation = lambda x, y: lax.cond(x > y, lambda: x, lambda: y)  # noqa: E731
    same(lax.reduce(X, -np.inf, computation, (0, 1)), X.max((0, 1)))


@pytest.mark.parametrize("name, ufunc", [
    ("cumsum", np.add), ("cumprod", np.multiply), ("cummax", np.maximum), ("cummin", np.minimum),
    ("cumlogsumexp", np.logaddexp),
])  # fmt: skip
def test_cumulative_operations(name, ufunc):
    ours = getattr(lax, name)
    same(ours(X), ufunc.accumulate(X))
    compiled = jit(lambda x: ours(x, axis=-2))(X)
    same(compiled, ufunc.accumulate(X, axis=1), 1e-14 if name == "cumlogsumexp" else 0)
    same(ours(X, 1, reverse=True), ufunc.accumulate(X[:, ::-1], axis=1)[:, ::-1])
    same(vmap(lambda x: ours(x, reverse=True), 2, 2)(X), ours(X, reverse=True))
    for reverse in (False, True):
        check_derivatives(lambda np, x: ours(x, axis=1, reverse=reverse), [(2, 5)], order=2)


def test_ties_of_cumulative_extrema_share_in_pairs():
    jacobian = vmap(lambda weights: grad(lambda x: np.sum(lax.cummax(x) * weights))(np.ones(3)))(np.eye(3))
    same(jacobian, np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]))


def test_sorts():
    keys, values = np.array([[2, 1, 2, 1]]), np.array([[3.0, 1.0, 2.0, 0.0]])
    same(lax.sort(X, 1), np.sort(X, 1))
    same(lax.sort((keys, values)), (np.array([[1, 1, 2, 2]]), np.array([[1.0, 0.0, 3.0, 2.0]])))
    same(lax.sort([keys, values], num_keys=2), (np.array([[1, 1, 2, 2]]), np.array([[0.0, 1.0, 2.0, 3.0]])))
    same(lax.sort_key_val(values, keys), (np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[1, 1, 2, 2]])))
    batched = vmap(lambda k: lax.sort((k, values[0]), num_keys=2))(keys)
    same(batched, (np.array([[1, 1, 2, 2]]), np.array([[0.0, 1.0, 2.0, 3.0]])))
    check_derivatives(lambda np, x: lax.sort((keys[0], x))[1], [(4,)])


def test_top_k():
    x = np.array([2.0, 3.0, 1.0, 3.0])
    same(lax.top_k(x, 3), [np.array([3.0, 3.0, 2.0]), np.array([1, 3, 0])])
    same(lax.top_k(x[:, None], 1, axis=0), [np.array([[3.0]]), np.array([[1]])])
    same(lax.approx_max_k(x, 2), [np.array([3.0, 3.0]), np.array([1, 3])])
    same(lax.approx_min_k(x, 2), [np.array([1.0, 2.0]), np.array([2, 0])])
    check_derivatives(lambda np, x: lax.top_k(x, 2)[0], [(2, 4)])


@pytest.mark.parametrize("precision", list(lax.Precision))
def test_precision_makes_no_difference(precision):
    same(lax.dot(X[0], X[0].T, precision=precision), X[0] @ X[0].T, 1e-12)


def test_products():
    x, y = draw((2, 3, 4), "float64"), draw((4, 2, 5, 3), "float64", 1)
    numbers = (((2, 1), (0, 3)), ((0,), (1,)))
    same(lax.dot_general(x, y, numbers), np.einsum("bij,jbki->bk", x, y), 1e-12)
    same(jit(lambda x, y: lax.dot_general(x, y, (((), ()), ((0,), (1,)))))(x, y), np.einsum("bij,kblm->bijklm", x, y))
    check_derivatives(lambda np, x, y: lax.dot_general(x, y, numbers), [(2, 3, 4), (4, 2, 5, 3)])
    same(lax.dot(x[0], y[:, 0, 0]), x[0] @ y[:, 0, 0], 1e-12)
    same(lax.dot(x[0, 0], y[:, 0, 0, 0]), x[0, 0] @ y[:, 0, 0, 0], 1e-12)
    same(lax.dot(x, y, dimension_numbers=numbers), lax.dot_general(x, y, numbers))
    same(lax.batch_matmul(x, x.swapaxes(1, 2)), x @ x.swapaxes(1, 2), 1e-12)
    assert lax.dot_general(X[0].astype(np.int8), X[0].T.astype(np.int8), (((1,), (0,)), ((), ()))).dtype == np.int8
    narrow = np.ones((2, 2), np.float32)
    assert lax.dot(narrow, narrow, preferred_element_type=np.float64).dtype == np.float64


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: lax.dot_general(np.ones((2, 3)), np.ones((4, 5)), (((1,), (0,)), ((), ()))),
     r"dot_general requires contracting dimensions.*\(3,\).*\(2, 3\).*\(4,\).*\(4, 5\)"),
    (lambda: lax.dot_general(np.ones((2, 3)), np.ones((4, 3)), (((1,), (1,)), ((0,), (0,)))),
     r"dot_general requires batch dimensions.*\(2,\).*\(4,\)"),
    (lambda: lax.dot(np.ones((2, 3)), np.ones((4, 5))), r"dot: got \(2, 3\) and \(4, 5\)"),
    (lambda: lax.batch_matmul(np.ones((2, 3, 4)), np.ones((5, 4, 3))), r"\(2, 3, 4\) and \(5, 4, 3\)"),
    (lambda: lax.sort((np.ones(3), np.ones(4))), r"sort: operands must have one shape, got \(3,\), \(4,\)"),
    (lambda: lax.sort((np.ones(3),), num_keys=2), r"num_keys=2"),
    (lambda: lax.reduce((np.ones(3), np.ones(4)), (0.0, 0.0), lambda x, y: x, (0,)), r"\(3,\), \(4,\)"),
    (lambda: lax.reduce(np.ones(3), (0.0,), lambda x, y: x, (0,)), r"one structure"),
    (lambda: lax.cumsum(np.ones(3), 1), r"cumsum: axis 1"),
    (lambda: lax.reduce_max(np.ones((2, 0)), (1,)), r"max: zero-size array"),
])
# fmt: on
def test_errors_say_what_does_not_fit(call, message):
    with pytest.raises((ShapeError, ValueError, TypeError), match=message):
        call()
