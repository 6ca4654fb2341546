"""Matrix factorizations and triangular solves with `jax.lax.linalg`'s names and signatures.

Relies on primitives.linalg and numpy.linalg. Matrices are the last two axes; failures are NaN, as in numpy.linalg.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.numpy import linalg
from vgrad.numpy.linalg import floats, matrices
from vgrad.primitives import linalg as primitives
from vgrad.primitives.broadcasting import broadcast_to, reshape_to

__all__ = [
    "cholesky",
    "eig",
    "eigh",
    "lu",
    "lu_pivots_to_permutation",
    "qr",
    "svd",
    "triangular_solve",
]


def cholesky(x, *, symmetrize_input=True):
    """The lower factor L of x = L L^H; NaN where x is not positive definite. See numpy.linalg.cholesky."""
    return linalg.cholesky(x, symmetrize_input=symmetrize_input)


def eigh(x, *, lower=True, symmetrize_input=True, sort_eigenvalues=True):
    """(eigenvectors as columns, eigenvalues in ascending order): the order of numpy.linalg.eigh turned round."""
    w, v = linalg.eigh(x, "L" if lower else "U", symmetrize_input)
    return v, w


def eig(x, *, compute_left_eigenvectors=True, compute_right_eigenvectors=True):
    """[eigenvalues], then left and right eigenvectors as columns of norm 1, as asked; always complex.

    Errors: NotImplementedError for left eigenvectors; those of x are the right ones of its conjugate transpose.
    """
    if compute_left_eigenvectors:
        raise NotImplementedError(
            "eig: left eigenvectors are not available. Write compute_left_eigenvectors=False; they are the right "
            "eigenvectors of the conjugate transpose."
        )
    return list(primitives.eig(matrices("eig", x, square=True), vectors=bool(compute_right_eigenvectors)))


def lu(x):
    """(L and U in one matrix, pivots, permutation), with x[permutation] = L U.

    L has ones on its diagonal, which are not stored. Row i was exchanged with row pivots[i], for i = 0, 1, ...
    """
    x = matrices("lu", x)
    packed, pivots = primitives.lu(x)
    return packed, pivots, primitives.pivots_to_permutation(pivots, size=type_of(x).shape[-2])


def lu_pivots_to_permutation(pivots, permutation_size):
    """The order of `permutation_size` rows after the exchanges of lu."""
    return primitives.pivots_to_permutation(pivots, size=permutation_size)


def qr(x, *, pivoting=False, full_matrices=True):
    """(Q, R); with full_matrices Q is square. See numpy.linalg.qr."""
    if pivoting:
        raise NotImplementedError("qr: column pivoting is not available.")
    return tuple(primitives.qr(matrices("qr", x), full_matrices=bool(full_matrices)))


def svd(x, *, full_matrices=True, compute_uv=True):
    """(U, singular values, V^H), or with compute_uv=False the singular values. See numpy.linalg.svd."""
    result = linalg.svd(x, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def triangular_solve(a, b, *, left_side=False, lower=False, transpose_a=False, conjugate_a=False, unit_diagonal=False):
    """The X of op(a) X = b (left_side) or X op(a) = b, reading one triangle of a; op transposes and conjugates.

    b               matrices, or vectors when it has one axis less than a; leading axes broadcast
    unit_diagonal   the diagonal of a is taken as 1 and not read
    Edges:  Inf or NaN where the diagonal has a zero.
    """
    a, b = floats(a, b)
    primitives.check_matrix("triangular_solve", type_of(a))
    a_shape, b_shape = type_of(a).shape, type_of(b).shape
    is_vector = len(b_shape) == len(a_shape) - 1
    if is_vector:
        b_shape = b_shape + (1,) if left_side else b_shape[:-1] + (1,) + b_shape[-1:]
        b = reshape_to(b, b_shape)
    try:
        batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    except ValueError:
        batch = None
    if batch is None or len(b_shape) < 2 or b_shape[-2 if left_side else -1] != a_shape[-1]:
        raise primitives.MatrixShapeError(
            f"triangular_solve: right-hand sides of shape {b_shape} do not fit matrices of shape {a_shape}."
        )
    solution = primitives.triangular_solve(
        broadcast_to(a, batch + a_shape[-2:]),
        broadcast_to(b, batch + b_shape[-2:]),
        left_side=bool(left_side),
        lower=bool(lower),
        transpose_a=bool(transpose_a),
        conjugate_a=bool(conjugate_a),
        unit_diagonal=bool(unit_diagonal),
    )
    if not is_vector:
        return solution
    shape = type_of(solution).shape
    return reshape_to(solution, shape[:-1] if left_side else shape[:-2] + shape[-1:])
