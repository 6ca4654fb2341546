import numpy as np

from tests.primitives.sampling import complex_, fixed, given, integers, real, sample
from vgrad.primitives.linalg import (
    adjugate,
    cholesky,
    det,
    eig,
    eigh,
    lu,
    pinv,
    pivots_to_permutation,
    qr,
    slogdet,
    solve,
    svd,
    triangular_solve,
)


def complex_dtype(dtype):
    return np.result_type(dtype, np.complex64)


def orthogonal(rng, *shape):
    return np.linalg.qr(rng.normal(size=shape))[0]


def well_conditioned(*shape, is_complex=False):
    """Matrices of any shape with singular values in the proportion of 1, 1.7, 2.4, ..."""

    def make(rng, dtype):
        *batch, rows, columns = shape
        size = min(rows, columns)
        left, right = orthogonal(rng, *batch, rows, rows), orthogonal(rng, *batch, columns, columns)
        matrix = left[..., :size] * (1 + 0.7 * np.arange(size)) @ right[..., :size, :] * rng.uniform(0.8, 1.2)
        if not is_complex:
            return matrix.astype(dtype)
        return (np.exp(1j * np.arange(rows))[:, None] * matrix).astype(complex_dtype(dtype))

    return given(make, f"well_conditioned{shape}{'c' if is_complex else ''}")


def positive_definite(*shape, is_complex=False):
    """Hermitian matrices with eigenvalues 1, 1.7, 2.4, ..."""

    def make(rng, dtype):
        q = orthogonal(rng, *shape).astype(complex)
        if is_complex:
            q = np.exp(1j * np.arange(shape[-1]))[:, None] * q
        matrix = q * (1 + 0.7 * np.arange(shape[-1])) @ np.conj(np.swapaxes(q, -1, -2))
        return matrix.astype(complex_dtype(dtype)) if is_complex else matrix.real.astype(dtype)

    return given(make, f"positive_definite{shape}{'c' if is_complex else ''}")


def singular(size):
    """A matrix of rank size - 1."""

    def make(rng, dtype):
        matrix = rng.normal(size=(size, size))
        matrix[-1] = matrix[:-1].sum(axis=0)
        return matrix.astype(dtype)

    return given(make, f"singular({size})")


def cutoff(*shape):
    return given(lambda rng, dtype: np.full(shape, 1e-4, dtype), f"cutoff{shape}", moves=False)


def triangular(**changes):
    params = dict(left_side=True, lower=True, transpose_a=False, conjugate_a=False, unit_diagonal=False)
    return params | changes


# Derivatives of cholesky and eigh are right in Hermitian directions only: tests/numpy/test_linalg.py checks those.
SAMPLES = [
    sample(cholesky, fixed(positive_definite(3, 3))).but(tolerance=10),
    sample(cholesky, fixed(positive_definite(2, 3, 3))).but(tolerance=10),
    sample(cholesky, fixed(positive_definite(3, 3, is_complex=True))).but(tolerance=10),
    sample(cholesky, real(0, 0)),
    sample(triangular_solve, well_conditioned(3, 3), real(3, 2), **triangular(unit_diagonal=True)).but(tolerance=10),
    sample(triangular_solve, positive_definite(3, 3), real(3, 2), **triangular(lower=False)).but(tolerance=10),
    sample(triangular_solve, positive_definite(2, 3, 3), real(2, 3, 1), **triangular(transpose_a=True)).but(
        tolerance=10
    ),
    sample(triangular_solve, positive_definite(3, 3), real(2, 3), **triangular(left_side=False, lower=False)).but(
        tolerance=10
    ),
    sample(
        triangular_solve,
        positive_definite(2, 3, 3, is_complex=True),
        complex_(2, 2, 3),
        **triangular(left_side=False, transpose_a=True, conjugate_a=True),
    ).but(tolerance=10),
    sample(
        triangular_solve, positive_definite(3, 3, is_complex=True), complex_(3, 1), **triangular(conjugate_a=True)
    ).but(tolerance=10),
    sample(triangular_solve, real(0, 0), real(0, 2), **triangular()),
    sample(solve, well_conditioned(3, 3), real(3, 2), transpose_a=False).but(tolerance=10),
    sample(solve, well_conditioned(2, 3, 3), real(2, 3, 1), transpose_a=True).but(tolerance=10),
    sample(solve, well_conditioned(3, 3, is_complex=True), complex_(3, 2), transpose_a=True).but(tolerance=10),
    sample(lu, well_conditioned(3, 3)).but(tolerance=100),
    sample(lu, well_conditioned(2, 4, 3)).but(tolerance=100),
    sample(lu, well_conditioned(2, 4)).but(tolerance=100),
    sample(lu, well_conditioned(3, 3, is_complex=True)).but(tolerance=100),
    sample(lu, real(0, 3)),
    sample(pivots_to_permutation, integers(2, 5, 2), size=5),
    sample(pivots_to_permutation, integers(3, 4, 2, 4), size=4),
    sample(qr, well_conditioned(3, 3), full_matrices=False).but(tolerance=10),
    sample(qr, well_conditioned(2, 4, 3), full_matrices=False).but(tolerance=10),
    sample(qr, well_conditioned(2, 4), full_matrices=False).but(tolerance=10),
    sample(qr, well_conditioned(3, 3, is_complex=True), full_matrices=True).but(tolerance=10),
    sample(qr, well_conditioned(2, 4, is_complex=True), full_matrices=True).but(tolerance=10),
    sample(qr, well_conditioned(4, 2), full_matrices=True).but(tolerance=10),
    sample(qr, well_conditioned(2, 4, 3, is_complex=True), full_matrices=True).but(tolerance=10),
    sample(svd, well_conditioned(3, 3), full_matrices=False, compute_uv=True).but(tolerance=30),
    sample(svd, well_conditioned(2, 4, 2), full_matrices=False, compute_uv=True).but(tolerance=30),
    sample(svd, well_conditioned(2, 4), full_matrices=False, compute_uv=True).but(tolerance=30),
    sample(svd, well_conditioned(4, 2), full_matrices=True, compute_uv=False).but(tolerance=30),
    sample(svd, well_conditioned(3, 2, is_complex=True), full_matrices=False, compute_uv=False).but(tolerance=30),
    # the phases of complex singular vectors are LAPACK's choice: their derivatives are tested where phases cancel
    sample(svd, fixed(well_conditioned(2, 3, is_complex=True)), full_matrices=False, compute_uv=True).but(tolerance=30),
    sample(svd, fixed(well_conditioned(4, 2)), full_matrices=True, compute_uv=True).but(tolerance=30),
    sample(eigh, fixed(positive_definite(3, 3)), lower=True).but(tolerance=30),
    sample(eigh, fixed(positive_definite(2, 3, 3)), lower=False).but(tolerance=30),
    sample(eigh, fixed(positive_definite(3, 3, is_complex=True)), lower=True).but(tolerance=30),
    sample(eig, well_conditioned(3, 3), vectors=False).but(tolerance=100, second_order=False, dtypes=("float64",)),
    sample(eig, well_conditioned(2, 3, 3, is_complex=True), vectors=False).but(
        tolerance=100, second_order=False, dtypes=("float64",)
    ),
    sample(eig, fixed(well_conditioned(3, 3)), vectors=True).but(tolerance=30),
    sample(det, well_conditioned(4, 4)).but(tolerance=10),
    sample(det, well_conditioned(2, 3, 3, is_complex=True)).but(tolerance=10),
    sample(det, singular(4)).but(tolerance=10, second_order=False),
    sample(adjugate, well_conditioned(4, 4)).but(tolerance=30),
    sample(adjugate, well_conditioned(2, 2, 2, is_complex=True)).but(tolerance=30),
    sample(slogdet, well_conditioned(3, 3)).but(tolerance=10),
    sample(slogdet, well_conditioned(2, 3, 3, is_complex=True)).but(tolerance=10),
    sample(pinv, well_conditioned(4, 2), cutoff()).but(tolerance=10),
    sample(pinv, well_conditioned(2, 2, 3), cutoff(2)).but(tolerance=10),
    sample(pinv, well_conditioned(3, 2, is_complex=True), cutoff()).but(tolerance=10),
]
