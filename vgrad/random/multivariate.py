"""Distributions of vectors and matrices: multivariate normal, Dirichlet, orthogonal, ball.

Relies on continuous and vgrad.numpy.linalg.
"""

from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.contraction import einsum
from vgrad.numpy.diagonals import diagonal
from vgrad.numpy.linalg import cholesky, eigh, qr, svd
from vgrad.numpy.math import abs, sqrt
from vgrad.numpy.reductions import sum
from vgrad.numpy.shape import expand_dims, swapaxes
from vgrad.primitives.broadcasting import broadcast_to
from vgrad.random.arguments import fitted_shape, float_dtype, real_parameters, shape_of, single_key
from vgrad.random.continuous import draw_gamma, exponential, generalized_normal, standard_normal
from vgrad.random.keys import split
from vgrad.scipy.special import softmax

__all__ = ["ball", "dirichlet", "multivariate_normal", "orthogonal"]


def multivariate_normal(key, mean, cov, shape=None, dtype=None, method="cholesky"):
    """Normal vectors with this mean and covariance.

    Shapes: mean (..., n), cov (..., n, n), shape (...), which the leading axes of both broadcast to; result (..., n)
    method  "cholesky", "eigh" or "svd": how the root of the covariance is found; the latter two allow singular ones
    """
    key, dtype = single_key("multivariate_normal", key), float_dtype("multivariate_normal", dtype)
    if method not in ("svd", "eigh", "cholesky"):
        raise ValueError(f"multivariate_normal: method must be one of 'svd', 'eigh', 'cholesky', got {method!r}.")
    mean, cov = real_parameters("multivariate_normal", dtype, mean=mean, cov=cov).values()
    if type_of(mean).ndim < 1:
        raise ShapeError("multivariate_normal requires mean.ndim >= 1, got mean.ndim == 0.")
    n = mean.shape[-1]
    if type_of(cov).shape[-2:] != (n, n):
        raise ShapeError(
            f"multivariate_normal requires cov.shape == (..., n, n) for n={n}, "
            f"but got cov.shape == {type_of(cov).shape}."
        )
    leading = {"mean": ArrayType(mean.shape[:-1], dtype), "cov": ArrayType(cov.shape[:-2], dtype)}
    shape = fitted_shape("multivariate_normal", shape, **leading)
    noise = standard_normal(key, shape + (n,), dtype)
    return mean + einsum("...ij,...j->...i", root_of(cov, method), noise)


def root_of(cov, method):
    """A matrix whose product with its transpose is the covariance."""
    if method == "cholesky":
        return cholesky(cov)
    if method == "eigh":
        values, vectors = eigh(cov)
    else:
        vectors, values, _ = svd(cov)
    return vectors * expand_dims(sqrt(values), -2)


def dirichlet(key, alpha, shape=None, dtype=None):
    """Vectors of positive numbers with sum 1, density proportional to the product of x**(alpha - 1).

    Shapes: alpha (..., n), shape (...), which the leading axes of alpha broadcast to; result (..., n)
    """
    key, dtype = single_key("dirichlet", key), float_dtype("dirichlet", dtype)
    alpha = real_parameters("dirichlet", dtype, alpha=alpha)["alpha"]
    if type_of(alpha).ndim < 1:
        raise ShapeError("dirichlet requires alpha.ndim >= 1, got alpha.ndim == 0.")
    shape = fitted_shape("dirichlet", shape, alpha=ArrayType(alpha.shape[:-1], dtype))
    logs = draw_gamma(key, broadcast_to(alpha, shape + alpha.shape[-1:]), shape + alpha.shape[-1:], log_space=True)
    return softmax(logs, axis=-1)


def orthogonal(key, n, shape=(), dtype=None, m=None):
    """Uniformly distributed orthogonal matrices, shape (*shape, n, m); for m != n, with orthonormal rows or columns.

    Source: Mezzadri 2006, "How to generate random matrices from the classical compact groups".
    """
    key, dtype, shape = single_key("orthogonal", key), float_dtype("orthogonal", dtype), shape_of("orthogonal", shape)
    m = n if m is None else m
    q, r = qr(standard_normal(key, shape + (max(n, m), min(n, m)), dtype))
    scale = diagonal(r, axis1=-2, axis2=-1)
    q = q * expand_dims(scale / abs(scale), -2)
    return q if n >= m else swapaxes(q, -1, -2)


def ball(key, d, p=2, shape=(), dtype=None):
    """Uniform in the ball of d dimensions in which the p-norm is at most 1; result (*shape, d).

    Source: Barthe, Guedon, Mendelson, Naor 2005, "A probabilistic approach to the geometry of the l_p^n-ball".
    """
    key, dtype, shape = single_key("ball", key), float_dtype("ball", dtype), shape_of("ball", shape)
    direction_key, length_key = split(key)
    direction = generalized_normal(direction_key, p, shape + (d,), dtype)
    total = sum(abs(direction) ** p, axis=-1) + exponential(length_key, shape, dtype)
    return direction / expand_dims(total ** (1 / p), -1)
