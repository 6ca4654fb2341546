import numpy as np
import pytest

from tests.control.compositions import ALL, check
from vgrad import grad, jacobian, jit, lax, vmap
from vgrad.errors import ReverseModeError

rng = np.random.default_rng(0)
A, B = rng.normal(size=(3, 3)) * 0.3 + np.eye(3), rng.normal(size=3)


# ---------------------------------------------------------------------------------------------------------------- root


def cube_root(a):
    def solve(f, guess):
        return lax.while_loop(lambda x: np.abs(f(x)) > 1e-13, lambda x: x - f(x) / (3 * x**2), guess)

    return lax.custom_root(lambda x: x**3 - a, 1.0, solve, lambda g, y: y / g(1.0))


def square_root_of_tree(a, b):
    """Two unknowns in a dict, found by Newton's method; with auxiliary output."""

    def f(x):
        return {"u": x["u"] ** 2 - a * b, "v": x["v"] * x["u"] - b}

    def solve(f, guess):
        def step(i, x):
            u = x["u"] - f(x)["u"] / (2 * x["u"])
            return {"u": u, "v": x["v"] - f({"u": u, "v": x["v"]})["v"] / u}

        return lax.fori_loop(0, 30, step, guess), 30.0

    def tangent_solve(g, y):
        uu, vu = g({"u": 1.0, "v": 0.0})["u"], g({"u": 1.0, "v": 0.0})["v"]
        vv = g({"u": 0.0, "v": 1.0})["v"]
        u = y["u"] / uu
        return {"u": u, "v": (y["v"] - vu * u) / vv}

    root, steps = lax.custom_root(f, {"u": 1.0, "v": 1.0}, solve, tangent_solve, has_aux=True)
    return root["u"] + np.sin(root["v"]) * steps


@pytest.mark.parametrize("composition", ALL)
def test_custom_root(composition):
    check(cube_root, lambda a: a ** (1 / 3), (2.0,), composition)


@pytest.mark.parametrize("composition", ALL)
def test_custom_root_of_a_pytree(composition):
    def reference(a, b):
        return np.sqrt(a * b) + np.sin(b / np.sqrt(a * b)) * 30

    check(square_root_of_tree, reference, (2.0, 3.0), composition)


def test_custom_root_checks_structures():
    with pytest.raises(TypeError, match="the output of f in custom_root must have the structure"):
        lax.custom_root(lambda x: (x, x), 1.0, lambda f, x: x, lambda g, y: y)
    with pytest.raises(TypeError, match=r"the root that solve gives in custom_root must have the types \['f64\[\]'\]"):
        lax.custom_root(lambda x: x, 1.0, lambda f, x: np.ones(2) * x, lambda g, y: y)


# -------------------------------------------------------------------------------------------------------- linear solve


def dense(matvec, b):
    return np.linalg.solve(jacobian(matvec)(b), b)


def solution(matrix, b):
    return (lax.custom_linear_solve(lambda x: matrix @ x, b, dense, dense) ** 2).sum()


def symmetric_solution(matrix, b):
    """Conjugate gradients, a loop that reverse mode could not go through."""

    def solve(matvec, b):
        def step(state):
            x, r, p, square = state
            forward = matvec(p)
            size = square / (p @ forward)
            rest = r - size * forward
            return x + size * p, rest, rest + (rest @ rest) / square * p, rest @ rest

        return lax.while_loop(lambda state: state[3] > 1e-28, step, (np.zeros(3), b, b, b @ b))[0]

    matrix = matrix @ matrix.T
    return (lax.custom_linear_solve(lambda x: matrix @ x, b, solve, symmetric=True) ** 2).sum()


@pytest.mark.parametrize("composition", ALL)
def test_custom_linear_solve(composition):
    check(solution, lambda matrix, b: (np.linalg.solve(matrix, b) ** 2).sum(), (A, B), composition)


@pytest.mark.parametrize("composition", ALL)
def test_custom_linear_solve_symmetric(composition):
    def reference(matrix, b):
        return (np.linalg.solve(matrix @ matrix.T, b) ** 2).sum()

    check(symmetric_solution, reference, (A, B), composition)


def test_custom_linear_solve_of_a_pytree_with_auxiliary_output():
    def solve(matvec, b):
        scale = matvec({"u": 1.0, "v": 1.0})
        return {"u": b["u"] / scale["u"], "v": b["v"] / scale["v"]}, {"steps": 1}

    def f(p, q):
        b = {"u": np.sin(q), "v": q**2}
        x, aux = lax.custom_linear_solve(lambda x: {"u": p * x["u"], "v": q * x["v"]}, b, solve, solve, has_aux=True)
        return x["u"] + 2 * x["v"] + aux["steps"]

    def reference(p, q):
        return np.sin(q) / p + 2 * q + 1

    for name in ("value", "grad", "jvp", "hessian", "vmap", "jit of vmap of grad"):
        check(f, reference, (1.3, 0.7), name)


def test_right_hand_sides_alone_are_mapped():
    got = vmap(lambda b: lax.custom_linear_solve(lambda x: A @ x, b, dense))(np.eye(3))
    np.testing.assert_allclose(got, np.linalg.inv(A).T)


def test_reverse_mode_needs_the_transposed_solver():
    f = lambda b: lax.custom_linear_solve(lambda x: A @ x, b, dense).sum()
    with pytest.raises(ReverseModeError, match="transpose_solve required for backwards mode"):
        grad(f)(B)
    with pytest.raises(ReverseModeError, match="transpose_solve required for backwards mode"):
        jit(grad(f))(B)


def test_custom_linear_solve_checks_structures():
    with pytest.raises(TypeError, match="the output of matvec in custom_linear_solve must have the types"):
        lax.custom_linear_solve(lambda x: np.ones(2), B, dense)
    with pytest.raises(TypeError, match="the solution that solve gives in custom_linear_solve must have the structure"):
        lax.custom_linear_solve(lambda x: x, B, lambda matvec, b: (b, b))
