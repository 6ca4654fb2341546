"""vgrad.scipy.linalg against scipy.linalg, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest
import scipy.linalg

from vgrad import jit, vmap
from vgrad.errors import ShapeError
from vgrad.scipy import linalg
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
A, B, VECTOR = rng.normal(size=(4, 4)), rng.normal(size=(4, 2)), rng.normal(size=4)
C = A + 1j * rng.normal(size=(4, 4))
PD = A @ A.T + np.eye(4)
FACTOR = np.linalg.cholesky(PD)

# name, operands, keywords: differentiable in all operands
CASES = [
    *[
        ("solve_triangular", (a, b), {"trans": trans, "lower": lower})
        for a, b in ((A, B), (A, VECTOR), (C, B))
        for trans, lower in ((0, True), ("N", False), (1, False), ("T", True), (2, True), ("C", False))
    ],
    ("solve_triangular", (A, B), {"lower": True, "unit_diagonal": True}),
    ("solve", (A, B), {}),
    ("solve", (A, VECTOR), {"assume_a": "gen"}),
    ("solve", (A, VECTOR), {"transposed": True}),
    ("det", (A,), {}),
    ("inv", (A,), {}),
    ("lu", (A,), {}),
    ("lu", (B,), {}),
    ("lu", (B.T,), {"permute_l": True}),
    ("lu", (C,), {}),
    ("qr", (A,), {}),
    ("qr", (B,), {"mode": "economic"}),
    ("qr", (A,), {"mode": "r"}),
    ("svd", (A,), {}),
    ("svd", (B,), {"compute_uv": False}),
    ("svd", (B,), {"full_matrices": False}),
    ("eigh", (PD,), {}),
    ("eigh", (PD,), {"eigvals_only": True, "lower": False}),
    ("expm", (A,), {}),
    ("expm", (20 * A,), {}),
    ("expm", (C,), {}),
    ("expm", (np.zeros((3, 3)),), {}),
    ("expm_frechet", (A, C.imag), {}),
    ("expm_frechet", (A, C.imag), {"compute_expm": False}),
    ("block_diag", (A, B, VECTOR, 3.0), {}),
    ("block_diag", (np.array([1, 2]), B), {}),
    ("toeplitz", (VECTOR, B[:, 0]), {}),
    ("toeplitz", (VECTOR,), {}),
    ("toeplitz", (VECTOR, np.array([9.0])), {}),
    ("toeplitz", (C[0],), {}),
]


def leaves(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def case_id(value):
    return ",".join(str(np.shape(x)) for x in value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("name, operands, keywords", CASES, ids=case_id)
def test_values_and_dtypes_are_scipys(name, operands, keywords):
    got, wanted = getattr(linalg, name)(*operands, **keywords), getattr(scipy.linalg, name)(*operands, **keywords)
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        assert one.dtype == other.dtype or name == "lu" and one.dtype.kind == "f"
        assert one.shape == other.shape
        if name == "eigh":  # SciPy's default driver has other signs
            one, other = np.abs(one), np.abs(other)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


@pytest.mark.parametrize("name, operands, keywords", CASES, ids=case_id)
def test_derivatives_vmap_and_jit(name, operands, keywords):
    def function(*operands):
        return leaves(getattr(linalg, name)(*operands, **keywords))

    size = max(1.0, *[np.abs(output).max() for output in function(*operands)])
    check_grads(lambda *operands: [output / size for output in function(*operands)], operands, order=1)
    for got, wanted in zip(jit(function)(*operands), function(*operands), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * size)
    rows = [np.stack([operand, 2 * np.asarray(operand)]) for operand in operands]
    for got, *wanted in zip(vmap(function)(*rows), *map(function, *rows), strict=True):
        np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_reads_one_triangle(lower):
    triangle = np.tril(PD) if lower else np.triu(PD)
    np.testing.assert_allclose(linalg.cholesky(triangle, lower=lower), FACTOR if lower else FACTOR.T)
    check_grads(lambda a: linalg.cholesky(a @ a.T, lower=lower), (A,), order=1)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("b", [VECTOR, B])
def test_cho_solve_solves(lower, b):
    def function(a, b):
        return linalg.cho_solve(linalg.cho_factor(a @ a.T + np.eye(4), lower=lower), b)

    np.testing.assert_allclose(function(A, b), np.linalg.solve(PD, b))
    check_grads(function, (A, b), order=2)
    np.testing.assert_allclose(vmap(function, (0, None))(np.stack([A, 2 * A]), b)[0], np.linalg.solve(PD, b))
    complex_pd = C @ C.conj().T + np.eye(4)
    got = linalg.cho_solve(linalg.cho_factor(complex_pd, lower=lower), b)
    np.testing.assert_allclose(got, np.linalg.solve(complex_pd, b))


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("a, b", [(A, VECTOR), (A, B), (C, B)], ids=np.shape)
def test_lu_solve_solves(a, b, trans):
    def function(a, b):
        return linalg.lu_solve(linalg.lu_factor(a), b, trans=trans)

    np.testing.assert_allclose(function(a, b), scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b, trans=trans))
    check_grads(function, (a, b), order=1)
    stacked = np.stack([a, 2 * a])
    np.testing.assert_allclose(vmap(function, (0, None))(stacked, b)[0], function(a, b))
    bs = np.stack([b, b])
    np.testing.assert_allclose(function(stacked, bs), vmap(function)(stacked, bs))


def test_batches():
    stacked, bs = np.stack([A, 2 * A]), np.stack([VECTOR, VECTOR])
    np.testing.assert_allclose(linalg.expm(stacked), [scipy.linalg.expm(A), scipy.linalg.expm(2 * A)])
    np.testing.assert_allclose(linalg.solve(stacked, bs), [np.linalg.solve(A, VECTOR), np.linalg.solve(2 * A, VECTOR)])
    np.testing.assert_allclose(linalg.toeplitz(bs), [scipy.linalg.toeplitz(VECTOR)] * 2)
    assert linalg.expm(np.zeros((0, 0))).shape == (0, 0)
    assert linalg.block_diag().shape == (1, 0)


@np.errstate(all="ignore")
def test_expm_where_it_fails():
    assert np.isnan(linalg.expm(1e9 * A)).all()
    assert np.isnan(linalg.expm(np.where(np.eye(4) > 0, np.nan, A))).all()
    assert np.isfinite(linalg.expm(np.stack([A, np.full((4, 4), np.inf)]))[0]).all()
    np.testing.assert_allclose(vmap(linalg.expm)(np.stack([A, 1e9 * A]))[0], scipy.linalg.expm(A))


def test_hilbert():
    np.testing.assert_allclose(linalg.hilbert(3), scipy.linalg.hilbert(3))


def test_errors():
    for function, operands, text in [
        (
            linalg.solve_triangular,
            (A, B[:3]),
            r"right-hand sides of shape \(3, 2\) do not fit matrices of shape \(4, 4\)",
        ),
        (linalg.lu_solve, (linalg.lu_factor(A), B[:3]), r"shape \(3, 2\) do not fit factors of shape \(4, 4\)"),
        (linalg.expm, (B,), r"expm expects square matrices .* got shape \(4, 2\)"),
        (linalg.expm_frechet, (A, B), r"a direction of shape \(4, 2\) does not fit matrices of shape \(4, 4\)"),
        (linalg.block_diag, (A[None],), r"at most two axes, got shapes \[\(1, 4, 4\)\]"),
        (linalg.toeplitz, (A, VECTOR), r"toeplitz: shapes \(4, 4\) and \(4,\) do not fit"),
    ]:
        with pytest.raises(ShapeError, match=text):
            function(*operands)
    with pytest.raises(ValueError, match="trans must be"):
        linalg.solve_triangular(A, B, trans=3)
    with pytest.raises(NotImplementedError, match="generalized"):
        linalg.eigh(PD, PD)
