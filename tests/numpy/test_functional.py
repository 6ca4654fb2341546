"""vgrad.numpy.functional against NumPy, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import grad, jit, vmap
from vgrad import numpy as vnp
from vgrad.errors import ShapeError
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(2, 1, 4)), rng.normal(size=(3, 4))
M = rng.normal(size=(2, 3, 4, 5))


def branch(x, y):
    return vnp.where(x > y, x - y, x * y)


def multiply_and_norm(m, v):
    return m @ v, vnp.sqrt(v @ v)


def test_scalars_broadcast():
    np.testing.assert_allclose(vnp.vectorize(branch)(X, Y), np.where(X > Y, X - Y, X * Y))
    np.testing.assert_allclose(vnp.vectorize(branch)(0.5, Y), np.where(Y < 0.5, 0.5 - Y, 0.5 * Y))
    assert vnp.vectorize(branch)(X[:, :, :0], Y[:, :0]).shape == (2, 3, 0)
    assert vnp.vectorize(branch)(1.0, 2.0) == 2.0
    assert vnp.vectorize(branch)(X[:1, :1, :1], 2.0).shape == (1, 1, 1)


def test_signature():
    vectorized = vnp.vectorize(multiply_and_norm, signature="(n,m),(m)->(n),()")
    v = rng.normal(size=(3, 5))
    product, norm = vectorized(M, v)
    np.testing.assert_allclose(product, np.einsum("abij,bj->abi", M, v))
    np.testing.assert_allclose(norm, np.broadcast_to(np.linalg.norm(v, axis=-1), (2, 3)))
    wanted = np.vectorize(np.convolve, signature="(n),(m)->(k)")(Y, [1.0, 2.0])
    np.testing.assert_allclose(vnp.vectorize(vnp.convolve, signature="(n),(m)->(k)")(Y, [1.0, 2.0]), wanted)


def test_excluded_arguments_and_keywords():
    vectorized = vnp.vectorize(lambda p, x, power=1: sum(p) * x**power, excluded={0, "power"})
    np.testing.assert_allclose(vectorized([1, 2], Y, power=3), 3 * Y**3)
    np.testing.assert_allclose(vnp.vectorize(branch)(x=X, y=Y), np.where(X > Y, X - Y, X * Y))


def test_decorator():
    @vnp.vectorize
    def double(x):
        return 2 * x

    @vnp.vectorize(signature="(n)->()")
    def total(x):
        return vnp.sum(x)

    np.testing.assert_array_equal(double([1, 2]), [2, 4])
    np.testing.assert_allclose(total(M), M.sum(axis=-1))
    assert double.__name__ == "double"


def test_vectorize_under_transformations():
    vectorized = vnp.vectorize(multiply_and_norm, signature="(n,m),(m)->(n),()")
    v = rng.normal(size=(3, 5))
    check_grads(vectorized, (M, v), order=2)
    for got, wanted in zip(jit(vectorized)(M, v), vectorized(M, v)):
        np.testing.assert_allclose(got, wanted)
    for got, wanted in zip(vmap(vectorized, (0, None))(M, v), vectorized(M, v)):
        np.testing.assert_allclose(got, wanted)
    gradients = vnp.vectorize(grad(lambda v: vnp.sum(v**3)), signature="(n)->(n)")
    np.testing.assert_allclose(gradients(M), 3 * M**2)


def test_vectorize_errors():
    with pytest.raises(ValueError, match="not a valid signature: .n->.."):
        vnp.vectorize(np.sum, signature="n->()")
    vectorized = vnp.vectorize(multiply_and_norm, signature="(n,m),(m)->(n),()")
    with pytest.raises(ShapeError, match="argument 1 of shape .3, 4. has size 4 for core dimension m, which is 5"):
        vectorized(M, Y)
    with pytest.raises(ShapeError, match="has no axes for its core dimensions"):
        vectorized(M, 1.0)
    with pytest.raises(TypeError, match="has 2 arguments, got 1"):
        vectorized(M)
    with pytest.raises(ShapeError, match=r"axes \(2,\), \(3,\) of the arguments do not broadcast"):
        vnp.vectorize(branch)(np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match=r"output 0 of shape \(5,\) must have core dimensions \(\)"):
        vnp.vectorize(lambda x: x, signature="(n)->()")(M)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("function", [np.sum, np.sort, lambda x: np.stack([x[:2], 2 * x[:2], x[1:]]), np.cumsum])
def test_apply_along_axis_is_numpys(axis, function):
    x = rng.normal(size=(3, 3, 3))
    wanted = np.apply_along_axis(function, axis, x)
    np.testing.assert_allclose(vnp.apply_along_axis(function, axis, x), wanted)
    np.testing.assert_allclose(jit(lambda x: np.apply_along_axis(function, axis, x))(x), wanted)
    check_grads(lambda x: vnp.apply_along_axis(function, axis, x), (x,), order=1)


def test_apply_along_axis_hands_over_arguments():
    got = vnp.apply_along_axis(lambda x, shift, scale=1: scale * x[0] + shift, 0, Y, 1.0, scale=2)
    np.testing.assert_allclose(got, 2 * Y[0] + 1)


def test_apply_over_axes_is_numpys():
    for axes in ((0, 2), [1], -1):
        np.testing.assert_allclose(vnp.apply_over_axes(vnp.sum, M, axes), np.apply_over_axes(np.sum, M, axes))
    got = vnp.apply_over_axes(vnp.cumsum, M, (0, 1))
    np.testing.assert_allclose(got, np.cumsum(np.cumsum(M, 0), 1))
    with pytest.raises(ShapeError, match=r"gave shape \(\) for an array of shape \(3, 4\)"):
        vnp.apply_over_axes(lambda x, axis: vnp.sum(x), Y, (0, 1))
