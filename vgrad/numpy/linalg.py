"""Linear algebra with NumPy's names, as numpy.linalg.

Relies on primitives, numpy.math and numpy.contraction. Matrices are the last two axes; axes before them are a batch.
Integers count as floats. Where LAPACK fails (a singular or not positive definite matrix, NaN) the result is NaN or Inf,
as in JAX; np.linalg.LinAlgError is raised for shapes only.
"""

import operator
from collections import namedtuple

import numpy as np

from vgrad.core.types import default_float, promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy import contraction
from vgrad.numpy.math import inexact, is_complex, power
from vgrad.numpy.operands import axes_of, axis_of, operand, refuse_out
from vgrad.numpy.shape import matrix_transpose
from vgrad.primitives import comparison, elementwise
from vgrad.primitives import linalg as primitives
from vgrad.primitives.broadcasting import broadcast_to, convert_to, move_axis, reduce_sum, reshape_to
from vgrad.primitives.complex import conj, real, real_of
from vgrad.primitives.contraction import contract, letter
from vgrad.primitives.elementwise import add, div, mul, neg, sub
from vgrad.primitives.linalg import adjoint
from vgrad.primitives.reduction import reduce_max, reduce_min
from vgrad.primitives.shape import reverse, slice_axis
from vgrad.primitives.sorting import argsort, sort, take_along

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]

LinAlgError = np.linalg.LinAlgError
EigResult = namedtuple("EigResult", ["eigenvalues", "eigenvectors"])
EighResult = namedtuple("EighResult", ["eigenvalues", "eigenvectors"])
QRResult = namedtuple("QRResult", ["Q", "R"])
SlogdetResult = namedtuple("SlogdetResult", ["sign", "logabsdet"])
SVDResult = namedtuple("SVDResult", ["U", "S", "Vh"])


def floats(*values):
    """The operands as floats (or complex numbers) of one dtype."""
    values = [operand(value) for value in values]
    dtype, _ = promote(*[type_of(value) for value in values])
    dtype = dtype if dtype.kind in "fc" else default_float()
    return [convert_to(value, dtype) for value in values]


def matrices(name, a, square=False):
    (a,) = floats(a)
    primitives.check_matrix(name, type_of(a), square)
    return a


def symmetrized(a):
    return mul(add(a, adjoint(a)), 0.5)


# ------------------------------------------------------------------------------------------------------- factorizations


def cholesky(a, /, *, upper=False, symmetrize_input=True):
    """The lower factor L of A = L L^H, or with `upper` the factor U of A = U^H U.

    symmetrize_input    read A as (A + A^H) / 2, so that the gradient is symmetric; else A must be Hermitian: only its
                        lower triangle is read, and the derivative is right in Hermitian directions only, as in JAX
    Edges:  NaN where A is not positive definite.
    """
    a = matrices("cholesky", a, square=True)
    factor = primitives.cholesky(symmetrized(a) if symmetrize_input else a)
    return adjoint(factor) if upper else factor


def qr(a, mode="reduced"):
    """(Q, R) with orthonormal columns Q and upper triangular R.

    mode    "reduced": Q has min(m, n) columns; "complete": Q is square; "r": R alone
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr: mode must be "reduced", "complete" or "r", got {mode!r}.')
    q, r = primitives.qr(matrices("qr", a), full_matrices=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """(U, S, Vh) of A = U S Vh with the singular values S in descending order, or with compute_uv=False S alone.

    hermitian   A is taken as (A + A^H) / 2, by its eigenvalues
    Edges:  equal singular values give NaN in derivatives through U and Vh, not in those of S.
    Errors: NotDifferentiable with full_matrices for matrices that are not square: write full_matrices=False.
    """
    a = matrices("svd", a, square=hermitian)
    if hermitian:
        return hermitian_svd(a, compute_uv)
    outputs = primitives.svd(a, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
    return SVDResult(*outputs) if compute_uv else outputs[0]


def hermitian_svd(a, compute_uv):
    w, v = eigh(a)
    s, last = comparison.absolute(w), type_of(w).ndim - 1
    if not compute_uv:
        return reverse(sort(s, axis=last), axes=(last,))
    order = argsort(neg(s), axis=last)
    s, signs = take_along(s, order, last, unique=True), take_along(elementwise.sign(w), order, last, unique=True)
    u = take_along(v, broadcast_to(primitives.as_row(order), type_of(v).shape), last + 1, unique=True)
    return SVDResult(u, s, adjoint(mul(u, primitives.as_row(signs))))


def svdvals(x, /):
    """The singular values in descending order."""
    return svd(x, compute_uv=False)


def eigh(a, UPLO="L", symmetrize_input=True):
    """(eigenvalues in ascending order, eigenvectors as columns) of symmetric or Hermitian matrices.

    symmetrize_input    read A as (A + A^H) / 2, so that the gradient is symmetric; else A must be Hermitian: only the
                        triangle UPLO, "L" or "U", is read, and the derivative is right in Hermitian directions only, as
                        in JAX
    Edges:  equal eigenvalues give NaN in derivatives through the eigenvectors, not in those of the eigenvalues.
    """
    uplo = "L" if UPLO is None else UPLO.upper()
    if uplo not in ("L", "U"):
        raise ValueError(f"eigh: UPLO must be 'L' or 'U', got {UPLO!r}.")
    a = matrices("eigh", a, square=True)
    return EighResult(*primitives.eigh(symmetrized(a) if symmetrize_input else a, lower=uplo == "L"))


def eigvalsh(a, UPLO="L", *, symmetrize_input=True):
    """The eigenvalues of symmetric or Hermitian matrices in ascending order. See eigh."""
    return eigh(a, UPLO, symmetrize_input).eigenvalues


def eig(a):
    """(eigenvalues, right eigenvectors as columns of norm 1) of any square matrices; always complex.

    Errors: NotDifferentiable; the eigenvalues alone are differentiable: write eigvals.
    """
    return EigResult(*primitives.eig(matrices("eig", a, square=True), vectors=True))


def eigvals(a):
    """The eigenvalues of any square matrices, in LAPACK's order; always complex."""
    return primitives.eig(matrices("eigvals", a, square=True), vectors=False)[0]


# -------------------------------------------------------------------------------------------------------------- solvers


def solve(a, b):
    """The x of A x = b. If b has one axis it is a vector; else its last two axes are matrices, as in NumPy 2.

    Edges:  Inf or NaN where A is singular.
    Errors: ShapeError (a LinAlgError) names both shapes.
    """
    a, b = floats(a, b)
    a_shape, b_shape = type_of(a).shape, type_of(b).shape
    primitives.check_matrix("solve", type_of(a))
    if len(b_shape) == 1:
        solution = solve(a, reshape_to(b, b_shape + (1,)))
        return reshape_to(solution, type_of(solution).shape[:-1])
    try:
        batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    except ValueError:
        batch = None
    if batch is None or len(b_shape) < 2 or b_shape[-2] != a_shape[-1]:
        raise primitives.MatrixShapeError(
            f"solve: right-hand sides of shape {b_shape} do not fit matrices of shape {a_shape}.",
            "For a batch of vectors write solve(a, b[..., None])[..., 0]." if b_shape[-1:] == a_shape[-1:] else "",
        )
    a, b = broadcast_to(a, batch + a_shape[-2:]), broadcast_to(b, batch + b_shape[-2:])
    return primitives.solve(a, b, transpose_a=False)


def inv(a):
    """The inverse. Inf or NaN where A is singular."""
    a = matrices("inv", a, square=True)
    type_ = type_of(a)
    return primitives.solve(a, identities(type_.shape, type_.dtype), transpose_a=False)


def identities(shape, dtype):
    return np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape)


def pinv(a, rcond=None, hermitian=False, *, rtol=None):
    """The pseudo-inverse; singular values of at most rtol (or rcond) times the largest count as zero.

    rtol        a number, or one per matrix; default 10 max(m, n) eps, as in JAX (NumPy's is 1e-15)
    hermitian   A is taken as (A + A^H) / 2
    The derivative is that for a rank that stays the same, where the values cut off are 0, as in JAX.
    """
    a = matrices("pinv", a, square=hermitian)
    type_ = type_of(a)
    if rcond is not None and rtol is not None:
        raise ValueError("pinv: give rtol or rcond, not both.")
    cutoff = rcond if rtol is None else rtol
    dtype = real_of(type_.dtype)
    if cutoff is None:
        cutoff = 10.0 * max(type_.shape[-2:]) * float(np.finfo(dtype).eps)
    cutoff = broadcast_to(convert_to(operand(cutoff), dtype), type_.shape[:-2])
    return primitives.pinv(symmetrized(a) if hermitian else a, cutoff)


def lstsq(a, b, rcond=None):
    """(x, sums of squared residuals, rank, singular values) of the x of least norm that minimizes |A x - b|.

    rcond   singular values of at most rcond times the largest count as zero, also in the derivative of x, which is that
            for a rank that stays the same; default max(m, n) eps
    The residuals are given whatever the rank: NumPy gives none when A has not full rank, but shapes cannot depend on
    values here.
    """
    a, b = floats(a, b)
    (a_shape, dtype), b_shape = (type_of(a).shape, type_of(a).dtype), type_of(b).shape
    if len(a_shape) != 2 or len(b_shape) not in (1, 2) or a_shape[0] != b_shape[0]:
        raise primitives.MatrixShapeError(
            f"lstsq: right-hand sides of shape {b_shape} do not fit a matrix of {a_shape}."
        )
    epsilon = float(np.finfo(dtype).eps)
    if rcond is None:
        rcond = epsilon * max(a_shape)
    cutoff = convert_to(operand(rcond), real_of(dtype))
    cutoff = comparison.select(comparison.lt(cutoff, 0), epsilon, cutoff)
    x = contraction.matmul(primitives.pinv(a, cutoff), b)
    singular = svdvals(a)
    if not type_of(singular).size:
        rank = np.int64(0)
    else:
        counted = comparison.gt(singular, mul(cutoff, slice_axis(singular, 0, 0, 1)))
        rank = reduce_sum(convert_to(counted, np.dtype(np.int64)), axes=(0,))
    residual = squared(sub(contraction.matmul(a, x), b))
    residual = reduce_sum(reshape_to(residual, (b_shape + (1,))[:2]), axes=(0,))
    return x, residual, rank, singular


def tensorsolve(a, b, axes=None):
    """The x of tensordot(a, x, x.ndim) = b. axes: axes of `a` to move to its end first."""
    a, b = operand(a, "tensorsolve"), operand(b, "tensorsolve")
    ndim = type_of(a).ndim
    for axis in axes or ():
        a = move_axis(a, axis_of(axis, ndim, "tensorsolve"), ndim - 1)
    b_shape = type_of(b).shape
    shape = type_of(a).shape[len(b_shape) :]
    size = int(np.prod(shape))
    if type_of(a).size != size**2 or type_of(b).size != size:
        raise primitives.MatrixShapeError(
            f"tensorsolve: an array of shape {type_of(a).shape} is not a square map from shape {shape} to {b_shape}."
        )
    return reshape_to(solve(reshape_to(a, (size, size)), reshape_to(b, (size,))), shape)


def tensorinv(a, ind=2):
    """The inverse of tensordot with `a`: its first `ind` axes are the output's, the others the input's."""
    a = operand(a, "tensorinv")
    shape = type_of(a).shape
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}.")
    size = int(np.prod(shape[ind:]))
    if type_of(a).size != size**2:
        raise primitives.MatrixShapeError(f"tensorinv: an array of shape {shape} is not a square map with ind={ind}.")
    return reshape_to(inv(reshape_to(a, (size, size))), shape[ind:] + shape[:ind])


# --------------------------------------------------------------------------------------------------------- determinants


def det(a):
    """The determinant. Its derivative is right for singular matrices too.

    Second derivatives at a singular matrix are right up to size 3, and NaN beyond.
    """
    a = matrices("det", a, square=True)
    size = type_of(a).shape[-1]
    if not 1 <= size <= 3:
        return primitives.det(a)
    x = [[element(a, i, j) for j in range(size)] for i in range(size)]
    if size == 1:
        return x[0][0]
    if size == 2:
        return minor(x, 0, 1, 0, 1)
    terms = [mul(x[0][i], minor(x, 1, 2, *[j for j in range(3) if j != i])) for i in range(3)]
    return add(sub(terms[0], terms[1]), terms[2])


def element(a, i, j):
    ndim = type_of(a).ndim
    picked = slice_axis(slice_axis(a, ndim - 2, i, i + 1), ndim - 1, j, j + 1)
    return reshape_to(picked, type_of(a).shape[:-2])


def minor(x, i, k, j, m):
    return sub(mul(x[i][j], x[k][m]), mul(x[i][m], x[k][j]))


def slogdet(a):
    """(sign, log of the absolute value) of the determinant; the sign of a complex one has absolute value 1.

    Edges:  (0, -Inf) for a singular matrix, with NaN derivatives.
    """
    return SlogdetResult(*primitives.slogdet(matrices("slogdet", a, square=True)))


def matrix_rank(A, tol=None, hermitian=False, *, rtol=None):
    """The number of singular values above tol; default rtol times the largest, where rtol defaults to max(m, n) eps."""
    (a,) = floats(A)
    type_ = type_of(a)
    if tol is not None and rtol is not None:
        raise ValueError("matrix_rank: give tol or rtol, not both.")
    integer = np.dtype(np.int64)
    if type_.ndim < 2:
        nonzero = convert_to(comparison.ne(a, 0), integer)
        return reduce_max(nonzero, axes=tuple(range(type_.ndim))) if type_.size else integer.type(0)
    singular = svd(a, compute_uv=False, hermitian=hermitian)
    last = type_of(singular).ndim - 1
    if not type_of(singular).shape[-1]:
        return np.zeros(type_.shape[:-2], integer)[()]
    if tol is None:
        rtol = float(max(type_.shape[-2:]) * np.finfo(type_.dtype).eps) if rtol is None else operand(rtol)
        tol = mul(reduce_max(singular, axes=(last,)), rtol)
    tol = operand(tol)
    above = comparison.gt(singular, reshape_to(tol, type_of(tol).shape + (1,)))
    return reduce_sum(convert_to(above, integer), axes=(last,))


# ---------------------------------------------------------------------------------------------------------------- norms


def squared(x):
    """The squared absolute values."""
    return real(mul(x, conj(x))) if is_complex(x) else mul(x, x)


def with_axes(value, axes, keepdims):
    """A reduced value with the axes, as ones, put back if asked."""
    if not keepdims:
        return value
    shape = list(type_of(value).shape)
    for axis in sorted(axes):
        shape.insert(axis, 1)
    return reshape_to(value, tuple(shape))


def largest(x, axes):
    """Maximum of numbers that are not negative; 0 of none."""
    if not all([type_of(x).shape[axis] for axis in axes]):
        return reduce_sum(x, axes=axes)
    return comparison.maximum(reduce_max(x, axes=axes), 0)


def vector_norm_over(x, axes, order):
    """The norm of the elements along the axes."""
    if order is None or order == 2:
        return elementwise.sqrt(reduce_sum(squared(x), axes=axes))
    if isinstance(order, str):
        raise ValueError(f"Invalid norm order {order!r} for vectors.")
    if order == 0:
        return reduce_sum(convert_to(comparison.ne(x, 0), real_of(type_of(x).dtype)), axes=axes)
    size = comparison.absolute(x)
    if order == np.inf:
        return largest(size, axes)
    if order == -np.inf:
        return reduce_min(size, axes=axes)
    if order == 1:
        return reduce_sum(size, axes=axes)
    return power(reduce_sum(power(size, order), axes=axes), 1.0 / order)


def matrix_norm_over(x, row_axis, column_axis, order):
    """The norm of the matrices in two axes."""
    if order is None or order in ("fro", "f"):
        return elementwise.sqrt(reduce_sum(squared(x), axes=(row_axis, column_axis)))
    if order in (1, -1, np.inf, -np.inf):
        summed, rest = (row_axis, column_axis) if abs(order) == 1 else (column_axis, row_axis)
        sums = reduce_sum(comparison.absolute(x), axes=(summed,))
        rest -= rest > summed
        return largest(sums, (rest,)) if order > 0 else reduce_min(sums, axes=(rest,))
    if order in (2, -2, "nuc"):
        ndim = type_of(x).ndim
        x = move_axis(x, row_axis, ndim - 1)
        singular = svdvals(move_axis(x, column_axis - (column_axis > row_axis), ndim - 1))
        last = (ndim - 2,)
        if order == "nuc":
            return reduce_sum(singular, axes=last)
        return largest(singular, last) if order == 2 else reduce_min(singular, axes=last)
    raise ValueError(f"Invalid norm order {order!r} for matrices.")


def norm(x, ord=None, axis=None, keepdims=False):
    """Norm of a vector or matrix, or of those along one or two axes.

    ord     None: root of the sum of squares over all axes. Vectors: a number p for sum(|x|^p)^(1/p), Inf, -Inf, or 0
            for the number of nonzeros. Matrices: "fro", "nuc" (sum of singular values), 2 and -2 (largest and smallest
            singular value), 1 and -1 (largest and smallest column sum of absolute values), Inf and -Inf (of rows).
    Edges:  the gradient of a root at 0 is NaN, as in JAX; ties share the gradient.
    """
    x = inexact(x)
    ndim = type_of(x).ndim
    axes = axes_of(axis, ndim, "norm")
    if axis is None and ord is None:
        result = vector_norm_over(x, axes, None)
    elif len(axes) == 1:
        result = vector_norm_over(x, axes, ord)
    elif len(axes) == 2:
        result = matrix_norm_over(x, *axes, ord)
    else:
        raise ValueError(f"norm: improper number of dimensions to norm, axes {axes} of shape {type_of(x).shape}.")
    return with_axes(result, axes, keepdims)


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """Norm of all elements, or of those along one or several axes. See norm for `ord`."""
    x = inexact(x)
    axes = axes_of(axis, type_of(x).ndim, "vector_norm")
    return with_axes(vector_norm_over(x, axes, ord), axes, keepdims)


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """Norm of the matrices in the last two axes. See norm for `ord`."""
    x = matrices("matrix_norm", x)
    axes = type_of(x).ndim - 2, type_of(x).ndim - 1
    return with_axes(matrix_norm_over(x, *axes, ord), axes, keepdims)


def cond(x, p=None):
    """Condition number norm(x, p) * norm(inv(x), p); for p None, 2 and -2 by singular values. Inf for singular x."""
    x = matrices("cond", x)
    if p in (None, 2, -2):
        singular = svdvals(x)
        last, count = type_of(singular).ndim - 1, type_of(singular).shape[-1]
        shape = type_of(singular).shape[:-1]
        first, final = [reshape_to(slice_axis(singular, last, i, i + 1), shape) for i in (0, count - 1)]
        ratio = div(final, first) if p == -2 else div(first, final)
    else:
        axes = type_of(x).ndim - 2, type_of(x).ndim - 1
        ratio = mul(matrix_norm_over(x, *axes, p), matrix_norm_over(inv(x), *axes, p))
    last_axes = (type_of(x).ndim - 2, type_of(x).ndim - 1)
    given = reduce_max(convert_to(comparison.isnan(x), np.dtype(np.int8)), axes=last_axes)
    lost = comparison.logical_and(comparison.isnan(ratio), comparison.eq(given, 0))
    return comparison.select(lost, np.inf, ratio)


# ------------------------------------------------------------------------------------------------------------- products


def matmul(x1, x2, /, *, precision=None, preferred_element_type=None):
    """As vgrad.numpy.matmul."""
    return contraction.matmul(x1, x2, precision=precision, preferred_element_type=preferred_element_type)


def vecdot(x1, x2, /, *, axis=-1, precision=None, preferred_element_type=None):
    """As vgrad.numpy.vecdot."""
    return contraction.vecdot(x1, x2, axis=axis, precision=precision, preferred_element_type=preferred_element_type)


def tensordot(x1, x2, /, *, axes=2, precision=None, preferred_element_type=None):
    """As vgrad.numpy.tensordot."""
    return contraction.tensordot(x1, x2, axes, precision=precision, preferred_element_type=preferred_element_type)


def outer(x1, x2, /):
    """All products of elements of two vectors."""
    x1, x2 = operand(x1, "outer"), operand(x2, "outer")
    if type_of(x1).ndim != 1 or type_of(x2).ndim != 1:
        raise ShapeError(f"outer expects vectors, got shapes {type_of(x1).shape} and {type_of(x2).shape}.")
    return contraction.outer(x1, x2)


def cross(x1, x2, /, *, axis=-1):
    """Cross product of vectors of 3 components along an axis."""
    x1, x2 = operand(x1, "cross"), operand(x2, "cross")
    shapes = type_of(x1).shape, type_of(x2).shape
    if any([shape[axis_of(axis, len(shape), "cross")] != 3 for shape in shapes]):
        raise ShapeError(f"cross: both operands must have 3 components along axis {axis}, got shapes {shapes}.")
    return contraction.cross(x1, x2, axis=axis)


def trace(x, /, *, offset=0, dtype=None):
    """Sum along a diagonal of the last two axes."""
    return contraction.trace(x, offset, -2, -1, dtype)


def diagonal(x, /, *, offset=0):
    """The diagonal of the last two axes that is `offset` above the main one, as the last axis."""
    x = operand(x, "diagonal")
    type_ = type_of(x)
    if type_.ndim < 2:
        raise ShapeError(f"diagonal expects an array of at least two axes, got shape {type_.shape}.")
    rows, columns = type_.shape[-2:]
    row, column = min(max(-offset, 0), rows), min(max(offset, 0), columns)
    length = min(rows - row, columns - column)
    x = slice_axis(x, type_.ndim - 2, row, row + length)
    return primitives.diagonal(slice_axis(x, type_.ndim - 1, column, column + length))


def multi_dot(arrays, *, out=None, precision=None):
    """The product of two or more matrices, in the cheapest order; the first and the last may be vectors."""
    refuse_out(out, "multi_dot")
    arrays = [operand(array, "multi_dot") for array in arrays]
    ranks = [type_of(array).ndim for array in arrays]
    if len(arrays) < 2:
        raise ValueError(f"multi_dot expects at least two arrays, got {len(arrays)}.")
    if any([rank != 2 for rank in ranks[1:-1]]) or ranks[0] not in (1, 2) or ranks[-1] not in (1, 2):
        shapes = [type_of(array).shape for array in arrays]
        raise primitives.MatrixShapeError(f"multi_dot expects matrices, or vectors at the ends, got shapes {shapes}.")
    specs = [letter(number) + letter(number + 1) for number in range(len(arrays))]
    if ranks[0] == 1:
        specs[0] = specs[0][1:]
    if ranks[-1] == 1:
        specs[-1] = specs[-1][:1]
    output = (specs[0][0] if ranks[0] == 2 else "") + (specs[-1][1] if ranks[-1] == 2 else "")
    return contract(*contraction.promoted(arrays), spec=",".join(specs) + "->" + output)


def matrix_power(a, n):
    """The product of n factors A; of the inverse for negative n; the identity for 0. Integers stay integers: n >= 0."""
    a, n = operand(a, "matrix_power"), operator.index(n)
    type_ = type_of(a)
    if type_.ndim < 2 or type_.shape[-1] != type_.shape[-2]:
        raise primitives.MatrixShapeError(f"matrix_power expects square matrices (..., n, n), got shape {type_.shape}.")
    if n < 0:
        return matrix_power(inv(a), -n)
    result = identities(type_.shape, type_.dtype) if n == 0 else None
    while n:
        if n % 2:
            result = a if result is None else contraction.matmul(result, a)
        n //= 2
        a = contraction.matmul(a, a) if n else a
    return result
