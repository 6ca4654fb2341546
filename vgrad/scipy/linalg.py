"""scipy.linalg's functions, differentiable.

Relies on numpy.linalg and lax.linalg. SciPy's overwrite_a, overwrite_b, check_finite and the like are accepted and
ignored: operands are never written to, and what is not finite gives NaN. Leading axes are a batch.
"""

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.lax.linalg import lu as packed_lu
from vgrad.lax.linalg import triangular_solve
from vgrad.numpy import linalg
from vgrad.numpy.contraction import matmul
from vgrad.numpy.linalg import floats, identities, largest, matrices
from vgrad.numpy.operands import operand
from vgrad.numpy.shape import atleast_2d
from vgrad.numpy.subscripts import known_value
from vgrad.primitives import comparison, elementwise
from vgrad.primitives import linalg as primitives
from vgrad.primitives.broadcasting import convert_to, reduce_sum, reshape_to
from vgrad.primitives.comparison import select
from vgrad.primitives.complex import conj
from vgrad.primitives.elementwise import add, div, mul, sub
from vgrad.primitives.linalg import adjoint, as_column, as_matrices, as_row, take_rows, triangle
from vgrad.primitives.shape import concatenate, pad, reverse, slice_axis
from vgrad.primitives.sorting import argsort
from vgrad.primitives.window import windows

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "eigh",
    "expm",
    "expm_frechet",
    "hilbert",
    "inv",
    "lu",
    "lu_factor",
    "lu_solve",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
    "toeplitz",
]

TRANSPOSITIONS = {
    **dict.fromkeys((0, "N"), (False, False)),
    **dict.fromkeys((1, "T"), (True, False)),
    **dict.fromkeys((2, "C"), (True, True)),
}


def transposition(name, trans):
    """(transpose, conjugate) of SciPy's 0 or "N", 1 or "T", 2 or "C"."""
    if trans not in TRANSPOSITIONS:
        raise ValueError(f"{name}: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}.")
    return TRANSPOSITIONS[trans]


# -------------------------------------------------------------------------------------------------------------- solvers


def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, debug=None, check_finite=True):
    """The x of A x = b for a triangular A, of which only one triangle is read.

    trans           0 or "N": A x = b; 1 or "T": A^T x = b; 2 or "C": A^H x = b
    unit_diagonal   the diagonal is taken as 1 and not read
    """
    transpose, conjugate = transposition("solve_triangular", trans)
    return triangular_solve(
        a, b, left_side=True, lower=lower, transpose_a=transpose, conjugate_a=conjugate, unit_diagonal=unit_diagonal
    )


def solve(a, b, lower=False, overwrite_a=False, overwrite_b=False, check_finite=True, assume_a="gen", transposed=False):
    """The x of A x = b; with `transposed`, of A^T x = b. `assume_a` and `lower` change nothing: A is read whole.

    b   vectors when it has one axis less than A, else matrices
    """
    a, b = floats(a, b)
    if transposed:
        a = primitives.matrix_transpose(a)
    shape = type_of(b).shape
    if len(shape) != type_of(a).ndim - 1:
        return linalg.solve(a, b)
    solution = linalg.solve(a, reshape_to(b, shape + (1,)))
    return reshape_to(solution, type_of(solution).shape[:-1])


def cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    """The factor U of A = U^H U, or with `lower` L of A = L L^H. Only that triangle of A is read.

    The derivative is right where A stays Hermitian, as in JAX.
    """
    a = matrices("cholesky", a, square=True)
    return primitives.cholesky(a) if lower else adjoint(primitives.cholesky(adjoint(a)))


def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    """(Cholesky factor, lower), for cho_solve. Only one triangle of A is read; the factor's other one is zero."""
    return cholesky(a, lower), lower


def cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    """The x of A x = b from the factor of A that cho_factor gives."""
    factor, lower = c_and_lower
    halfway = triangular_solve(factor, b, left_side=True, lower=lower, transpose_a=not lower, conjugate_a=not lower)
    return triangular_solve(factor, halfway, left_side=True, lower=lower, transpose_a=lower, conjugate_a=lower)


def lu_factor(a, overwrite_a=False, check_finite=True):
    """(L and U in one matrix, pivots), for lu_solve. Row i was exchanged with row pivots[i]."""
    packed, pivots, _ = packed_lu(a)
    return packed, pivots


def lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    """The x of A x = b (trans 1: A^T x = b, 2: A^H x = b) from what lu_factor gives for A.

    b   vectors when it has one axis less than A, else matrices
    """
    packed, pivots = lu_and_piv
    packed, b = floats(packed, b)
    transpose, conjugate = transposition("lu_solve", trans)
    shape = type_of(b).shape
    if is_vector := len(shape) == type_of(packed).ndim - 1:
        b = as_column(b)
    if type_of(b).shape[:-1] != type_of(packed).shape[:-1]:
        raise primitives.MatrixShapeError(
            f"lu_solve: right-hand sides of shape {shape} do not fit factors of shape {type_of(packed).shape}."
        )
    permutation = primitives.pivots_to_permutation(operand(pivots), size=type_of(packed).shape[-1])

    def divided_by(lower, x):
        return triangular_solve(
            packed, x, left_side=True, lower=lower, transpose_a=transpose, conjugate_a=conjugate, unit_diagonal=lower
        )

    if transpose:
        back = argsort(permutation, axis=type_of(permutation).ndim - 1)
        x = take_rows(divided_by(True, divided_by(False, b)), back)
    else:
        x = divided_by(False, divided_by(True, take_rows(b, permutation)))
    return reshape_to(x, shape) if is_vector else x


# ------------------------------------------------------------------------------------------------------- factorizations


def lu(a, permute_l=False, overwrite_a=False, check_finite=True):
    """(P, L, U) with A = P L U, or with permute_l (P L, U)."""
    packed, _, permutation = packed_lu(a)
    *_, rows, columns = type_of(packed).shape
    size, axis, dtype = min(rows, columns), type_of(packed).ndim - 1, type_of(packed).dtype
    lower = add(triangle(slice_axis(packed, axis, 0, size), True, 1), np.eye(rows, size, dtype=dtype))
    upper = triangle(slice_axis(packed, axis - 1, 0, size), False)
    places = as_column(np.arange(rows, dtype=np.int32))
    p = convert_to(comparison.eq(places, as_row(permutation)), np.dtype(primitives.real_of(dtype)))
    return (matmul(p, lower), upper) if permute_l else (p, lower, upper)


def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    """(Q, R) with square Q (mode "full") or with min(m, n) columns ("economic"), or (R,) (mode "r")."""
    if pivoting:
        raise NotImplementedError("qr: column pivoting is not available.")
    if mode not in ("full", "economic", "r"):
        raise ValueError(f'qr: mode must be "full", "economic" or "r", got {mode!r}.')
    q, r = primitives.qr(matrices("qr", a), full_matrices=mode != "economic")
    return (r,) if mode == "r" else (q, r)


def svd(a, full_matrices=True, compute_uv=True, overwrite_a=False, check_finite=True, lapack_driver="gesdd"):
    """(U, singular values, V^H), or with compute_uv=False the singular values. See numpy.linalg.svd."""
    result = linalg.svd(a, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def eigh(a, b=None, *, lower=True, eigvals_only=False, overwrite_a=False, overwrite_b=False, check_finite=True):
    """(eigenvalues in ascending order, eigenvectors as columns) of (A + A^H) / 2. Only b=None is available."""
    if b is not None:
        raise NotImplementedError("eigh: the generalized problem (b=) is not available.")
    w, v = linalg.eigh(a, "L" if lower else "U")
    return w if eigvals_only else (w, v)


def det(a, overwrite_a=False, check_finite=True):
    """The determinant. See numpy.linalg.det."""
    return linalg.det(a)


def inv(a, overwrite_a=False, check_finite=True):
    """The inverse. See numpy.linalg.inv."""
    return linalg.inv(a)


# --------------------------------------------------------------------------------------------------- matrix exponential

PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip
PADE_RADIUS = 5.371920351148152  # the 1-norm up to which this approximant is exact to double precision


def expm(A, *, upper_triangular=False, max_squarings=16):
    """The matrix exponential, by a Pade approximant of order 13, scaling and squaring.

    max_squarings   where more would be needed (1-norm above 5 * 2**max_squarings) the result is NaN
    `upper_triangular` is accepted and changes nothing.
    Cost:   one solve, 6 products, and the squarings: as many as needed where values are known, else max_squarings.
    Source: Higham, "The scaling and squaring method for the matrix exponential revisited" (2005).
    """
    a = matrices("expm", A, square=True)
    ndim = type_of(a).ndim
    column_sums = reduce_sum(comparison.absolute(a), axes=(ndim - 2,))
    size = largest(column_sums, (ndim - 2,))
    squarings = elementwise.ceil(elementwise.log2(div(comparison.maximum(size, PADE_RADIUS), PADE_RADIUS)))
    result = pade_exponential(mul(a, as_matrices(elementwise.exp2(elementwise.neg(squarings)))))
    known = known_value(squarings)
    most = max_squarings
    if known is not None:
        most = int(min(np.max(np.nan_to_num(known, posinf=0), initial=0), max_squarings))
    for number in range(most):
        squared = matmul(result, result)
        result = select(as_matrices(comparison.gt(squarings, number)), squared, result)
    return select(as_matrices(comparison.le(squarings, max_squarings)), result, np.nan)


def pade_exponential(a):
    """The approximant (V + U) / (V - U), U the odd powers of A and V the even ones."""
    one = identities(type_of(a).shape, type_of(a).dtype)
    a2 = matmul(a, a)
    a4 = matmul(a2, a2)
    powers = (one, a2, a4, matmul(a4, a2))

    def weighted(coefficients):
        total = None
        for coefficient, power in zip(coefficients, powers):
            term = mul(power, float(coefficient))
            total = term if total is None else add(total, term)
        return total

    a6 = powers[3]
    odd = matmul(a, add(matmul(a6, weighted((0, *PADE[9::2]))), weighted(PADE[1:8:2])))
    even = add(matmul(a6, weighted((0, *PADE[8::2]))), weighted(PADE[0:7:2]))
    return primitives.solve(sub(even, odd), add(even, odd), transpose_a=False)


def expm_frechet(A, E, *, method=None, compute_expm=True):
    """(expm(A), its derivative in the direction E), or the derivative alone. `method` is accepted and ignored."""
    a, e = floats(A, E)
    shape = type_of(a).shape
    primitives.check_matrix("expm_frechet", type_of(a))
    if type_of(e).shape != shape:
        raise primitives.MatrixShapeError(
            f"expm_frechet: a direction of shape {type_of(e).shape} does not fit matrices of shape {shape}."
        )
    last, size = len(shape) - 1, shape[-1]
    top = concatenate(a, e, axis=last)
    bottom = concatenate(np.zeros(shape, type_of(a).dtype), a, axis=last)
    top_rows = slice_axis(expm(concatenate(top, bottom, axis=last - 1)), last - 1, 0, size)
    exponential, derivative = slice_axis(top_rows, last, 0, size), slice_axis(top_rows, last, size, 2 * size)
    return (exponential, derivative) if compute_expm else derivative


# ----------------------------------------------------------------------------------------------------- special matrices


def block_diag(*arrs):
    """The matrices (or rows, or numbers) along the diagonal, zeros elsewhere."""
    blocks = [atleast_2d(operand(block, "block_diag")) for block in arrs or ([],)]
    shapes = [type_of(block).shape for block in blocks]
    if any([len(shape) != 2 for shape in shapes]):
        raise ShapeError(f"block_diag expects arrays of at most two axes, got shapes {shapes}.")
    dtype, _ = promote(*[type_of(block).strong() for block in blocks])
    total, column, rows = sum([shape[1] for shape in shapes]), 0, []
    for block, shape in zip(blocks, shapes):
        around = ((0, 0, 0), (column, total - column - shape[1], 0))
        rows.append(pad(convert_to(block, dtype), dtype.type(0), widths=around))
        column += shape[1]
    return concatenate(*rows, axis=0)


def toeplitz(c, r=None):
    """The matrix with constant diagonals, of first column c and first row r (default conj(c)). r[0] is not read.

    Shapes: (..., M) and (..., N) give (..., M, N).
    """
    c = operand(c, "toeplitz")
    if r is None:
        r = conj(c) if type_of(c).dtype.kind == "c" else c
    c, r = [reshape_to(x, type_of(x).shape or (1,)) for x in (c, operand(r, "toeplitz"))]
    dtype, _ = promote(type_of(c), type_of(r))
    c, r = convert_to(c, dtype), convert_to(r, dtype)
    if type_of(c).shape[:-1] != type_of(r).shape[:-1]:
        raise ShapeError(f"toeplitz: shapes {type_of(c).shape} and {type_of(r).shape} do not fit.")
    last, columns = type_of(c).ndim - 1, type_of(r).shape[-1]
    values = concatenate(reverse(c, axes=(last,)), slice_axis(r, last, min(1, columns), columns), axis=last)
    if not columns:
        return np.zeros(type_of(c).shape + (0,), dtype)
    rows = windows(values, axes=(last,), sizes=(columns,), strides=(1,), dilations=(1,))
    return reverse(rows, axes=(last,))


def hilbert(n):
    """The matrix 1 / (i + j + 1)."""
    places = np.arange(n)
    return (1 / (places[:, None] + places + 1)).astype(default_float())
