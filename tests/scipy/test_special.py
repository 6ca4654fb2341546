"""vgrad.scipy.special against scipy.special: values, derivatives, edges."""

import numpy as np
import pytest
import scipy.special

from vgrad import grad, jit, vmap
from vgrad.scipy import special
from vgrad.testing import check_grads

X = np.array([[-1.7, -0.6, 0.3], [0.45, 1.2, 2.6]])
POSITIVE = np.array([[0.2, 0.9, 1.4], [2.2, 3.1, 0.5]])
UNIT = np.array([[0.05, 0.3, 0.45], [0.55, 0.8, 0.97]])

UNARY = {
    **dict.fromkeys(["erf", "erfc", "erfcx", "dawsn", "ndtr", "log_ndtr", "expit", "i0", "i1", "i0e", "i1e"], X),
    **dict.fromkeys(["gammaln", "gamma", "digamma", "psi", "factorial"], X + 0.07),
    **dict.fromkeys(["entr", "exp1", "expi", "spence"], POSITIVE),
    **dict.fromkeys(["logit", "ndtri", "erfinv"], UNIT),
}
BINARY = {
    **dict.fromkeys(["xlogy", "xlog1py", "rel_entr", "kl_div", "betaln", "beta"], (POSITIVE, POSITIVE[::-1])),
    **dict.fromkeys(["gammainc", "gammaincc"], (POSITIVE, POSITIVE[::-1])),
}


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", [*UNARY, "gammasgn"])
def test_unary_functions_are_scipys(name):
    function, reference, x = getattr(special, name), getattr(scipy.special, name), UNARY.get(name, X)
    for operand in (x, x.astype(np.float32), 0.25, np.array([0.0, 1.0, np.nan]), np.zeros((0, 2))):
        wanted = reference(operand).astype(np.asarray(operand).dtype)  # scipy's factorial gives float64 always
        for got in (
            function(operand),
            jit(function)(operand),
            jit(vmap(function))(operand) if np.ndim(operand) else wanted,
        ):
            assert np.asarray(got).dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=1e-6 if wanted.dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(function([1, 2]), reference([1.0, 2.0]))
    assert function.__doc__


@pytest.mark.parametrize("name", UNARY)
def test_derivatives_of_unary_functions(name):
    check_grads(getattr(special, name), (UNARY[name],), order=2, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_are_scipys(name):
    function, reference, (x, y) = getattr(special, name), getattr(scipy.special, name), BINARY[name]
    singles = x.astype(np.float32)
    for pair in [(x, y), (x[:, :1], y[0]), (1.5, y), (x, 2), (singles, 0.5), (singles, singles[::-1])]:
        wanted = reference(*pair).astype(pair[0].dtype if pair[0] is singles else np.float64)
        for got in (function(*pair), jit(function)(*pair)):
            assert got.dtype == wanted.dtype
            single = wanted.dtype == np.float32
            np.testing.assert_allclose(got, wanted, rtol=3e-6 if single else 1e-13, atol=1e-6 if single else 1e-15)
    np.testing.assert_allclose(vmap(function, (0, None))(x, y[0]), reference(x, y[0]), rtol=1e-13, atol=1e-15)
    check_grads(function, (x, y), order=1 if "gammainc" in name else 2, atol=1e-3, rtol=1e-3)


def test_functions_with_a_static_order():
    for order in (0, 1, 3):
        np.testing.assert_allclose(special.polygamma(order, POSITIVE), scipy.special.polygamma(order, POSITIVE))
        np.testing.assert_allclose(special.expn(order, POSITIVE), scipy.special.expn(order, POSITIVE))
        check_grads(lambda x: special.polygamma(order, x), (POSITIVE,), order=2, rtol=1e-3)
        check_grads(lambda x: special.expn(order, x), (POSITIVE,), order=2, atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(special.multigammaln(POSITIVE + 2, 3), scipy.special.multigammaln(POSITIVE + 2, 3))
    np.testing.assert_allclose(special.betainc(2, 0.5, UNIT), scipy.special.betainc(2, 0.5, UNIT))
    check_grads(lambda x: special.betainc(2, 0.5, x), (UNIT,), order=2, rtol=1e-3)
    np.testing.assert_allclose(special.zeta(2.5, POSITIVE), scipy.special.zeta(2.5, POSITIVE))
    np.testing.assert_allclose(special.zeta(2.0), np.pi**2 / 6)
    check_grads(special.zeta, (POSITIVE + 1.1, POSITIVE[0]), order=2, atol=1e-3, rtol=1e-3)
    assert grad(special.zeta)(2.5, 1.3) == pytest.approx(-0.47957898956572315, rel=1e-13)
    np.testing.assert_allclose(special.bernoulli(6), [1, -0.5, 1 / 6, 0, -1 / 30, 0, 1 / 42], atol=1e-15)
    with pytest.raises(NotImplementedError, match="exact"):
        special.factorial(3, exact=True)


EDGE_GRADIENTS = [
    ("xlogy", (0.0, 2.0), (np.log(2.0), 0.0)),
    ("xlogy", (0.0, 0.0), (-np.inf, np.nan)),
    ("xlogy", (1.0, 0.0), (-np.inf, np.inf)),
    ("xlog1py", (0.0, -1.0), (-np.inf, np.nan)),
    ("entr", (0.0,), (np.inf,)),
    ("entr", (-1.0,), (np.nan,)),
    ("rel_entr", (0.0, 1.0), (0.0, 0.0)),
    ("kl_div", (0.0, 1.0), (-1.0, 1.0)),
    ("logit", (0.0,), (np.inf,)),
    ("expit", (-1000.0,), (0.0,)),
    ("i1", (0.0,), (0.5,)),
    ("i1e", (0.0,), (0.5,)),
    ("spence", (1.0,), (-1.0,)),
    ("gammainc", (1.0, 0.0), (0.0, 1.0)),
]


@pytest.mark.parametrize("name, args, wanted", EDGE_GRADIENTS, ids=str)
def test_gradients_at_edges(name, args, wanted):
    np.testing.assert_array_equal(grad(getattr(special, name), tuple(range(len(args))))(*args), wanted)


def test_log_ndtr_has_exact_derivatives_far_out():
    x = np.array([-1e6, -300.0, -20.0, 0.0, 40.0])
    slope = vmap(grad(special.log_ndtr))(x)
    np.testing.assert_allclose(slope[:2], -x[:2] - 1 / x[:2], rtol=1e-8)
    np.testing.assert_allclose(slope[3], np.sqrt(2 / np.pi))
    assert slope[4] == 0


LOGSUMEXP = [
    {},
    {"axis": 0},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 1)},
    {"axis": 1, "b": POSITIVE},
    {"axis": 1, "b": X, "return_sign": True},
    {"b": POSITIVE[0], "keepdims": True},
    {"axis": 0, "return_sign": True},
]


@pytest.mark.parametrize("keywords", LOGSUMEXP, ids=str)
def test_logsumexp_is_scipys(keywords):
    wanted = scipy.special.logsumexp(X, **keywords)
    for got in (special.logsumexp(X, **keywords), jit(lambda x: special.logsumexp(x, **keywords))(X)):
        for one, other in zip(np.atleast_1d(got), np.atleast_1d(wanted), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)
    check_grads(lambda x: special.logsumexp(x, **keywords), (X,), order=2)


def test_logsumexp_at_edges():
    inf = np.inf
    for x in ([-inf, -inf], [inf, 1.0], [-inf, 1.0], [np.nan, 1.0], [1000.0, 1001.0], []):
        wanted = np.logaddexp.reduce(np.array(x), initial=-inf)
        np.testing.assert_allclose(special.logsumexp(np.array(x)), wanted)
    np.testing.assert_array_equal(grad(special.logsumexp)(np.array([-inf, 1.0])), [0.0, 1.0])
    assert np.isnan(special.logsumexp(np.zeros(2), b=np.array([-2.0, 1.0])))
    np.testing.assert_allclose(special.logsumexp(X, where=X > 0), np.log(np.sum(np.exp(X[X > 0]))))
    np.testing.assert_array_equal(grad(lambda b: special.logsumexp(np.zeros(2), b=b))(np.ones(2)), [0.5, 0.5])
    np.testing.assert_allclose(special.logsumexp(X + 1j), np.log(np.sum(np.exp(X + 1j))))
    assert special.logsumexp(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(special.logsumexp([1, 2]), np.logaddexp(1, 2))
    np.testing.assert_array_equal(special.logsumexp(np.zeros((2, 0)), axis=1), [-inf, -inf])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_softmax_is_scipys(name, axis):
    function = getattr(special, name)
    np.testing.assert_allclose(function(X, axis=axis), getattr(scipy.special, name)(X, axis=axis), rtol=1e-13)
    check_grads(lambda x: function(x, axis=axis), (X,), order=2)
    np.testing.assert_allclose(vmap(function)(X + 1000), getattr(scipy.special, name)(X, axis=1), rtol=1e-10)
