"""Linear algebra on the last two axes: factorizations, solvers, determinants.

Relies on contraction and sorting. All operations are batched over leading axes; operands are floats or complex.
Where LAPACK fails (a matrix that is not positive definite, no convergence, NaN in the input) the result is NaN.
Derivatives are Giles' ("An extended collection of matrix derivative results", 2008) unless a rule names another source.
"""

import numpy as np

from vgrad.core.primitive import Primitive, host, no_tangent, refuse
from vgrad.core.types import ArrayType, is_differentiable, type_of
from vgrad.errors import NotDifferentiable, ShapeError
from vgrad.primitives.broadcasting import broadcast_to, convert_to, move_axis, permute, reshape_to
from vgrad.primitives.comparison import replace_zero
from vgrad.primitives.complex import conj, real, real_of
from vgrad.primitives.contraction import contract
from vgrad.primitives.elementwise import add, div, mul, neg, sub
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.primitives.sorting import take_along

INT32 = np.dtype(np.int32)
LETTERS = "abcdefghopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

# ------------------------------------------------------------------------------- what the rules below are written with


def leading_letters(x):
    return LETTERS[: type_of(x).ndim - 2]


def matmul(x, y):
    """x @ y of operands with the same leading axes."""
    batch = leading_letters(x)
    return contract(x, y, spec=f"{batch}ij,{batch}jk->{batch}ik")


def diagonal(x):
    batch = leading_letters(x)
    return contract(x, spec=f"{batch}ii->{batch}i")


def trace(x):
    batch = leading_letters(x)
    return contract(x, spec=f"{batch}ii->{batch}")


def matrix_transpose(x):
    ndim = type_of(x).ndim
    return permute(x, permutation=tuple(range(ndim - 2)) + (ndim - 1, ndim - 2))


def adjoint(x):
    """The conjugate transpose."""
    return conjugate(matrix_transpose(x))


def conjugate(x):
    return conj(x) if is_complex(x) else x


def real_part(x):
    return real(x) if is_complex(x) else x


def is_complex(x):
    return type_of(x).dtype.kind == "c"


def complex_dtype(dtype):
    return np.result_type(dtype, np.complex64)


def identity(x):
    """The identity of the size and real dtype of the square matrices x."""
    type_ = type_of(x)
    return np.eye(type_.shape[-1], dtype=real_of(type_.dtype))


def as_row(x):
    """x[..., None, :]"""
    shape = type_of(x).shape
    return reshape_to(x, shape[:-1] + (1,) + shape[-1:])


def as_column(x):
    """x[..., :, None]"""
    return reshape_to(x, type_of(x).shape + (1,))


def as_matrices(x):
    """Numbers x as matrices of size 1, to scale matrices with."""
    return reshape_to(x, type_of(x).shape + (1, 1))


def triangle(x, lower, offset=0):
    """The lower (upper) triangle of x, starting `offset` diagonals below (above) the main one."""
    rows, columns = type_of(x).shape[-2:]
    dtype = real_of(type_of(x).dtype)
    return mul(x, np.tri(rows, columns, -offset, dtype) if lower else np.tri(columns, rows, -offset, dtype).T)


def half_triangle(x):
    """The lower triangle of square x with its diagonal halved."""
    one = identity(x)
    return mul(x, np.tri(len(one), dtype=one.dtype) - one / 2)


def inverse_off_diagonal(x):
    """1 / x, and 0 on the diagonal, where x is 0. Other zeros give Inf, hence NaN derivatives, as in JAX."""
    one = identity(x)
    return sub(div(one.dtype.type(1), add(x, one)), one)


class MatrixShapeError(ShapeError, np.linalg.LinAlgError):
    """Shapes do not fit an operation on matrices. A LinAlgError as in NumPy."""


def check_matrix(name, operand, square=True):
    if operand.ndim < 2 or square and operand.shape[-1] != operand.shape[-2]:
        kind = "square matrices (..., n, n)" if square else "matrices (..., m, n)"
        raise MatrixShapeError(f"{name} expects {kind}, got shape {operand.shape}.")
    if not is_differentiable(operand.dtype):
        raise MatrixShapeError(f"{name} expects floats or complex numbers, got dtype {operand.dtype}.")


def check_solve(name, a, b, left_side=True):
    check_matrix(name, a)
    axis = -2 if left_side else -1
    if b.ndim != a.ndim or a.shape[:-2] != b.shape[:-2] or b.shape[axis] != a.shape[-1] or a.dtype != b.dtype:
        raise MatrixShapeError(f"{name}: right-hand sides of type {b} do not fit matrices of type {a}.")


def nan_where_failing(function, operand, types):
    """The tuple function(operand), NaN for those matrices of the batch on which NumPy raises LinAlgError."""
    try:
        return function(operand)
    except np.linalg.LinAlgError:
        outputs = tuple([np.full(type_.shape, np.nan, type_.dtype) for type_ in types])
    for index in np.ndindex(operand.shape[:-2]):
        try:
            results = function(operand[index])
        except np.linalg.LinAlgError:
            continue
        for output, result in zip(outputs, results):
            output[index] = result
    return outputs


def batch_of_matrices(primitive_of):
    """The batch rule of an operation on the last two axes of one operand. `primitive_of()` is the record."""

    def rule(operands, mapped_axes, **params):
        primitive = primitive_of()
        output = primitive(move_axis(operands[0], mapped_axes[0], 0), **params)
        return output, (0,) * len(output) if primitive.multiple_outputs else 0

    return rule


def batch_of_systems(primitive_of):
    """The batch rule of a solver: matrices that all examples share get all right-hand sides at once."""

    def rule(operands, mapped_axes, **params):
        (a, b), (a_axis, b_axis) = operands, mapped_axes
        if a_axis is not None:
            a = move_axis(a, a_axis, 0)
            size = type_of(a).shape[:1]
            b = broadcast_to(b, size + type_of(b).shape) if b_axis is None else move_axis(b, b_axis, 0)
            return primitive_of()(a, b, **params), 0
        left_side = params.get("left_side", True)
        place = type_of(b).ndim - (1 if left_side else 3)  # beside the columns of b (its rows, from the right side)
        b = move_axis(b, b_axis, place)
        shape = type_of(b).shape
        *leading, first, second, third = shape
        merged = (first, second * third) if left_side else (first * second, third)
        return reshape_to(primitive_of()(a, reshape_to(b, (*leading, *merged)), **params), shape), place

    return rule


# ----------------------------------------------------------------------------------------------------------- cholesky


def cholesky_type(operand):
    check_matrix("cholesky", operand)
    return operand.strong()


def cholesky_evaluate(operand):
    (factor,) = nan_where_failing(lambda x: (np.linalg.cholesky(x),), operand, (type_of(operand),))
    return np.tril(factor)


def cholesky_jvp(factor, operands, tangents):
    """L (h of L^-1 dA L^-H), h the lower triangle with its diagonal halved. Also Murray, arXiv:1602.07527."""
    inner = solve_triangle(factor, tangents[0])
    inner = solve_triangle(factor, inner, left_side=False, transpose_a=True, conjugate_a=True)
    return matmul(factor, half_triangle(inner))


# The lower factor L of A = L L^H. A must be Hermitian, and so must its tangents: only its lower triangle is read.
cholesky = Primitive(
    "cholesky",
    output_type=cholesky_type,
    evaluate=cholesky_evaluate,
    jvp=cholesky_jvp,
    transpose=refuse("cholesky is not linear"),
    batch=batch_of_matrices(lambda: cholesky),
    lower=host("a factorisation of LAPACK"),
)


# --------------------------------------------------------------------------------------------------- triangular solve


def triangular_solve_type(a, b, *, left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    check_solve("triangular_solve", a, b, left_side)
    return b.strong()


def triangular_solve_evaluate(a, b, *, left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    # scipy.linalg takes longer to import than all of vgrad
    from scipy.linalg.blas import get_blas_funcs

    output = np.empty(b.shape, b.dtype)
    if output.size == 0:
        return output
    (trsm,) = get_blas_funcs(("trsm",), (a, b))
    if conjugate_a and not transpose_a:
        a = np.conj(a)
    for index in np.ndindex(b.shape[:-2]):
        output[index] = trsm(
            1.0,
            a[index],
            b[index],
            side=not left_side,
            lower=lower,
            trans_a=(2 if conjugate_a else 1) if transpose_a else 0,
            diag=unit_diagonal,
        )
    return output


def triangular_solve_jvp(output, operands, tangents, **params):
    """op(A) X = B: dX = op(A)^-1 (dB - op(dA) X); for X op(A) = B the same from the right."""
    a, _ = operands
    a_tangent, right_side = tangents
    if a_tangent is not None:
        moved = triangle(a_tangent, params["lower"], offset=int(params["unit_diagonal"]))
        moved = matrix_transpose(moved) if params["transpose_a"] else moved
        moved = conjugate(moved) if params["conjugate_a"] else moved
        moved = matmul(moved, output) if params["left_side"] else matmul(output, moved)
        right_side = neg(moved) if right_side is None else sub(right_side, moved)
    return triangular_solve(a, right_side, **params)


def triangular_solve_transpose(cotangent, operands, wrt, *, transpose_a, **params):
    if wrt == 0:
        raise NotDifferentiable("triangular_solve is not linear in its matrix")
    return triangular_solve(operands[0], cotangent, transpose_a=not transpose_a, **params)


# op(A) X = B (left_side) or X op(A) = B, where op is transpose_a and conjugate_a and only one triangle of A is read.
# unit_diagonal: the diagonal is not read and taken as 1. A zero on the diagonal gives Inf and NaN.
triangular_solve = Primitive(
    "triangular_solve",
    output_type=triangular_solve_type,
    evaluate=triangular_solve_evaluate,
    jvp=triangular_solve_jvp,
    transpose=triangular_solve_transpose,
    batch=batch_of_systems(lambda: triangular_solve),
    lower=host("a solver of LAPACK"),
)


def solve_triangle(a, b, *, left_side=True, lower=True, transpose_a=False, conjugate_a=False, unit_diagonal=False):
    """triangular_solve with its usual params."""
    return triangular_solve(
        a,
        b,
        left_side=left_side,
        lower=lower,
        transpose_a=transpose_a,
        conjugate_a=conjugate_a,
        unit_diagonal=unit_diagonal,
    )


# -------------------------------------------------------------------------------------------------------------- solve


def solve_type(a, b, *, transpose_a):
    check_solve("solve", a, b)
    return b.strong()


def solve_evaluate(a, b, *, transpose_a):
    if transpose_a:
        a = np.swapaxes(a, -1, -2)
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        return solve_each(a, b)


def solve_each(a, b):
    """Matrix by matrix, without NumPy's error: a singular matrix divides by its zero pivot."""
    # scipy.linalg takes longer to import than all of vgrad
    from scipy.linalg.lapack import get_lapack_funcs

    getrf, getrs = get_lapack_funcs(("getrf", "getrs"), (a, b))
    output = np.empty(b.shape, b.dtype)
    for index in np.ndindex(b.shape[:-2]):
        factors, pivots, _ = getrf(a[index])
        output[index] = getrs(factors, pivots, b[index])[0]
    return output


def solve_jvp(output, operands, tangents, *, transpose_a):
    """dX = A^-1 (dB - dA X)."""
    a_tangent, right_side = tangents
    if a_tangent is not None:
        moved = matmul(matrix_transpose(a_tangent) if transpose_a else a_tangent, output)
        right_side = neg(moved) if right_side is None else sub(right_side, moved)
    return solve(operands[0], right_side, transpose_a=transpose_a)


def solve_transpose(cotangent, operands, wrt, *, transpose_a):
    if wrt == 0:
        raise NotDifferentiable("solve is not linear in its matrix")
    return solve(operands[0], cotangent, transpose_a=not transpose_a)


# A X = B, or A^T X = B. A singular matrix gives Inf and NaN.
solve = Primitive(
    "solve",
    output_type=solve_type,
    evaluate=solve_evaluate,
    jvp=solve_jvp,
    transpose=solve_transpose,
    batch=batch_of_systems(lambda: solve),
    lower=host("a solver of LAPACK"),
)


# ----------------------------------------------------------------------------------------------------------------- lu


def lu_type(operand):
    check_matrix("lu", operand, square=False)
    *batch, rows, columns = operand.shape
    return operand.strong(), ArrayType((*batch, min(rows, columns)), INT32)


def lu_evaluate(operand):
    # scipy.linalg takes longer to import than all of vgrad
    from scipy.linalg.lapack import get_lapack_funcs

    packed_type, pivots_type = lu_type(type_of(operand))
    packed, pivots = np.empty(packed_type.shape, packed_type.dtype), np.zeros(pivots_type.shape, INT32)
    if packed.size:
        (getrf,) = get_lapack_funcs(("getrf",), (operand,))
        for index in np.ndindex(operand.shape[:-2]):
            packed[index], pivots[index], _ = getrf(operand[index])
    return packed, pivots


def lu_jvp(outputs, operands, tangents):
    """With G = L^-1 P dA U^-1: dL = L (G below the diagonal), dU = (the rest of G) U.

    L and U are made square with ones on the diagonal: then the same holds for matrices that are not square.
    """
    packed, pivots = outputs
    *batch, rows, columns = type_of(packed).shape
    size = min(rows, columns)
    lower, upper = slice_axis(packed, len(batch) + 1, 0, size), slice_axis(packed, len(batch), 0, size)
    lower = add(triangle(lower, True, 1), np.eye(rows, size, dtype=real_of(type_of(packed).dtype)))
    lower = filled_square(lower, rows, len(batch) + 1)
    upper = filled_square(triangle(upper, False), columns, len(batch))
    permutation = pivots_to_permutation(pivots, size=rows)
    inner = solve_triangle(lower, take_rows(tangents[0], permutation), unit_diagonal=True)
    inner = solve_triangle(upper, inner, left_side=False, lower=False)
    return add(matmul(lower, triangle(inner, True, 1)), matmul(triangle(inner, False), upper)), None


def filled_square(x, size, axis):
    """x made square along `axis` with rows or columns of the identity."""
    type_ = type_of(x)
    have = type_.shape[axis]
    if have == size:
        return x
    rest = np.eye(size, dtype=type_.dtype)
    rest = rest[have:] if axis == type_.ndim - 2 else rest[:, have:]
    return concatenate(x, np.broadcast_to(rest, type_.shape[:-2] + rest.shape), axis=axis)


def take_rows(x, permutation):
    """The rows of matrices x in the order of the permutation."""
    shape = type_of(x).shape
    return take_along(x, broadcast_to(as_column(permutation), shape), len(shape) - 2, unique=True)


# (L below the unit diagonal and U above, in one matrix; pivots): row i was exchanged with row pivots[i], i = 0, 1, ...
lu = Primitive(
    "lu",
    output_type=lu_type,
    evaluate=lu_evaluate,
    jvp=lu_jvp,
    transpose=refuse("lu is not linear"),
    batch=batch_of_matrices(lambda: lu),
    lower=host("a factorisation of LAPACK"),
    multiple_outputs=True,
)


def permutation_evaluate(pivots, *, size):
    permutation = np.empty(pivots.shape[:-1] + (size,), INT32)
    permutation[...] = np.arange(size)
    for row in range(pivots.shape[-1]):
        other = pivots[..., row, None]
        exchanged = np.take_along_axis(permutation, other, axis=-1)
        np.put_along_axis(permutation, other, permutation[..., row, None], axis=-1)
        permutation[..., row] = exchanged[..., 0]
    return permutation


def permutation_batch(operands, mapped_axes, *, size):
    return pivots_to_permutation(move_axis(operands[0], mapped_axes[0], 0), size=size), 0


# The order of `size` rows after the exchanges of lu: A[permutation] = L U.
pivots_to_permutation = Primitive(
    "lu_pivots_to_permutation",
    output_type=lambda pivots, *, size: ArrayType(pivots.shape[:-1] + (size,), INT32),
    evaluate=permutation_evaluate,
    jvp=no_tangent,
    transpose=refuse("a permutation is discrete"),
    batch=permutation_batch,
    lower=host("a chain of exchanges, as short as a matrix is wide"),
)


# ----------------------------------------------------------------------------------------------------------------- qr


def qr_type(operand, *, full_matrices):
    check_matrix("qr", operand, square=False)
    *batch, rows, columns = operand.shape
    size = rows if full_matrices else min(rows, columns)
    return ArrayType((*batch, rows, size), operand.dtype), ArrayType((*batch, size, columns), operand.dtype)


def qr_evaluate(operand, *, full_matrices):
    return tuple(np.linalg.qr(operand, mode="complete" if full_matrices else "reduced"))


def qr_jvp(outputs, operands, tangents, *, full_matrices):
    """Square blocks first: Q1, the first columns of Q, and R1 of the first columns of A (tall: all of them).

    The further columns of R of a wide matrix follow from Q: dR2 = dQ^H A2 + Q^H dA2.
    """
    (q, r), (a,), (tangent,) = outputs, operands, tangents
    axis = type_of(a).ndim - 1
    rows, columns = type_of(a).shape[-2:]
    size = min(rows, columns)
    thin_q, square_r = slice_axis(q, axis, 0, size), slice_axis(slice_axis(r, axis - 1, 0, size), axis, 0, size)
    q_tangent, r_tangent = thin_qr_tangents(thin_q, square_r, slice_axis(tangent, axis, 0, size))
    if columns > size:
        more = add(
            matmul(adjoint(q_tangent), slice_axis(a, axis, size, columns)),
            matmul(adjoint(q), slice_axis(tangent, axis, size, columns)),
        )
        r_tangent = concatenate(r_tangent, more, axis=axis)
    if full_matrices and rows > columns:
        zeros = np.zeros(type_of(a).shape[:-2] + (rows - columns, columns), type_of(a).dtype)
        q_tangent = concatenate(q_tangent, completion_tangent(thin_q, q_tangent), axis=axis)
        r_tangent = concatenate(r_tangent, zeros, axis=axis - 1)
    return q_tangent, r_tangent


def thin_qr_tangents(q, r, tangent):
    """With C = Q^H dA R^-1 and W its skew part made of the entries below the diagonal: dQ = Q (W - C) + dA R^-1,
    dR = (C - W) R.

    Source: Townsend, "Differentiating the QR decomposition" (2018); Walter & Lehmann, arXiv:1009.6112.
    """
    scaled = solve_triangle(r, tangent, left_side=False, lower=False)
    inner = matmul(adjoint(q), scaled)
    below = triangle(inner, True, 1)
    skew = sub(below, adjoint(below))
    if is_complex(q):  # the diagonal of R stays real
        on_diagonal = mul(inner, identity(inner))
        skew = add(skew, sub(on_diagonal, real(on_diagonal)))
    return add(matmul(q, sub(skew, inner)), scaled), matmul(sub(inner, skew), r)


def completion_tangent(q, q_tangent):
    """Tangent of the further columns Q2 of a square Q, of which LAPACK's reflections make the first ones, Q1 = q.

    A product of reflections is 1 - V T V^H, from which Q2 = E2 + (Q1 - E1) Z^H, where E1, E2 are columns of the
    identity and Z = Q21 (Q11 - 1)^-1 is made of the upper and lower rows of Q1.
    """
    axis = type_of(q).ndim - 2
    rows, columns = type_of(q).shape[-2:]
    shifted = sub(q, np.eye(rows, columns, dtype=real_of(type_of(q).dtype)))
    upper, lower = slice_axis(shifted, axis, 0, columns), slice_axis(shifted, axis, columns, rows)
    upper_tangent, lower_tangent = slice_axis(q_tangent, axis, 0, columns), slice_axis(q_tangent, axis, columns, rows)
    z_adjoint = solve(adjoint(upper), adjoint(lower), transpose_a=False)
    moved = sub(adjoint(lower_tangent), matmul(adjoint(upper_tangent), z_adjoint))
    z_tangent = solve(adjoint(upper), moved, transpose_a=False)
    return add(matmul(q_tangent, z_adjoint), matmul(shifted, z_tangent))


# (Q, R) with the signs that LAPACK gives. full_matrices: Q is square.
qr = Primitive(
    "qr",
    output_type=qr_type,
    evaluate=qr_evaluate,
    jvp=qr_jvp,
    transpose=refuse("qr is not linear"),
    batch=batch_of_matrices(lambda: qr),
    lower=host("a factorisation of LAPACK"),
    multiple_outputs=True,
)


# ---------------------------------------------------------------------------------------------------------------- svd


def svd_type(operand, *, full_matrices, compute_uv):
    check_matrix("svd", operand, square=False)
    *batch, rows, columns = operand.shape
    size = min(rows, columns)
    values = ArrayType((*batch, size), real_of(operand.dtype))
    if not compute_uv:
        return (values,)
    left, right = (rows, columns) if full_matrices else (size, size)
    return ArrayType((*batch, rows, left), operand.dtype), values, ArrayType((*batch, right, columns), operand.dtype)


def svd_evaluate(operand, *, full_matrices, compute_uv):
    def function(x):
        result = np.linalg.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
        return tuple(result) if compute_uv else (result,)

    types = svd_type(type_of(operand), full_matrices=full_matrices, compute_uv=compute_uv)
    return nan_where_failing(function, operand, types)


def svd_jvp(outputs, operands, tangents, *, full_matrices, compute_uv):
    """Source: Townsend, "Differentiating the singular value decomposition" (2016).

    Equal singular values give Inf and NaN in the tangents of U and V, not in those of the singular values.
    For complex matrices the phase is fixed by a real diagonal of V^H dV.
    """
    (a,), (tangent,) = operands, tangents
    rows, columns = type_of(a).shape[-2:]
    if compute_uv and full_matrices and rows != columns:
        raise NotDifferentiable(
            f"svd with full matrices has no derivative for a matrix of shape {(rows, columns)}, not square: the "
            "extra columns of U or V are not determined by the operand.",
            "Write full_matrices=False.",
        )
    u, s, vh = outputs if compute_uv else svd(a, full_matrices=False, compute_uv=True)
    uh, v = adjoint(u), adjoint(vh)
    moved = matmul(tangent, v)
    inner = matmul(uh, moved)
    s_tangent = real_part(diagonal(inner))
    if not compute_uv:
        return (s_tangent,)
    s_row, s_column = as_row(s), as_column(s)
    factor = inverse_off_diagonal(mul(add(s_row, s_column), sub(s_row, s_column)))
    from_left, from_right = mul(inner, s_row), mul(inner, s_column)
    u_inner = mul(factor, add(from_left, adjoint(from_left)))
    v_inner = mul(factor, add(from_right, adjoint(from_right)))
    if is_complex(a):
        phase = mul(sub(inner, adjoint(inner)), identity(inner))
        u_inner = add(u_inner, div(phase, mul(2, replace_zero(s_row))))
    u_tangent, v_tangent = matmul(u, u_inner), matmul(v, v_inner)
    if rows > columns:  # the part of dU outside the columns of U
        u_tangent = add(u_tangent, div(sub(moved, matmul(u, inner)), s_row))
    if columns > rows:
        v_tangent = add(v_tangent, div(sub(matmul(adjoint(tangent), u), matmul(v, adjoint(inner))), s_row))
    return u_tangent, s_tangent, adjoint(v_tangent)


# (U, singular values in descending order, V^H), or (singular values,) without compute_uv.
svd = Primitive(
    "svd",
    output_type=svd_type,
    evaluate=svd_evaluate,
    jvp=svd_jvp,
    transpose=refuse("svd is not linear"),
    batch=batch_of_matrices(lambda: svd),
    lower=host("a decomposition of LAPACK"),
    multiple_outputs=True,
)


# --------------------------------------------------------------------------------------------------------- eigenvalues


def eigh_type(operand, *, lower):
    check_matrix("eigh", operand)
    return ArrayType(operand.shape[:-1], real_of(operand.dtype)), operand.strong()


def eigh_evaluate(operand, *, lower):
    def function(x):
        return tuple(np.linalg.eigh(x, UPLO="L" if lower else "U"))

    return nan_where_failing(function, operand, eigh_type(type_of(operand), lower=lower))


def eigh_jvp(outputs, operands, tangents, *, lower):
    """With C = V^H dA V: dw = its diagonal, dV = V (C[i, j] / (w[j] - w[i])).

    Equal eigenvalues give Inf and NaN in the tangent of V, not in that of w.
    """
    w, v = outputs
    inner = matmul(adjoint(v), matmul(tangents[0], v))
    factor = inverse_off_diagonal(sub(as_row(w), as_column(w)))
    return real_part(diagonal(inner)), matmul(v, mul(inner, factor))


# (eigenvalues in ascending order, eigenvectors as columns) of Hermitian matrices, whose tangents must be Hermitian too:
# only one triangle is read.
eigh = Primitive(
    "eigh",
    output_type=eigh_type,
    evaluate=eigh_evaluate,
    jvp=eigh_jvp,
    transpose=refuse("eigh is not linear"),
    batch=batch_of_matrices(lambda: eigh),
    lower=host("a decomposition of LAPACK"),
    multiple_outputs=True,
)


def eig_type(operand, *, vectors):
    check_matrix("eig", operand)
    dtype = complex_dtype(operand.dtype)
    values = ArrayType(operand.shape[:-1], dtype)
    return (values, ArrayType(operand.shape, dtype)) if vectors else (values,)


def eig_evaluate(operand, *, vectors):
    types = eig_type(type_of(operand), vectors=vectors)

    def function(x):
        results = tuple(np.linalg.eig(x)) if vectors else (np.linalg.eigvals(x),)
        # NumPy gives real arrays when all eigenvalues happen to be real
        return tuple([result.astype(type_.dtype) for result, type_ in zip(results, types)])

    return nan_where_failing(function, operand, types)


def eig_jvp(outputs, operands, tangents, *, vectors):
    """dw = the diagonal of V^-1 dA V."""
    if vectors:
        raise NotDifferentiable(
            "Derivatives of non-symmetric eigenvectors are not implemented, only of the eigenvalues.",
            "Write eigvals for the eigenvalues alone, eigh for a symmetric matrix.",
        )
    (a,), (tangent,) = operands, tangents
    _, v = eig(a, vectors=True)
    inner = solve(v, convert_to(tangent, type_of(v).dtype), transpose_a=False)
    batch = leading_letters(v)
    return (contract(inner, v, spec=f"{batch}ij,{batch}ji->{batch}i"),)


# (eigenvalues,) or (eigenvalues, right eigenvectors as columns of norm 1) of any square matrices; always complex.
eig = Primitive(
    "eig",
    output_type=eig_type,
    evaluate=eig_evaluate,
    jvp=eig_jvp,
    transpose=refuse("eig is not linear"),
    batch=batch_of_matrices(lambda: eig),
    lower=host("a decomposition of LAPACK"),
    multiple_outputs=True,
)


# ------------------------------------------------------------------------------------------------------- determinants


def det_type(operand):
    check_matrix("det", operand)
    return ArrayType(operand.shape[:-2], operand.dtype)


def det_jvp(output, operands, tangents):
    """trace(adjugate(A) dA): right for singular matrices too, where det(A) trace(A^-1 dA) is NaN."""
    batch = leading_letters(tangents[0])
    return contract(adjugate(operands[0]), tangents[0], spec=f"{batch}ij,{batch}ji->{batch}")


det = Primitive(
    "det",
    output_type=det_type,
    evaluate=lambda operand: np.linalg.det(operand),
    jvp=det_jvp,
    transpose=refuse("det is not linear"),
    batch=batch_of_matrices(lambda: det),
    lower=host("a factorisation of LAPACK"),
)


def adjugate_type(operand):
    check_matrix("adjugate", operand)
    return operand.strong()


def adjugate_evaluate(operand):
    """From U S V^H: det(U) det(V^H) V adj(S) U^H, where adj(S) has the products of all other singular values."""

    def function(x):
        u, s, vh = np.linalg.svd(x)
        others = np.where(np.eye(s.shape[-1], dtype=bool), s.dtype.type(1), s[..., None, :]).prod(axis=-1)
        sign = np.linalg.det(u) * np.linalg.det(vh)
        scaled = np.conj(np.swapaxes(vh, -1, -2)) * (others * sign[..., None])[..., None, :]
        return (scaled @ np.conj(np.swapaxes(u, -1, -2)),)

    return nan_where_failing(function, operand, (adjugate_type(type_of(operand)),))[0]


def adjugate_jvp(output, operands, tangents):
    """With B = adj(A): (trace(B dA) B - B dA B) / det(A). NaN where det(A) is 0."""
    inner = matmul(output, tangents[0])
    moved = sub(mul(as_matrices(trace(inner)), output), matmul(inner, output))
    return div(moved, as_matrices(det(operands[0])))


# The transpose of the matrix of cofactors, det(A) A^-1 where A is not singular.
adjugate = Primitive(
    "adjugate",
    output_type=adjugate_type,
    evaluate=adjugate_evaluate,
    jvp=adjugate_jvp,
    transpose=refuse("adjugate is not linear"),
    batch=batch_of_matrices(lambda: adjugate),
    lower=host("a decomposition of LAPACK"),
)


def slogdet_type(operand):
    check_matrix("slogdet", operand)
    return ArrayType(operand.shape[:-2], operand.dtype), ArrayType(operand.shape[:-2], real_of(operand.dtype))


def slogdet_jvp(outputs, operands, tangents):
    """d log|det| + i d phase = trace(A^-1 dA)."""
    sign, _ = outputs
    moved = trace(solve(operands[0], tangents[0], transpose_a=False))
    if not is_complex(sign):
        return None, moved
    return mul(sign, sub(moved, real(moved))), real(moved)


# (sign or phase, log of the absolute value) of the determinant; (0, -Inf) for singular matrices.
slogdet = Primitive(
    "slogdet",
    output_type=slogdet_type,
    evaluate=lambda operand: tuple(np.linalg.slogdet(operand)),
    jvp=slogdet_jvp,
    transpose=refuse("slogdet is not linear"),
    batch=batch_of_matrices(lambda: slogdet),
    lower=host("a factorisation of LAPACK"),
    multiple_outputs=True,
)


# ----------------------------------------------------------------------------------------------------- pseudo-inverse


def pinv_type(operand, cutoff):
    check_matrix("pinv", operand, square=False)
    *batch, rows, columns = operand.shape
    if cutoff.shape != tuple(batch):
        raise MatrixShapeError(f"pinv: rtol of shape {cutoff.shape} does not fit matrices of shape {operand.shape}.")
    return ArrayType((*batch, columns, rows), operand.dtype)


def pinv_evaluate(operand, cutoff):
    u, s, vh = svd_evaluate(operand, full_matrices=False, compute_uv=True)
    small = s <= np.expand_dims(cutoff, -1) * s[..., :1]
    inverse = np.where(small, 0, 1 / np.where(small, 1, s)).astype(s.dtype)
    return (np.conj(np.swapaxes(vh, -1, -2)) * inverse[..., None, :]) @ np.conj(np.swapaxes(u, -1, -2))


def pinv_jvp(output, operands, tangents):
    """dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P, while the rank stays the same.

    Source: Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
    variables separate" (1973). No singular values occur, so equal ones do no harm.
    """
    p, a, tangent = output, operands[0], tangents[0]
    if tangent is None:
        return None
    ph, moved = adjoint(p), adjoint(tangent)
    from_left = matmul(matmul(p, ph), moved)
    from_right = matmul(moved, matmul(ph, p))
    total = sub(from_left, matmul(matmul(from_left, a), p))
    total = add(total, sub(from_right, matmul(p, matmul(a, from_right))))
    return sub(total, matmul(matmul(p, tangent), p))


def pinv_batch(operands, mapped_axes):
    (operand, cutoff), (mapped, cutoff_mapped) = operands, mapped_axes
    size = type_of(operand).shape[mapped] if mapped is not None else type_of(cutoff).shape[cutoff_mapped]
    moved = [
        broadcast_to(each, (size,) + type_of(each).shape) if axis is None else move_axis(each, axis, 0)
        for each, axis in zip(operands, mapped_axes)
    ]
    return pinv(*moved), 0


# The pseudo-inverse; singular values of at most cutoff (one per matrix) times the largest count as zero.
pinv = Primitive(
    "pinv",
    output_type=pinv_type,
    evaluate=pinv_evaluate,
    jvp=pinv_jvp,
    transpose=refuse("pinv is not linear"),
    batch=pinv_batch,
    lower=host("a decomposition of LAPACK"),
)
