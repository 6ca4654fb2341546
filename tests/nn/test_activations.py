"""vgrad.nn's activations against their formulas; derivatives at edges."""

import numpy as np
import pytest
import scipy.special

from vgrad import config, grad, jit, jvp, nn, vmap
from vgrad.errors import ShapeError
from vgrad.nn import activations
from vgrad.testing import check_grads

X = np.array([[-4.3, -2.6, -0.7], [0.45, 1.2, 6.4]])
INF, NAN = np.inf, np.nan


def sigma(x):
    return 1 / (1 + np.exp(-x))


def limited(x):
    return np.clip(x + 3, 0, 6) / 6


def linear_unit(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_sigmoid": limited,
    "hard_silu": lambda x: x * limited(x),
    "hard_swish": lambda x: x * limited(x),
    "sparse_plus": lambda x: np.where(x < -1, 0, np.where(x > 1, x, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sigmoid": sigma,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "log_sigmoid": lambda x: np.log(sigma(x)),
    "silu": lambda x: x * sigma(x),
    "swish": lambda x: x * sigma(x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "elu": lambda x: linear_unit(x, 1),
    "celu": lambda x: linear_unit(x, 1),
    "selu": lambda x: 1.0507009873554805 * linear_unit(x, 1.6732632423543772),
    "gelu": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "soft_sign": lambda x: x / (np.abs(x) + 1),
    "tanh": np.tanh,
    "identity": lambda x: x,
}


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def test_all_activations_are_tested():
    assert {*FORMULAS, "glu", "log1mexp"} == {*activations.__all__}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_are_their_formulas(name):
    function, formula = getattr(nn, name), FORMULAS[name]
    assert function.__doc__
    wanted = formula(X)
    for got in (function(X), jit(function)(X), vmap(function)(X), jit(vmap(function, 1, 1))(X), function(X.tolist())):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    assert function(1.2) == pytest.approx(formula(np.float64(1.2))) and np.shape(function(1.2)) == ()
    assert function(np.zeros((0, 2))).shape == (0, 2)
    singles = X.astype(np.float32)
    for got in (function(singles), jit(function)(singles), jvp(function, (singles,), (singles,))[1]):
        assert got.dtype == np.float32
    np.testing.assert_allclose(function(singles), wanted, rtol=1e-5, atol=1e-6)
    check_grads(function, (X,), order=2, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", FORMULAS)
def test_integers(name):
    function, integers = getattr(nn, name), np.array([-2, 0, 3])
    whole = name in ("relu", "hard_tanh", "identity")
    for got in (function(integers), jit(function)(integers)):
        assert got.dtype == (np.int64 if whole else np.float64)
        np.testing.assert_allclose(got, function(integers.astype(float)), rtol=1e-14)
    with config(default_float="float32"):
        assert function(integers).dtype == (np.int64 if whole else np.float32)


def test_parameters():
    np.testing.assert_allclose(nn.leaky_relu(X, 0.2), np.where(X > 0, X, 0.2 * X))
    np.testing.assert_allclose(nn.elu(X, 0.5), linear_unit(X, 0.5))
    np.testing.assert_allclose(nn.celu(X, 2.0), np.where(X > 0, X, 2 * np.expm1(X / 2)))
    np.testing.assert_allclose(nn.squareplus(X, b=1), (X + np.sqrt(X**2 + 1)) / 2)
    np.testing.assert_allclose(nn.gelu(X, approximate=False), X * scipy.special.ndtr(X), rtol=1e-12)
    assert nn.gelu(X.astype(np.float32), approximate=False).dtype == np.float32
    check_grads(lambda x: nn.gelu(x, approximate=False), (X,), order=2)
    for function in (nn.leaky_relu, nn.elu, nn.celu, nn.squareplus):
        check_grads(function, (X, np.float64(0.6)), order=1)
        assert function(X.astype(np.float32), 0.6).dtype == np.float32


EDGES = {  # (value, derivative) at each number, as in JAX
    "relu": {0: (0, 0), INF: (INF, 1), -INF: (0, 0), NAN: (NAN, 0)},
    "relu6": {0: (0, 0), 6: (6, 0), INF: (6, 0), -INF: (0, 0), NAN: (NAN, 0)},
    "leaky_relu": {0: (0, 1), INF: (INF, 1), -INF: (-INF, 0.01)},
    "hard_tanh": {-1: (-1, 1), 1: (1, 1), INF: (1, 0), -INF: (-1, 0), NAN: (NAN, 1)},
    "hard_sigmoid": {-3: (0, 0), 3: (1, 0), INF: (1, 0), -INF: (0, 0)},
    "hard_silu": {-3: (0, 0), 3: (3, 1), INF: (INF, 1), -INF: (NAN, 0)},
    "sparse_plus": {-1: (0, 0), 1: (1, 1), 1e4: (1e4, 1), -1e4: (0, 0)},
    "sparse_sigmoid": {-1: (0, 0.25), 1: (1, 0.25), INF: (1, 0), -INF: (0, 0)},
    "sigmoid": {0: (0.5, 0.25), 1e4: (1, 0), -1e4: (0, 0), INF: (1, 0), -INF: (0, 0)},
    "softplus": {0: (np.log(2), 0.5), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1), -INF: (0, 0)},
    "log_sigmoid": {0: (-np.log(2), 0.5), 1e4: (0, 0), -1e4: (-1e4, 1), INF: (0, 0), -INF: (-INF, 1)},
    "silu": {0: (0, 0.5), 1e4: (1e4, 1), -1e4: (0, 0)},
    "mish": {0: (0, 0.6), 1e4: (1e4, 1), -1e4: (0, 0)},
    "elu": {0: (0, 1), 1e4: (1e4, 1), -1e4: (-1, 0), INF: (INF, 1), -INF: (-1, 0)},
    "celu": {0: (0, 1), 1e4: (1e4, 1), -1e4: (-1, 0), INF: (INF, 1), -INF: (-1, 0)},
    "gelu": {0: (0, 0.5), 1e4: (1e4, 1), -1e4: (0, 0)},
    "squareplus": {0: (1, 0.5), 1e4: (1e4, 1)},
    "soft_sign": {0: (0, 1)},
    "tanh": {0: (0, 1), 1e4: (1, 0), -INF: (-1, 0)},
    "log1mexp": {0: (-INF, INF), 1e4: (0, 0), INF: (0, 0)},
}


@pytest.mark.parametrize("name", EDGES)
def test_values_and_derivatives_at_edges(name):
    function = getattr(nn, name)
    x = np.array([*EDGES[name], *[NAN] * (NAN not in EDGES[name])])
    wanted = np.array([*EDGES[name].values()])
    for slopes in (grad(lambda x: np.sum(function(x)))(x), vmap(jit(grad(function)))(x)):
        np.testing.assert_allclose(function(x)[: len(wanted)], wanted[:, 0], rtol=1e-7, atol=1e-15)
        np.testing.assert_allclose(slopes[: len(wanted)], wanted[:, 1], rtol=1e-7, atol=1e-15)
    assert np.isnan(function(x)[-1])


def test_log1mexp_is_accurate_near_0_and_far_from_it():
    x = np.array([1e-12, 0.1, 0.6, 0.8, 5.0, 50.0])
    wanted = [np.log(1e-12), *np.log(1 - np.exp(-x[1:-1])), -np.exp(-50.0)]
    for got in (nn.log1mexp(x), jit(nn.log1mexp)(x)):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    np.testing.assert_allclose(vmap(grad(nn.log1mexp))(x), 1 / np.expm1(x), rtol=1e-12)
    check_grads(nn.log1mexp, (x[1:-1],), order=2)
    assert nn.log1mexp(np.float32(1)).dtype == np.float32 and np.isnan(nn.log1mexp(-1))


def test_glu():
    wanted = X[:1] * sigma(X[1:])
    for got in (nn.glu(X, 0), jit(lambda x: nn.glu(x, 0))(X), nn.glu(X.T).T, vmap(nn.glu, 1, 1)(X)):
        np.testing.assert_allclose(got, wanted, rtol=1e-14)
    assert nn.glu(X.astype(np.float32), axis=-2).dtype == np.float32
    check_grads(lambda x: nn.glu(x, axis=0), (X,), order=2)
    with pytest.raises(ShapeError, match=r"axis 1 must have an even length, got 3 in shape \(2, 3\)"):
        nn.glu(X)
