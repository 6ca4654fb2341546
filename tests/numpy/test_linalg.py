"""vgrad.numpy.linalg against numpy.linalg, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import grad, jacfwd, jacrev, jit, jvp, vmap
from vgrad.errors import NotDifferentiable, ShapeError
from vgrad.numpy import linalg
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
A, B = rng.normal(size=(4, 4)), rng.normal(size=(4, 2))
TALL, WIDE, VECTOR = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=4)
STACK = rng.normal(size=(2, 3, 4, 4))
C = A + 1j * rng.normal(size=(4, 4))
PD, COMPLEX_PD = A @ A.T + np.eye(4), C @ C.conj().T + np.eye(4)
PDS = STACK @ np.swapaxes(STACK, -1, -2) + np.eye(4)

# name, operands, keywords, differentiable: compared with NumPy on every output
CASES = [
    ("cholesky", (PD,), {}, True),
    ("cholesky", (PDS,), {"upper": True}, True),
    ("cholesky", (COMPLEX_PD,), {}, True),
    ("qr", (A,), {}, True),
    ("qr", (TALL,), {"mode": "reduced"}, True),
    ("qr", (TALL,), {"mode": "complete"}, True),
    ("qr", (TALL,), {"mode": "r"}, True),
    ("qr", (WIDE,), {"mode": "complete"}, True),
    ("svd", (A,), {}, True),
    ("svd", (TALL,), {"full_matrices": False}, True),
    ("svd", (TALL,), {}, False),
    ("svd", (STACK,), {"compute_uv": False}, True),
    ("svd", (PD,), {"hermitian": True}, True),
    ("svd", (A + A.T,), {"hermitian": True, "compute_uv": False}, True),
    ("svdvals", (C,), {}, True),
    ("eigh", (PD,), {}, True),
    ("eigh", (PDS,), {"UPLO": "U"}, True),
    ("eigvalsh", (COMPLEX_PD,), {}, True),
    ("eig", (A,), {}, False),
    ("eigvals", (A,), {}, True),
    ("eigvals", (C,), {}, True),
    ("solve", (A, VECTOR), {}, True),
    ("solve", (A, B), {}, True),
    ("solve", (STACK, B), {}, True),
    ("solve", (A, STACK), {}, True),
    ("solve", (STACK, VECTOR), {}, True),
    ("solve", (C, B), {}, True),
    ("inv", (A,), {}, True),
    ("inv", (STACK,), {}, True),
    ("inv", (C,), {}, True),
    ("pinv", (TALL,), {}, True),
    ("pinv", (STACK[..., :2],), {}, True),
    ("pinv", (C,), {"rtol": 1e-10}, True),
    ("pinv", (A + A.T,), {"hermitian": True}, True),
    ("pinv", (TALL,), {"rcond": 0.5}, False),
    ("lstsq", (TALL, B), {}, True),
    ("lstsq", (TALL, VECTOR), {"rcond": None}, True),
    ("det", (A,), {}, True),
    ("det", (A[:1, :1],), {}, True),
    ("det", (STACK[..., :2, :2],), {}, True),
    ("det", (STACK[..., :3, :3],), {}, True),
    ("det", (C,), {}, True),
    ("det", (np.ones((0, 0)),), {}, True),
    ("slogdet", (A,), {}, True),
    ("slogdet", (STACK,), {}, True),
    ("slogdet", (C,), {}, True),
    ("matrix_power", (A,), {"n": 0}, True),
    ("matrix_power", (A,), {"n": 1}, True),
    ("matrix_power", (STACK,), {"n": 5}, True),
    ("matrix_power", (A,), {"n": -3}, True),
    ("matrix_power", (np.array([[2, 1], [0, 3]]),), {"n": 3}, False),
    ("matrix_rank", (TALL,), {}, False),
    ("matrix_rank", (STACK,), {"tol": 1.0}, False),
    ("matrix_rank", (PD,), {"hermitian": True, "rtol": 0.3}, False),
    ("matrix_rank", (VECTOR,), {}, False),
    ("multi_dot", ([A, B, WIDE],), {}, True),
    ("multi_dot", ([VECTOR, A, TALL],), {}, True),
    ("multi_dot", ([VECTOR, A, A, VECTOR],), {}, True),
    ("tensorsolve", (rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3))), {}, True),
    ("tensorsolve", (rng.normal(size=(6, 2, 3)), rng.normal(size=(2, 3))), {"axes": (0,)}, True),
    ("tensorinv", (rng.normal(size=(4, 2, 2)),), {"ind": 1}, True),
    ("tensorinv", (rng.normal(size=(2, 3, 6)),), {}, True),
    ("matrix_transpose", (STACK,), {}, True),
    ("outer", (VECTOR, VECTOR), {}, True),
    ("cross", (TALL, TALL[::-1]), {}, True),
    ("diagonal", (STACK,), {"offset": 1}, True),
    ("diagonal", (TALL,), {"offset": -2}, True),
    ("trace", (STACK,), {"offset": -1}, True),
    ("matmul", (STACK, B), {}, True),
    ("vecdot", (STACK, VECTOR), {}, True),
    ("tensordot", (STACK, A), {"axes": 1}, True),
    ("matrix_norm", (STACK,), {}, True),
    ("matrix_norm", (STACK,), {"ord": "nuc", "keepdims": True}, True),
    ("vector_norm", (STACK,), {}, True),
    ("vector_norm", (STACK,), {"axis": (0, 2), "ord": 3, "keepdims": True}, True),
    ("vector_norm", (C,), {"axis": 0, "ord": 1}, True),
    ("norm", (STACK,), {}, True),
    ("norm", (STACK,), {"keepdims": True}, True),
    ("norm", (STACK,), {"axis": 1}, True),
    ("norm", (3.0,), {}, True),
    ("norm", (np.arange(4),), {"ord": 3}, False),
    *[("norm", (VECTOR,), {"ord": order}, True) for order in (None, 0, 1, 2, 3, -1, -2, 0.5, 2.5, np.inf, -np.inf)],
    *[("norm", (TALL,), {"ord": order}, True) for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
    *[("norm", (STACK,), {"ord": order, "axis": (2, 0)}, True) for order in ("fro", "nuc", 1, -1, 2, np.inf, -np.inf)],
    *[("norm", (STACK,), {"ord": order, "axis": (0, 1), "keepdims": True}, True) for order in (1, -2, np.inf)],
    *[("cond", (A,), {"p": p}, True) for p in (None, 2, -2, 1, -1, np.inf, "fro", "nuc")],
    ("cond", (STACK,), {}, True),
]  # fmt: skip


def leaves(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def case_id(value):
    if isinstance(value, tuple):
        return ",".join(str(np.shape(x)) if not isinstance(x, list) else f"{len(x)} arrays" for x in value)
    return str(value)


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_values_and_dtypes_are_numpys(name, operands, keywords, differentiable):
    got, wanted = getattr(linalg, name)(*operands, **keywords), getattr(np.linalg, name)(*operands, **keywords)
    assert getattr(got, "_fields", None) == getattr(wanted, "_fields", None)
    got, wanted = leaves(got), leaves(wanted)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype.kind == np.asarray(other).dtype.kind or name in ("eig", "eigvals")
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_derivatives(name, operands, keywords, differentiable):
    def function(*operands):
        return getattr(linalg, name)(*operands, **keywords)

    if not differentiable:
        return
    if name in ("eigh", "svd") and np.iscomplexobj(operands[0]):
        pytest.skip("phases")
    if name == "multi_dot":
        check_grads(lambda *arrays: function(arrays), tuple(operands[0]), order=1)
    elif name == "lstsq":
        check_grads(lambda *operands: [function(*operands)[i] for i in (0, 1, 3)], operands, order=1)
    else:
        check_grads(function, operands, order=1)


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_vmap_is_a_loop_and_jit_is_eager(name, operands, keywords, differentiable):
    def function(first):
        return leaves(getattr(linalg, name)(first, *operands[1:], **keywords))

    first = operands[0]
    for got, wanted in zip(jit(function)(first), function(first), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    if isinstance(first, list):
        return
    rows = np.stack([np.asarray(first), 2 * np.asarray(first)])
    for got, *wanted in zip(vmap(function)(rows), *map(function, rows), strict=True):
        np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["cholesky", "inv", "det", "slogdet", "svd", "eigh", "qr", "norm", "pinv"])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.int64])
def test_dtypes(name, dtype):
    x = (PD * 10).astype(dtype)
    x = x + np.swapaxes(x, 0, 1)
    got, wanted = leaves(getattr(linalg, name)(x)), leaves(getattr(np.linalg, name)(x))
    assert [one.dtype for one in got] == [other.dtype for other in wanted]


def test_numpy_functions_and_named_results_on_tracers():
    def function(x):
        w, v = np.linalg.eigh(x)
        return np.linalg.slogdet(x).logabsdet + np.linalg.norm(x, ord="fro") + np.sum(w) + np.linalg.svd(x).S[0]

    got, wanted = jit(function)(PD), function(PD)
    np.testing.assert_allclose(got, wanted)
    check_grads(function, (PD,), order=1)


def phase_free(a):
    """A function of all outputs of svd in which the phases cancel."""
    u, s, vh = linalg.svd(a, full_matrices=False)
    return (u * np.exp(-s)) @ vh, np.abs(u) ** 2, np.abs(vh) ** 2


@pytest.mark.parametrize("a", [C, C[:, :2], C[:2]], ids=np.shape)
def test_complex_svd_where_phases_cancel(a):
    check_grads(phase_free, (a,), order=1)


def test_complex_eigh_where_phases_cancel():
    def function(a):
        w, v = linalg.eigh(a)
        return (v * np.sin(w)) @ np.conj(v.T), np.abs(v) ** 2

    check_grads(function, (COMPLEX_PD,), order=1)


def test_second_derivatives():
    for function, x in [
        (linalg.det, A),
        (linalg.det, A[:3, :3]),
        (lambda x: linalg.slogdet(x)[1], A),
        (linalg.inv, A),
        (lambda x: linalg.solve(x, VECTOR), A),
        (lambda x: linalg.cholesky(x @ x.T + np.eye(4)), A),
        (lambda x: linalg.eigvalsh(x @ x.T), A),
        (lambda x: linalg.qr(x)[1], A),
        (linalg.pinv, TALL),
        (linalg.norm, A),
    ]:
        check_grads(function, (x,), order=2, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_det_of_a_singular_matrix_has_its_cofactors_as_gradient(size):
    x = rng.normal(size=(size, size))
    x[-1] = x[:-1].sum(axis=0)
    cofactors = np.array(
        [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(size)]
            for i in range(size)
        ]
    )
    np.testing.assert_allclose(grad(linalg.det)(x), cofactors, atol=1e-12)


def test_det_of_rank_n_minus_2_has_gradient_0():
    x = np.arange(16.0).reshape(4, 4)
    np.testing.assert_allclose(grad(linalg.det)(x), np.zeros((4, 4)), atol=1e-12)


def test_failures_are_nan_matrix_by_matrix():
    stack = np.stack([PD, -PD])
    got = linalg.cholesky(stack)
    np.testing.assert_allclose(got[0], np.linalg.cholesky(PD))
    assert np.isnan(got[1][np.tril_indices(4)]).all() and (got[1][np.triu_indices(4, 1)] == 0).all()
    stack = np.stack([PD, np.full((4, 4), np.nan)])
    for name in ("svd", "eigh", "eig", "eigvals", "inv", "det", "pinv", "cholesky"):
        with np.errstate(invalid="ignore"):
            outputs = leaves(getattr(linalg, name)(stack))
        for output in outputs:
            assert np.isfinite(output[0]).all(), name
            assert np.isnan(output[1]).any(), name


def test_singular_systems_give_infinities_as_in_jax():
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_array_equal(linalg.solve(singular, np.ones(2)), [-np.inf, np.inf])
    assert linalg.slogdet(singular) == (0.0, -np.inf)
    with np.errstate(invalid="ignore"):
        assert linalg.cond(np.zeros((2, 2))) == np.inf
    regular = np.array([[1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(linalg.inv(np.stack([singular, regular]))[1], np.linalg.inv(regular))


def test_gradients_of_symmetric_functions_are_symmetric():
    for function in (
        lambda x, **keywords: linalg.cholesky(x, **keywords).sum(),
        lambda x, **keywords: (linalg.eigh(x, **keywords)[1] ** 3).sum(),
    ):
        gradient = grad(function)(PD)
        np.testing.assert_allclose(gradient, gradient.T)
        plain = grad(lambda x: function(x, symmetrize_input=False))(PD)
        np.testing.assert_allclose((plain + plain.T) / 2, gradient)


def test_equal_eigenvalues_spoil_eigenvectors_only():
    eye, direction = np.eye(2), np.array([[1.0, 2.0], [2.0, 3.0]])
    _, (w, v) = jvp(lambda x: tuple(linalg.eigh(x)), (eye,), (direction,))
    np.testing.assert_array_equal(w, [1, 3])
    assert not np.isfinite(v).any()
    np.testing.assert_array_equal(grad(lambda x: linalg.eigvalsh(x).sum())(eye), eye)
    np.testing.assert_array_equal(grad(lambda x: linalg.svdvals(x).sum())(eye), eye)


def test_norms_at_0_and_at_ties():
    assert np.isnan(grad(linalg.norm)(np.zeros(3))).all()
    np.testing.assert_allclose(grad(lambda x: linalg.norm(x, ord=np.inf))(np.array([1.0, -1.0, 0.5])), [0.5, -0.5, 0])
    assert linalg.norm(np.zeros((0, 3)), ord=np.inf, axis=0).shape == (3,)


def test_pinv_of_equal_singular_values_is_differentiable():
    check_grads(linalg.pinv, (np.eye(3)[:, :2],), order=1)
    check_grads(lambda a: linalg.lstsq(a, VECTOR)[0], (np.eye(4)[:, :2],), order=1)


def test_forward_and_reverse_jacobians_agree():
    for function in (linalg.inv, linalg.cholesky, lambda x: linalg.svd(x)[0], lambda x: linalg.qr(x)[0]):
        np.testing.assert_allclose(jacfwd(function)(PD), jacrev(function)(PD), atol=1e-9)


def test_shape_errors_are_linalg_errors():
    for function, operands, text in [
        (linalg.cholesky, (TALL,), r"cholesky expects square matrices .* got shape \(4, 3\)"),
        (linalg.inv, (TALL,), r"inv expects square matrices .* got shape \(4, 3\)"),
        (linalg.det, (VECTOR,), r"det expects square matrices .* got shape \(4,\)"),
        (linalg.svd, (VECTOR,), r"svd expects matrices .* got shape \(4,\)"),
        (linalg.solve, (A, TALL[:3]), r"right-hand sides of shape \(3, 3\) do not fit matrices of shape \(4, 4\)"),
        (linalg.solve, (STACK, rng.normal(size=(3, 4))), r"write solve\(a, b\[..., None\]\)"),
        (linalg.lstsq, (TALL, np.ones(3)), r"right-hand sides of shape \(3,\) do not fit"),
        (linalg.tensorsolve, (TALL, np.ones(4)), "not a square map"),
        (linalg.multi_dot, ([A, STACK, A],), "multi_dot expects matrices"),
    ]:
        with pytest.raises(np.linalg.LinAlgError, match=text):
            function(*operands)
        with pytest.raises(ShapeError, match=text):
            function(*operands)


def test_other_errors():
    with pytest.raises(NotDifferentiable, match="full_matrices=False"):
        grad(lambda x: linalg.svd(x)[0].sum())(TALL)
    with pytest.raises(NotDifferentiable, match="eigvals"):
        grad(lambda x: np.real(linalg.eig(x)[1]).sum())(A)
    with pytest.raises(ValueError, match="Invalid norm order 'other' for matrices"):
        linalg.norm(A, ord="other")
    with pytest.raises(ValueError, match="Invalid norm order 'fro' for vectors"):
        linalg.norm(VECTOR, ord="fro")
    with pytest.raises(ValueError, match="improper number of dimensions"):
        linalg.norm(STACK, axis=(0, 1, 2))
