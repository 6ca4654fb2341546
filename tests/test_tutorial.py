"""The tutorial's transcript, line by line."""

import numpy as np
import pytest

from vgrad import config, grad, lax, make_jaxpr, random, value_and_grad, vmap
from vgrad.test_util import check_grads


def product(x, y):
    return x * y


def words(text):
    return str(text).split()


def test_gradients_of_a_product():
    assert grad(product, argnums=0)(3.0, 4.0) == 4.0
    assert grad(product, argnums=1)(3.0, 4.0) == 3.0
    assert value_and_grad(product, argnums=0)(3.0, 4.0) == (12.0, 4.0)
    check_grads(product, (3.0, 4.0), order=2)


@pytest.mark.parametrize("default_float, short", [("float32", "f32"), ("float64", "f64")])
def test_programs_of_gradients(default_float, short):
    first = "{ lambda ; a:f32[] b:f32[]. let _:f32[] = mul a b; c:f32[] = mul 1.0 b in (c,) }"
    second = "{ lambda ; a:f32[] b:f32[]. let _:f32[] = mul a b; c:f32[] = mul a 1.0 in (c,) }"
    with config(default_float=default_float):
        assert words(make_jaxpr(grad(product, argnums=0))(3.0, 4.0)) == words(first.replace("f32", short))
        assert words(make_jaxpr(grad(product, argnums=1))(3.0, 4.0)) == words(second.replace("f32", short))


def test_stop_gradient():
    assert grad(lambda x, y: x * lax.stop_gradient(y), argnums=1)(3.0, 4.0) == 0.0
    assert grad(lambda x, y: x * lax.stop_gradient(y), argnums=0)(3.0, 4.0) == 4.0


@pytest.mark.parametrize("default_float", ["float32", "float64"])
def test_tanh_of_one_number_and_of_many(default_float):
    with config(default_float=default_float):
        slope = grad(np.tanh)(0.5)
        assert slope.dtype == default_float
        assert abs(slope - 0.7864477) < 1e-6
        x = random.normal(key=random.PRNGKey(1234), shape=(5,))
        assert x.shape == (5,) and x.dtype == default_float
        with pytest.raises(TypeError) as error:
            grad(np.tanh)(x)
        message = str(error.value)
        assert message.startswith("Gradient only defined for scalar-output functions. Output had shape: (5,).")
        assert "vmap(grad(tanh))" in message and "jacrev" in message
        np.testing.assert_allclose(vmap(grad(np.tanh))(x), 1 - np.tanh(x) ** 2, rtol=1e-6)
