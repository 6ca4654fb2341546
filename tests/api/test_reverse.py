"""grad, value_and_grad, vjp. Relies on vgrad.api.reverse; derivatives of models are in tests/laws."""

import numpy as np
import pytest

from vgrad import config, grad, jit, lax, make_jaxpr, value_and_grad, vjp, vmap
from vgrad.core.types import FLOAT0
from vgrad.testing import check_grads


def product(x, y):
    return x * y


def test_the_tutorial():
    assert grad(product, argnums=0)(3.0, 4.0) == 4.0
    assert grad(product, argnums=1)(3.0, 4.0) == 3.0
    assert value_and_grad(product, argnums=0)(3.0, 4.0) == (12.0, 4.0)
    assert grad(lambda x, y: x * lax.stop_gradient(y), argnums=1)(3.0, 4.0) == 0.0
    np.testing.assert_allclose(grad(np.tanh)(0.5), 0.7864477, rtol=1e-7)
    check_grads(product, (3.0, 4.0), order=2)


@pytest.mark.parametrize("default, short", [("float64", "f64"), ("float32", "f32")])
def test_the_tutorial_prints(default, short):
    with config(default_float=default):
        first, second = [" ".join(str(make_jaxpr(grad(product, number))(3.0, 4.0)).split()) for number in (0, 1)]
    head = f"{{ lambda ; a:{short}[] b:{short}[]. let _:{short}[] = mul a b; c:{short}[] = "
    assert (first, second) == (head + "mul 1.0 b in (c,) }", head + "mul a 1.0 in (c,) }")


def test_argnums_choose_arguments():
    f = lambda x, y, z: x * y * z
    assert grad(f)(2.0, 3.0, 5.0) == 15.0
    assert grad(f, -1)(2.0, 3.0, 5.0) == 6.0
    assert grad(f, (2, 0))(2.0, 3.0, 5.0) == (6.0, 15.0)
    assert grad(f, (1,))(2.0, 3.0, 5.0) == (10.0,)
    assert grad(f, [0])(2.0, 3.0, 5.0) == (15.0,)


def test_gradients_have_the_structure_and_dtype_of_the_argument():
    params = {"w": np.ones((3, 2), np.float32), "b": [np.float64(1.0), None], "n": ()}
    gradient = grad(lambda p: np.sum(p["w"]) * p["b"][0])(params)
    assert gradient["w"].shape == (3, 2) and gradient["w"].dtype == np.float32
    assert gradient["b"] == [6.0, None] and gradient["b"][0].dtype == np.float64 and gradient["n"] == ()


def test_keywords_are_not_differentiated():
    assert grad(lambda x, *, scale: x * scale)(3.0, scale=5.0) == 5.0
    assert grad(lambda x, scale=2.0: x * scale)(3.0) == 2.0


def test_aux_values_come_back_untouched():
    f = lambda x: (x * x, {"double": 2 * x, "name": np.arange(3)})
    gradient, aux = grad(f, has_aux=True)(3.0)
    assert gradient == 6.0 and aux["double"] == 6.0 and (aux["name"] == np.arange(3)).all()
    (value, aux), gradient = value_and_grad(f, has_aux=True)(3.0)
    assert (value, gradient, aux["double"]) == (9.0, 6.0, 6.0)
    gradients, aux = vmap(grad(f, has_aux=True))(np.arange(3.0))
    np.testing.assert_array_equal(aux["double"], [0, 2, 4])


def test_integers_may_be_allowed():
    gradient = grad(lambda n, x: n * x, argnums=(0, 1), allow_int=True)(3, 2.0)
    assert gradient[0].dtype == FLOAT0 and gradient[0].shape == () and gradient[1] == 3.0


def test_a_constant_function_has_zero_gradient():
    np.testing.assert_array_equal(grad(lambda x: 3.0)(np.ones(3)), np.zeros(3))
    assert grad(lambda x, y: y * 2.0)(1.0, 3.0) == 0.0


def test_holomorphic_derivatives():
    z = 0.3 + 0.4j
    np.testing.assert_allclose(grad(lambda z: z**3 + np.exp(z), holomorphic=True)(z), 3 * z**2 + np.exp(z))


def test_gradients_by_complex_arguments_follow_jax():
    # of a real function of x + iy: df/dx - i df/dy
    np.testing.assert_allclose(grad(lambda z: np.real(z) ** 2 + 3 * np.imag(z))(2.0 + 5.0j), 4.0 - 3.0j)
    np.testing.assert_allclose(grad(lambda z: np.abs(z) ** 2)(2.0 + 5.0j), 4.0 - 10.0j)


def test_higher_orders_nest():
    f = lambda x: x**5
    for order, wanted in enumerate([32.0, 80.0, 160.0, 240.0, 240.0, 120.0, 0.0]):
        g = f
        for _ in range(order):
            g = grad(g)
        np.testing.assert_allclose(g(2.0), wanted)


def test_perturbations_are_not_confused():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert grad(lambda x: x * vmap(grad(lambda y: x * y))(np.ones(2))[0])(3.0) == 6.0


def test_python_control_flow_needs_no_jit():
    def power(x, n):
        result = 1.0
        while n > 0:
            if n % 2:
                result = result * x
            x, n = x * x, n // 2
        return result

    assert grad(power)(2.0, 5) == 80.0
    assert grad(lambda x: x if x > 0 else -x)(-2.0) == -1.0


def test_python_scalars_give_scalars_of_the_default_float():
    assert type(grad(product)(3.0, 4.0)) is np.float64
    with config(default_float="float32"):
        assert grad(product)(3.0, 4.0).dtype == np.float32
        assert grad(product)(np.float64(3.0), 4.0).dtype == np.float64


def test_vjp_pulls_cotangents_back_many_times():
    outputs, pull = vjp(lambda x, y: {"sum": x + y, "product": x * y}, 3.0, 4.0)
    assert outputs == {"sum": 7.0, "product": 12.0}
    assert pull({"sum": 1.0, "product": 10.0}) == (41.0, 31.0)
    assert pull({"sum": 0.0, "product": 1.0}) == (4.0, 3.0)


def test_vjp_with_aux_and_with_integers():
    value, pull, aux = vjp(lambda x: (x * 2, "kept" and x + 1), 3.0, has_aux=True)
    assert (value, pull(1.0), aux) == (6.0, (2.0,), 4.0)
    outputs, pull = vjp(lambda x, n: (x * n, n + 1), 3.0, 2)
    by_x, by_n = pull((1.0, np.zeros((), FLOAT0)))
    assert by_x == 2.0 and by_n.dtype == FLOAT0


def test_a_cotangent_is_converted_where_that_loses_nothing():
    _, pull = vjp(lambda x: x * 2, np.float32(3))
    assert pull(1.0)[0].dtype == np.float32 and pull(1)[0] == 2.0


def test_pullbacks_can_be_transformed():
    _, pull = vjp(lambda x: x * np.arange(3.0), np.ones(3))
    np.testing.assert_array_equal(vmap(pull)(np.eye(3))[0], np.diag(np.arange(3.0)))
    np.testing.assert_array_equal(jit(pull)(np.ones(3))[0], np.arange(3.0))


def test_pullbacks_do_not_change_with_arguments_or_results():
    x = np.arange(3.0)
    outputs, pull = vjp(lambda x: (np.exp(x), x * x, x), x)
    cotangents = (np.ones(3), np.ones(3), np.ones(3))
    (wanted,) = pull(cotangents)
    before = wanted.copy()
    for array in (x, *outputs, wanted):
        array[...] = 7.0
    np.testing.assert_array_equal(pull(cotangents)[0], before)
    np.testing.assert_array_equal(cotangents, np.ones((3, 3)))


def test_a_broken_function_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(1.0)
    assert grad(lambda x: x * x)(3.0) == 6.0


def test_errors_name_the_leaf_of_the_argument_that_is_differentiated():
    def f(x, params):
        return params["a"] * params["b"]

    with pytest.raises(TypeError, match=r"int64 for params\['b'\]"):
        grad(f, argnums=1)(1.0, {"a": 2.0, "b": 3})
    with pytest.raises(TypeError, match=r"grad: argument params\['b'\] of f: value 'three'"):
        grad(f, argnums=1)(1.0, {"a": 2.0, "b": "three"})
