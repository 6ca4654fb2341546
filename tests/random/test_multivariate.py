import numpy as np
import pytest
from scipy import stats

from vgrad import grad, random, vmap
from vgrad.errors import ShapeError

KEY = random.PRNGKey(2)
MEAN = np.asarray([1.0, -2.0, 0.5])
COVARIANCE = np.asarray([[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.7]])


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_normal_vectors_have_their_mean_and_covariance(method):
    draws = random.multivariate_normal(KEY, MEAN, COVARIANCE, (20_000,), method=method)
    np.testing.assert_allclose(draws.mean(axis=0), MEAN, atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), COVARIANCE, atol=0.05)


def test_normal_vectors_broadcast_and_have_derivatives():
    assert random.multivariate_normal(KEY, np.zeros((4, 1, 3)), np.stack([COVARIANCE] * 2)).shape == (4, 2, 3)
    slope = grad(lambda mean: random.multivariate_normal(KEY, mean, COVARIANCE, (5,)).sum())(MEAN)
    np.testing.assert_allclose(slope, 5.0)
    step = 1e-6 * np.asarray([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])

    def total(covariance):
        return random.multivariate_normal(KEY, MEAN, covariance, (5,)).sum()

    difference = (total(COVARIANCE + step) - total(COVARIANCE - step)) / 2
    np.testing.assert_allclose(np.sum(grad(total)(COVARIANCE) * step), difference, rtol=1e-5)
    drawn = vmap(lambda key, mean: random.multivariate_normal(key, mean, COVARIANCE))(
        random.split(KEY, 2), np.stack([MEAN, -MEAN])
    )
    np.testing.assert_allclose(drawn[0], random.multivariate_normal(random.split(KEY, 2)[0], MEAN, COVARIANCE))


def test_dirichlet_vectors_sum_to_one():
    alpha = np.asarray([0.5, 1.0, 3.0])
    draws = random.dirichlet(KEY, alpha, (5000,))
    np.testing.assert_allclose(draws.sum(axis=-1), 1)
    assert stats.kstest(draws[:, 0], stats.beta(0.5, 4.0).cdf).pvalue > 1e-3
    assert random.dirichlet(KEY, np.ones((2, 3))).shape == (2, 3)
    slope = grad(lambda alpha: random.dirichlet(KEY, alpha, (5,)).sum())(alpha)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


@pytest.mark.parametrize(("n", "m"), [(3, None), (4, 2), (2, 4), (1, 1)])
def test_orthogonal_matrices_have_orthonormal_rows_or_columns(n, m):
    draws = random.orthogonal(KEY, n, (5,), m=m)
    columns = n if m is None else m
    assert draws.shape == (5, n, columns)
    transposed = np.swapaxes(draws, -1, -2)
    product = transposed @ draws if n >= columns else draws @ transposed
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(min(n, columns)), product.shape), atol=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_points_fill_the_ball(p):
    draws = random.ball(KEY, 3, p, (4000,))
    radii = np.sum(np.abs(draws) ** p, axis=-1) ** (1 / p)
    assert radii.max() <= 1 and stats.kstest(radii**3, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.multivariate_normal(KEY, 0.0, COVARIANCE), ShapeError, "mean.ndim >= 1, got mean.ndim == 0"),
        (
            lambda: random.multivariate_normal(KEY, MEAN, np.eye(2)),
            ShapeError,
            r"cov.shape == \(..., n, n\) for n=3, but got cov.shape == \(2, 2\)",
        ),
        (
            lambda: random.multivariate_normal(KEY, np.zeros((4, 3)), COVARIANCE, (2,)),
            ShapeError,
            r"shape \(2,\) .* mean \(4,\), cov \(\)",
        ),
        (
            lambda: random.multivariate_normal(KEY, MEAN, COVARIANCE, method="lu"),
            ValueError,
            "one of 'svd', 'eigh', 'cholesky', got 'lu'",
        ),
        (lambda: random.dirichlet(KEY, 1.0), ShapeError, "alpha.ndim >= 1, got alpha.ndim == 0"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
