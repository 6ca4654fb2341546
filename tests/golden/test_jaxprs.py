"""Printed programs of small functions, compared with the files in tests/golden/jaxprs.

`pytest --update-golden` writes them; the difference is reviewed like code.
"""

import numpy as np
import pytest

from tests.conftest import GOLDEN
from vgrad import checkpoint, custom_jvp, custom_vjp, grad, hessian, jit, jvp, lax, make_jaxpr, value_and_grad, vmap

X = np.ones(3)
MATRIX = np.ones((4, 3))


def product(x, y):
    return x * y


def mean_square(w, x, y):
    return np.mean((x @ w - y) ** 2)


def layer(w, x):
    return np.sum(np.tanh(x @ w))


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def piecewise(x):
    return np.where(x > 0, np.log1p(x), 0.1 * x)


def lookup(table, words):
    return table[words]


def rows_and_columns(x):
    return x[1:, ::2], x[:, -1], x[None, 0]


def running(carry, x):
    return carry + x, carry * x


def countdown(x):
    return lax.while_loop(lambda state: state[0] > 0, lambda state: (state[0] - 1, state[1] * 2.0), x)


def either(flag, x):
    return lax.cond(flag, lambda x: np.sin(x), lambda x: x * 2.0, x)


@custom_jvp
def soft(x):
    return np.log1p(np.exp(x))


@soft.defjvp
def soft_jvp(primals, tangents):
    (x,), (v,) = primals, tangents
    return soft(x), v / (1.0 + np.exp(-x))


@custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, None), lambda _, cotangent: (np.clip(cotangent, -1.0, 1.0),))

CASES = {
    "product": (product, (3.0, 4.0)),
    "grad_of_product": (grad(product), (3.0, 4.0)),
    "grad_of_product_by_second": (grad(product, 1), (3.0, 4.0)),
    "value_and_grad_of_mean_square": (value_and_grad(mean_square), (X, MATRIX, np.ones(4))),
    "layer": (layer, (np.ones((3, 2)), MATRIX)),
    "grad_of_layer": (grad(layer), (np.ones((3, 2)), MATRIX)),
    "per_example_gradients_of_layer": (vmap(grad(layer), (None, 0)), (np.ones((3, 2)), MATRIX)),
    "jvp_of_softmax": (lambda x, v: jvp(softmax, (x,), (v,)), (X, X)),
    "hessian_of_sum_of_sines": (hessian(lambda x: np.sum(np.sin(x))), (X,)),
    "grad_of_piecewise": (grad(lambda x: np.sum(piecewise(x))), (X,)),
    "piecewise_in_float32": (piecewise, (X.astype(np.float32),)),
    "grad_of_lookup": (grad(lambda t, i: np.sum(lookup(t, i) ** 2)), (MATRIX, np.array([0, 2]))),
    "vmap_of_lookup": (vmap(lookup, (None, 0)), (MATRIX, np.array([0, 2]))),
    "indexing": (rows_and_columns, (MATRIX,)),
    "einsum": (lambda x, y: np.einsum("bi,bo->io", x, y), (MATRIX, MATRIX)),
    "jit_inside": (lambda x: jit(softmax)(x) * jit(softmax)(x), (X,)),
    "grad_of_jit": (grad(lambda x: jit(softmax)(x)[0]), (X,)),
    "grad_of_checkpoint": (grad(lambda x: np.sum(checkpoint(np.sin)(x))), (X,)),
    "scan": (lambda x: lax.scan(running, 0.0, x), (X,)),
    "grad_of_scan": (grad(lambda x: lax.scan(running, 0.0, x)[1].sum()), (X,)),
    "while_loop": (countdown, ((3, 1.0),)),
    "cond": (either, (True, 2.0)),
    "vmap_of_cond": (vmap(either), (np.array([True, False]), np.ones(2))),
    "grad_of_custom_jvp": (grad(soft), (1.0,)),
    "grad_of_custom_vjp": (grad(lambda x: 3.0 * clipped(x)), (1.0,)),
    "collective": (lambda x: vmap(lambda x: x / lax.psum(x, "i"), axis_name="i")(x), (X,)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_program_prints_as_it_did(name, golden):
    function, args = CASES[name]
    golden(f"jaxprs/{name}.txt", str(make_jaxpr(function)(*args)))


def test_no_golden_file_is_left_over():
    assert {path.stem for path in (GOLDEN / "jaxprs").glob("*.txt")} <= set(CASES)
