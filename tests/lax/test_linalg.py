"""vgrad.lax.linalg: what the factors multiply to, and derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import vmap
from vgrad.errors import ShapeError
from vgrad.lax import linalg
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
A, B, VECTOR = rng.normal(size=(4, 4)), rng.normal(size=(4, 2)), rng.normal(size=4)
PD = A @ A.T + np.eye(4)


def test_cholesky():
    factor = linalg.cholesky(PD)
    np.testing.assert_allclose(factor @ factor.T, PD)
    skew = np.triu(A, 1) - np.triu(A, 1).T
    np.testing.assert_allclose(linalg.cholesky(PD + skew), factor)
    np.testing.assert_allclose(linalg.cholesky(np.tril(PD), symmetrize_input=False), factor)
    check_grads(linalg.cholesky, (PD,), order=1)


@pytest.mark.parametrize("a", [A, B, B.T, np.stack([A, A[::-1]])], ids=np.shape)
def test_lu(a):
    packed, pivots, permutation = linalg.lu(a)
    assert pivots.dtype == permutation.dtype == np.int32
    size = min(a.shape[-2:])
    lower = np.tril(packed, -1)[..., :size] + np.eye(a.shape[-2], size)
    upper = np.triu(packed)[..., :size, :]
    np.testing.assert_allclose(lower @ upper, np.take_along_axis(a, permutation[..., None], -2), atol=1e-12)
    np.testing.assert_array_equal(linalg.lu_pivots_to_permutation(pivots, a.shape[-2]), permutation)
    check_grads(lambda a: linalg.lu(a)[0], (a,), order=1)


def test_qr_svd_and_eigenvalues():
    q, r = linalg.qr(B)
    assert q.shape == (4, 4) and r.shape == (4, 2)
    np.testing.assert_allclose(q @ r, B)
    q, r = linalg.qr(B, full_matrices=False)
    np.testing.assert_allclose(q @ r, B)
    u, s, vh = linalg.svd(B, full_matrices=False)
    np.testing.assert_allclose((u * s) @ vh, B)
    np.testing.assert_allclose(linalg.svd(B, compute_uv=False), s)
    v, w = linalg.eigh(PD)
    np.testing.assert_allclose((v * w) @ v.T, PD)
    w, v = linalg.eig(A, compute_left_eigenvectors=False)
    np.testing.assert_allclose(A @ v, v * w)
    (w,) = linalg.eig(A, compute_left_eigenvectors=False, compute_right_eigenvectors=False)
    check_grads(lambda a: linalg.eigh(a)[0], (PD,), order=1)


@pytest.mark.parametrize("left_side", [True, False])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose_a, conjugate_a", [(False, False), (True, False), (True, True), (False, True)])
@pytest.mark.parametrize("unit_diagonal", [True, False])
def test_triangular_solve(left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    def function(a, b):
        return linalg.triangular_solve(
            a, b, left_side=left_side, lower=lower, transpose_a=transpose_a, conjugate_a=conjugate_a,
            unit_diagonal=unit_diagonal,
        )  # fmt: skip

    a = A + 1j * A.T
    b = B if left_side else B.T
    matrix = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        matrix = matrix - np.diag(np.diag(matrix)) + np.eye(4)
    matrix = matrix.T if transpose_a else matrix
    matrix = matrix.conj() if conjugate_a else matrix
    product = matrix @ function(a, b) if left_side else function(a, b) @ matrix
    np.testing.assert_allclose(product, b, atol=1e-12)
    product = matrix @ function(a, VECTOR) if left_side else function(a, VECTOR) @ matrix
    np.testing.assert_allclose(product, VECTOR, atol=1e-12)
    check_grads(function, (a, b), order=1)
    rows = np.stack([b, 2 * b, 3 * b])
    np.testing.assert_allclose(vmap(function, (None, 0))(a, rows), function(a, rows))


def test_a_zero_on_the_diagonal_gives_infinities():
    got = linalg.triangular_solve(np.array([[0.0, 0.0], [1.0, 1.0]]), np.ones(2), left_side=True, lower=True)
    assert np.isinf(got[0])


def test_errors():
    with pytest.raises(ShapeError, match=r"shape \(4, 2\) do not fit matrices of shape \(4, 4\)"):
        linalg.triangular_solve(A, B)
    with pytest.raises(ShapeError, match=r"expects square matrices .* got shape \(4, 2\)"):
        linalg.triangular_solve(B, B)
    with pytest.raises(NotImplementedError, match="compute_left_eigenvectors=False"):
        linalg.eig(A)
    with pytest.raises(NotImplementedError, match="pivoting"):
        linalg.qr(A, pivoting=True)
