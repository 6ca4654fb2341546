"""jacfwd, jacrev, hessian. Relies on vgrad.api.jacobians."""

import numpy as np
import pytest

from vgrad import hessian, jacfwd, jacobian, jacrev, jit, tree, vmap

BOTH = pytest.mark.parametrize("jac", [jacfwd, jacrev])
MATRIX = np.arange(6.0).reshape(2, 3) + 1


@BOTH
def test_shapes_are_output_then_input(jac):
    j = jac(lambda x: np.outer(x, x)[:2])(np.arange(3.0))
    assert j.shape == (2, 3, 3)
    np.testing.assert_allclose(jac(lambda x: MATRIX @ x)(np.ones(3)), MATRIX)
    assert jac(lambda x: x * 2)(3.0) == 2.0
    assert jac(np.sum)(MATRIX).shape == (2, 3)


@BOTH
def test_trees_of_outputs_hold_trees_of_inputs(jac):
    f = lambda p: {"a": p["x"] * p["y"], "b": (p["x"],)}
    j = jac(f)({"x": np.arange(2.0), "y": np.array([3.0, 4.0])})
    np.testing.assert_array_equal(j["a"]["x"], np.diag([3.0, 4.0]))
    np.testing.assert_array_equal(j["a"]["y"], np.diag([0.0, 1.0]))
    np.testing.assert_array_equal(j["b"][0]["x"], np.eye(2))
    np.testing.assert_array_equal(j["b"][0]["y"], np.zeros((2, 2)))


@BOTH
def test_argnums_and_aux(jac):
    f = lambda x, y: x * y
    x, y = np.arange(2.0), np.array([3.0, 4.0])
    by_x, by_y = jac(f, (0, 1))(x, y)
    np.testing.assert_array_equal(by_x, np.diag(y))
    np.testing.assert_array_equal(by_y, np.diag(x))
    np.testing.assert_array_equal(jac(f, -1)(x, y), np.diag(x))
    j, aux = jac(lambda x: (x * x, x + 1), has_aux=True)(x)
    np.testing.assert_array_equal(j, np.diag(2 * x))
    np.testing.assert_array_equal(aux, x + 1)


@BOTH
def test_sizes_of_zero(jac):
    assert jac(lambda x: x * 2)(np.ones(0)).shape == (0, 0)
    assert jac(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert jac(lambda x: np.sum(x) * np.ones(2))(np.ones(0)).shape == (2, 0)


@BOTH
def test_float32_stays(jac):
    assert jac(np.sin)(np.ones(3, np.float32)).dtype == np.float32


@BOTH
def test_jacobians_batch_and_stage(jac):
    f = lambda x: np.stack([x[0] * x[1], x[0] ** 2])
    points = np.arange(6.0).reshape(3, 2)
    wanted = np.stack([[[x[1], x[0]], [2 * x[0], 0]] for x in points])
    np.testing.assert_allclose(vmap(jac(f))(points), wanted)
    np.testing.assert_allclose(jit(jac(f))(points[1]), wanted[1])


@BOTH
def test_holomorphic(jac):
    z = np.array([1 + 2j, 0.5j])
    np.testing.assert_allclose(jac(lambda z: z**2, holomorphic=True)(z), np.diag(2 * z))


def test_jacobian_is_jacrev():
    assert jacobian is jacrev


def test_hessians_of_trees():
    f = lambda p: np.sum(p["x"] ** 2) * p["y"]
    h = hessian(f)({"x": np.array([1.0, 2.0]), "y": 3.0})
    np.testing.assert_allclose(h["x"]["x"], 6 * np.eye(2))
    np.testing.assert_allclose(h["x"]["y"], [2.0, 4.0])
    np.testing.assert_allclose(h["y"]["x"], [2.0, 4.0])
    assert h["y"]["y"] == 0 and len(tree.leaves(h)) == 4


def test_hessian_of_a_vector_function_and_of_two_arguments():
    assert hessian(lambda x: x**3)(np.ones(2)).shape == (2, 2, 2)
    h = hessian(lambda x, y: x * x * y, argnums=(0, 1))(3.0, 5.0)
    assert h == ((10.0, 6.0), (6.0, 0.0))
