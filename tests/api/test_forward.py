"""jvp, linearize, linear_transpose. Relies on vgrad.api.forward."""

import numpy as np
import pytest

from vgrad import checkpoint, custom_jvp, grad, jit, jvp, lax, linear_transpose, linearize, vmap
from vgrad.api import ShapeDtypeStruct
from vgrad.core.types import FLOAT0


def test_jvp_of_pytrees():
    f = lambda p, y: {"a": p["x"] * y, "b": (y,)}
    outputs, tangents = jvp(f, ({"x": 2.0}, 3.0), ({"x": 1.0}, 10.0))
    assert outputs == {"a": 6.0, "b": (3.0,)} and tangents == {"a": 23.0, "b": (10.0,)}


def test_jvp_of_lists_of_arguments_and_aux():
    assert jvp(lambda x: x * x, [3.0], [1.0]) == (9.0, 6.0)
    value, tangent, aux = jvp(lambda x: (x * x, x + 1), (3.0,), (1.0,), has_aux=True)
    assert (value, tangent, aux) == (9.0, 6.0, 4.0)


def test_integers_have_empty_tangents():
    outputs, tangents = jvp(lambda n, x: (n + 1, n * x), (2, 3.0), (np.zeros((), FLOAT0), 1.0))
    assert outputs == (3, 6.0) and tangents[0].dtype == FLOAT0 and tangents[1] == 2.0


def test_a_constant_has_zero_tangent():
    value, tangent = jvp(lambda x: np.float32(2), (3.0,), (1.0,))
    assert tangent == 0 and tangent.dtype == np.float32


def test_tangents_have_the_dtype_of_their_primals():
    value, tangent = jvp(np.sin, (np.ones(3, np.float32),), (np.ones(3, np.float32),))
    assert value.dtype == tangent.dtype == np.float32
    _, tangent = jvp(np.sin, (np.float32(1),), (1.0,))
    assert tangent.dtype == np.float32


def test_linearize_runs_the_function_once():
    runs = []

    def f(x, y):
        runs.append(1)
        return np.sin(x) * y, y

    outputs, push = linearize(f, 1.0, 2.0)
    wanted = jvp(f, (1.0, 2.0), (3.0, 5.0))
    assert outputs == wanted[0] and len(runs) == 2
    np.testing.assert_allclose(push(3.0, 5.0), wanted[1])
    np.testing.assert_allclose(push(0.0, 1.0), (np.sin(1.0), 1.0))
    assert len(runs) == 2


def test_linearized_functions_can_be_transformed():
    _, push = linearize(lambda x: x**3, np.arange(3.0))
    np.testing.assert_array_equal(vmap(push)(np.eye(3)), np.diag(3 * np.arange(3.0) ** 2))
    np.testing.assert_array_equal(jit(push)(np.ones(3)), 3 * np.arange(3.0) ** 2)
    np.testing.assert_array_equal(grad(lambda v: np.sum(push(v)))(np.ones(3)), 3 * np.arange(3.0) ** 2)
    value, push, aux = linearize(lambda x: (x * x, x), 3.0, has_aux=True)
    assert (value, push(1.0), aux) == (9.0, 6.0, 3.0)


def test_linearized_functions_do_not_change_with_arguments_or_results():
    x = np.arange(3.0)
    output, push = linearize(lambda x: np.exp(x) * x, x)
    before = push(np.ones(3))
    x[...] = output[...] = 7.0
    np.testing.assert_array_equal(push(np.ones(3)), before)


def test_linear_transpose_needs_types_only():
    f = lambda x, y: 2 * x[:2] + 3 * y
    (by_x, by_y) = linear_transpose(f, ShapeDtypeStruct((3,), np.float64), np.zeros(2))(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(by_x, [2.0, 20.0, 0.0])
    np.testing.assert_array_equal(by_y, [3.0, 30.0])


def test_forward_over_reverse_is_a_hessian_product():
    f = lambda x: np.sum(x**3)
    x, v = np.arange(3.0), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(jvp(grad(f), (x,), (v,))[1], 6 * x * v)
    np.testing.assert_array_equal(grad(lambda x: jvp(f, (x,), (v,))[1])(x), 6 * x * v)


def test_a_program_may_mix_known_and_linear_outputs():
    both = jit(lambda x, v: (np.sin(x), np.cos(x) * v))

    def linear(v):
        known, moved = both(2.0, v)
        return known * moved

    (pulled,) = linear_transpose(linear, 1.0)(3.0)
    np.testing.assert_allclose(pulled, 3 * np.sin(2.0) * np.cos(2.0))

    sine = custom_jvp(lambda x: np.sin(x))
    sine.defjvp(lambda primals, tangents: both(*primals, *tangents))
    f = lambda x: sine(x) * sine(2 * x)
    wanted = lambda x: np.sin(x) * np.sin(2 * x)
    for transform in (grad, lambda f: grad(jit(f)), lambda f: grad(checkpoint(f)), lambda f: grad(grad(f))):
        np.testing.assert_allclose(transform(f)(0.7), transform(wanted)(0.7))


@pytest.mark.parametrize("known", [lambda x, n: np.sin(x) * n, lambda x, n: n])
def test_a_loop_may_carry_known_values_beside_linear_ones(known):
    def linear(v):
        def step(carry, _):
            n, v = carry
            return (known(n, 0.5), v * n), n

        (n, v), stacked = lax.scan(step, (2.0, v), None, length=3)
        return v * n + np.sum(stacked) * v

    (pulled,) = linear_transpose(linear, 1.0)(1.0)
    np.testing.assert_allclose(pulled, linear(1.0))
    np.testing.assert_allclose(grad(checkpoint(lambda v: linear(v) ** 2))(3.0), 6 * pulled**2)
