"""Expressions that mean the same in vgrad and in JAX: one per line, in the names of `variables`.

`np` is vgrad.numpy or jax.numpy (or NumPy itself on tracers), `lax`, `nn`, `sp` (scipy.special), `sl` (scipy.linalg), `norm`
(scipy.stats.norm), `random` and `key` likewise.
"""

import numpy


def variables():
    """The inputs that expressions may name. Floats are differentiated."""
    rng = numpy.random.default_rng(0)
    square = rng.normal(size=(3, 3)) + 3 * numpy.eye(3)
    return {
        "x": rng.normal(size=5),
        "y": rng.normal(size=5),
        "p": rng.uniform(0.2, 2.5, size=5),
        "q": rng.uniform(0.2, 2.5, size=5),
        "u": rng.uniform(-0.9, 0.9, size=5),
        "h": rng.uniform(0.05, 0.95, size=5),
        "s": numpy.float64(0.7),
        "A": rng.normal(size=(3, 4)),
        "B": rng.normal(size=(4, 2)),
        "C": rng.normal(size=(3, 4)),
        "M": square,
        "P": square @ square.T + numpy.eye(3),
        "T": rng.normal(size=(2, 3, 4)),
        "i": numpy.array([2, 0, 1, 2]),
        "j": numpy.array([-3, 7, 2, 12, 5]),
        "k": numpy.array([2, 3, 5, 4, 3]),
        "b": numpy.array([True, False, True, True, False]),
        "z": rng.normal(size=5) + 1j * rng.normal(size=5),
        "n": numpy.array([1.0, numpy.nan, 3.0, -2.0, 0.5]),
        "t": numpy.array([1.0, 2.0, 2.0, -1.0, 2.0]),
        "o": numpy.array([0.0, 1.5, 0.0, -2.0, 3.0]),
        "img": rng.normal(size=(2, 3, 6, 6)),
        "ker": rng.normal(size=(4, 3, 3, 3)),
    }


UNARY_REAL = """sin cos tan arctan sinh cosh tanh arcsinh exp exp2 expm1 absolute abs fabs sign square negative positive
    floor ceil trunc rint fix isfinite isnan isinf signbit degrees radians deg2rad rad2deg sinc heaviside1 i0 cbrt
    nan_to_num isneginf isposinf conjugate real imag angle iscomplex isreal""".split()
UNARY_POSITIVE = "log log2 log10 log1p sqrt reciprocal".split()
UNARY_UNIT = "arcsin arccos arctanh".split()
BINARY = """add subtract multiply divide true_divide arctan2 hypot logaddexp logaddexp2 maximum minimum fmax fmin
    copysign nextafter greater less greater_equal less_equal equal not_equal""".split()
BINARY_POSITIVE = "power float_power floor_divide remainder mod fmod".split()
INTEGER = """bitwise_and bitwise_or bitwise_xor left_shift right_shift floor_divide remainder mod fmod gcd lcm power
    maximum minimum add subtract multiply divide""".split()
BOOLEAN = "logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor".split()
COMPLEX = """sin cos tan sinh cosh tanh exp log sqrt square absolute angle real imag conj negative reciprocal sign expm1
    log1p arcsin arccos arctan arcsinh arccosh arctanh""".split()
REDUCTIONS = "sum prod mean var std min max ptp".split()
NAN_REDUCTIONS = "nansum nanprod nanmean nanvar nanstd nanmin nanmax nanargmax nanargmin nanmedian".split()

ELEMENTWISE = [
    *[f"np.{name}(x)" for name in UNARY_REAL if name != "heaviside1"],
    *[f"np.{name}(p)" for name in UNARY_POSITIVE],
    *[f"np.{name}(u)" for name in UNARY_UNIT],
    *[f"np.{name}(x, y)" for name in BINARY],
    *[f"np.{name}(x, t)" for name in BINARY if name != "nextafter"],
    *[f"np.{name}(p, q)" for name in BINARY_POSITIVE],
    *[f"np.{name}(j, k)" for name in INTEGER],
    *[f"np.{name}(b, j > 2)" for name in BOOLEAN],
    *[f"np.{name}(z)" for name in COMPLEX],
    *[f"np.{name}(j)" for name in "sin exp sqrt abs sign invert square negative".split()],
    "np.arccosh(p + 1)", "np.heaviside(o, 0.3)", "np.invert(b)", "np.logical_not(b)", "np.divmod(p, q)[0]",
    "np.divmod(p, q)[1]", "np.modf(x)[0]", "np.frexp(x)[0]", "np.ldexp(x, 3)", "np.round(x, 2)", "np.around(x)",
    "np.clip(x, -0.5, 0.5)", "np.clip(x, None, 0.2)", "np.clip(t, -1.0, 2.0)", "np.where(x > 0, x, y)", "np.where(b, x, 2.0)",
    "np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)", "np.select([x > 0.5, x < -0.5], [x, y], 0.0)",
    "np.nan_to_num(n, nan=2.0)", "np.isclose(x, y)", "np.allclose(x, x)", "np.array_equal(x, x)", "x ** 2", "x ** 3", "x ** 0",
    "p ** q", "2.0 ** x", "p ** 0.5", "o ** 2", "o ** 2.0", "o ** 1", "np.power(o, 3)", "np.power(o, 2.0)", "x / y", "x // p", "x % p", "-x", "+x",
    "abs(x)", "x @ y", "x > y", "j & k", "j | k", "j ^ k", "~j", "j << 1", "j >> 1", "x * 2 + y / 3 - 1", "z * x", "np.abs(z) ** 2",
    "np.abs(o)", "np.sqrt(o * o)", "np.maximum(o, 0.0)", "np.maximum(t, 2.0)", "np.minimum(t, t)", "np.sinc(o)", "np.arctan2(o, x)",
    "np.hypot(o, x)", "np.logaddexp(o, o)", "np.exp(1j * x)", "np.real(z * z)", "np.imag(z * z)", "np.angle(z)", "np.unwrap(x * 4)", "np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v ** 2])",
    "np.float_power(p, 2)", "np.ldexp(x, j)", "np.spacing(x)", "np.exp2(o)", "np.positive(z)", "np.cbrt(p)", "np.log(z)", "np.trapezoid(x, p)", "np.trapezoid(x)",
]

REDUCE = [
    *[f"np.{name}(T)" for name in REDUCTIONS],
    *[f"np.{name}(T, axis=1)" for name in REDUCTIONS],
    *[f"np.{name}(T, axis=-1, keepdims=True)" for name in REDUCTIONS],
    *[f"np.{name}(T, axis=(0, 2))" for name in REDUCTIONS],
    *[f"np.{name}(t)" for name in REDUCTIONS],
    *[f"np.{name}(o)" for name in REDUCTIONS],
    *[f"np.{name}(j)" for name in REDUCTIONS],
    *[f"np.{name}(n)" for name in NAN_REDUCTIONS],
    *[f"np.{name}(n)" for name in ("sum", "max", "argmax", "argmin", "median")],
    "np.sum(b)", "np.any(b)", "np.all(b)", "np.mean(b)", "np.argmax(T, axis=1)", "np.argmin(T)", "np.argmax(t)", "np.count_nonzero(o)",
    "np.sum(x, where=b)", "np.max(x, where=b, initial=-9.0)", "np.mean(x, where=b)", "np.sum(x, initial=2.0)", "np.var(T, axis=0, ddof=1)",
    "np.std(T, axis=2, ddof=1)", "np.std(x)", "np.cumsum(T, axis=1)", "np.cumsum(T)", "np.cumprod(x)", "np.cumprod(o)", "np.cumprod(T, axis=-1)", "np.nancumsum(n)",
    "np.nancumprod(n)", "np.median(x)", "np.median(A, axis=0)", "np.quantile(x, 0.3)", "np.quantile(A, np.array([0.1, 0.5]), axis=1)", "np.percentile(x, 25)",
    "np.quantile(x, 0.3, method='lower')", "np.quantile(x, 0.3, method='nearest')", "np.quantile(x, 0.3, method='midpoint')", "np.quantile(x, 0.3, method='higher')", "np.nanquantile(n, 0.4)", "np.nanpercentile(n, 40.0)", "np.average(x)", "np.average(x, weights=p)",
    "np.average(A, axis=1, weights=np.array([1., 2., 3., 4.]))", "np.ptp(A, axis=0)", "np.cov(A)", "np.corrcoef(A)", "np.prod(np.zeros((0,)))", "np.sum(np.zeros((0, 3)), axis=0)",
    "np.bincount(i, length=4)", "np.bincount(i, weights=np.array([1., 2., 3., 4.]), length=3)", "np.histogram(x, bins=4)[0]", "np.digitize(x, np.array([-1., 0., 1.]))", "np.linalg.norm(x)", "np.prod(o)", "np.diff(x)", "np.diff(A, axis=0)", "np.diff(x, n=2)", "np.ediff1d(x)",
    "np.gradient(x)", "np.gradient(x, 0.5)", "np.gradient(A)[0]", "np.gradient(A, axis=1)", "np.interp(s, np.array([0., 1., 2.]), np.array([1., 3., 2.]))", "np.interp(x, np.sort(y), q)", "np.convolve(x, y)", "np.convolve(x, p[:3], mode='same')", "np.convolve(x, p[:3], mode='valid')",
    "np.correlate(x, y[:3])", "np.correlate(x, y, mode='full')", "np.vander(x, 3)", "np.vander(x, 4, increasing=True)", "np.polyval(y, x)", "np.polyadd(x, y)", "np.polymul(x, y)", "np.polyder(x)", "np.polyint(x)", "np.cumulative_sum(x)",
]

LINEAR = [
    "np.dot(A, B)", "np.dot(x, y)", "np.matmul(T, B)", "A @ B", "np.vdot(x, y)", "np.inner(A, C)", "np.outer(x, y)", "np.tensordot(T, B, axes=1)", "np.tensordot(T, A, axes=([1, 2], [0, 1]))",
    "np.einsum('ij,jk->ik', A, B)", "np.einsum('bij,jk->bik', T, B)", "np.einsum('ij->ji', A)", "np.einsum('ii->i', M)", "np.einsum('ii', M)", "np.einsum('ij,ij->', A, C)", "np.einsum('...ij,jk->...ik', T, B)", "np.einsum('i,j,k->ijk', x, y, p)", "np.einsum('ij,jk,kl->il', M, A, B)",
    "np.kron(A, B)", "np.kron(x, y)", "np.trace(M)", "np.trace(T, axis1=1, axis2=2)", "np.trace(A, offset=1)", "np.cross(M, P)", "np.cross(M[0], P[1])", "np.linalg.det(M)", "np.linalg.inv(M)", "np.linalg.solve(M, A)", "np.linalg.solve(M, M[:, 0])", "np.linalg.slogdet(M)[1]", "np.linalg.slogdet(P)[1]",
    "np.linalg.cholesky(P)", "np.abs(np.linalg.qr(M)[1])", "np.linalg.svd(A, compute_uv=False)", "np.linalg.eigh(P)[0]", "np.linalg.eigvalsh(P)", "np.abs(np.linalg.eigh(P)[1])", "np.linalg.pinv(A)", "np.linalg.norm(A)", "np.linalg.norm(A, axis=1)", "np.linalg.norm(A, ord=1)", "np.linalg.norm(A, ord=np.inf)", "np.linalg.norm(A, ord=2)",
    "np.linalg.norm(A, ord='nuc')", "np.linalg.norm(x, ord=1)", "np.linalg.norm(x, ord=3)", "np.linalg.norm(x, ord=np.inf)", "np.linalg.norm(x, ord=0)", "np.linalg.matrix_power(M, 3)", "np.linalg.matrix_power(M, -2)", "np.linalg.matrix_rank(A)", "np.linalg.multi_dot([M, A, B])", "np.linalg.cond(M)", "np.linalg.lstsq(A.T, C.T)[0]",
    "np.linalg.tensorsolve(M, M[0])", "np.linalg.tensorinv(M, ind=1)", "sl.cho_solve(sl.cho_factor(P), A)", "sl.solve_triangular(np.tril(M), A, lower=True)", "sl.solve_triangular(M, A)", "sl.expm(M / 4)", "sl.block_diag(A, B)", "sl.toeplitz(x)", "sl.solve(M, A)", "sl.det(M)", "sl.inv(M)", "sl.solve_triangular(M, A, trans=1)", "sl.solve_triangular(M, A, unit_diagonal=True)",
    "np.abs(np.fft.fft(x))", "np.fft.ifft(z)", "np.fft.fft(z)", "np.real(np.fft.rfft(x))", "np.imag(np.fft.rfft(x))", "np.fft.irfft(np.fft.rfft(x), n=5)", "np.abs(np.fft.fft2(A))", "np.abs(np.fft.fftn(T))", "np.fft.fftfreq(6)", "np.fft.rfftfreq(6)", "np.fft.fftshift(x)", "np.fft.ifftshift(x)", "np.abs(np.fft.fft(x, n=8))", "np.abs(np.fft.fft(x, n=3))", "np.abs(np.fft.rfft(A, axis=0))", "np.abs(np.fft.fft(x, norm='ortho'))",
    "np.real(np.fft.ifft2(A))", "np.fft.hfft(z)", "np.abs(np.fft.rfft2(A))", "np.fft.irfft2(A + 0j)", "np.real(np.linalg.eigvals(M))[0] * 0", "np.linalg.det(M * 0)", "np.linalg.det(np.stack([M, P]))", "np.linalg.inv(np.stack([M, P]))", "np.linalg.matrix_transpose(T)", "np.linalg.vector_norm(A)", "np.linalg.norm(o[:1])", "np.linalg.norm(o * 0)",
]

SHAPE = [
    "np.reshape(T, (4, 6))", "np.reshape(T, (-1, 3))", "np.reshape(A, (4, 3), order='F')", "np.ravel(A)", "np.ravel(A, order='F')", "np.transpose(T)", "np.transpose(T, (1, 0, 2))", "np.moveaxis(T, 0, -1)", "np.moveaxis(T, (0, 1), (1, 0))", "np.swapaxes(T, 0, 2)", "np.rollaxis(T, 2)", "np.squeeze(T[:1])", "np.squeeze(T[:, :1], axis=1)",
    "np.expand_dims(x, 0)", "np.expand_dims(x, (0, 2))", "np.broadcast_to(x, (3, 5))", "np.broadcast_arrays(x, s)[1]", "np.concatenate([x, y])", "np.concatenate([A, C], axis=1)", "np.concatenate([A, C], axis=None)", "np.stack([x, y])", "np.stack([x, y], axis=1)", "np.stack([x, y], axis=-1)", "np.vstack([x, y])", "np.hstack([x, y])", "np.dstack([x, y])", "np.column_stack([x, y])",
    "np.split(T, 2)[1]", "np.split(x, [2, 3])[1]", "np.array_split(x, 2)[1]", "np.hsplit(A, 2)[0]", "np.vsplit(A, 3)[2]", "np.tile(x, 2)", "np.tile(A, (2, 1))", "np.repeat(x, 2)", "np.repeat(A, 2, axis=1)", "np.repeat(A, np.array([1, 0, 2]), axis=0)", "np.pad(x, 2)", "np.pad(A, ((1, 2), (0, 1)))", "np.pad(x, 2, mode='edge')", "np.pad(x, 2, mode='reflect')", "np.pad(x, (1, 2), mode='symmetric')", "np.pad(x, 3, mode='wrap')", "np.pad(A, 1, mode='reflect')",
    "np.pad(x, 2, constant_values=3.0)", "np.flip(T)", "np.flip(A, axis=0)", "np.fliplr(A)", "np.flipud(A)", "np.roll(x, 2)", "np.roll(A, 1, axis=1)", "np.roll(A, (1, 2), axis=(0, 1))", "np.rot90(A)", "np.rot90(A, 2)", "np.rot90(A, 3)", "np.diag(x)", "np.diag(M)", "np.diag(x, 1)", "np.diag(A, -1)", "np.diagonal(T, axis1=1, axis2=2)", "np.diagflat(A)", "np.tril(M)", "np.triu(M, 1)", "np.triu(T)", "np.tri(3, 4)", "np.eye(3)", "np.identity(2)", "np.arange(5)", "np.arange(0, 1, 0.25)",
    "np.linspace(s, 2.0, 5)", "np.linspace(0.0, 1.0, 4, endpoint=False)", "np.logspace(0.0, 1.0, 4)", "np.meshgrid(x, y)[0]", "np.meshgrid(x, p, indexing='ij')[1]", "np.zeros_like(A)", "np.ones_like(A)", "np.full_like(A, 2.0)", "np.full((2, 3), s)", "np.array([s, s * 2])", "np.array([[s, 1.0], [2.0, s]])", "np.asarray(x)", "np.atleast_1d(s)", "np.atleast_2d(x)", "np.atleast_3d(A)", "np.append(x, y)", "np.append(A, C, axis=0)", "np.insert(x, 1, 9.0)", "np.delete(x, 1)", "np.block([[A, A], [C, C]])", "np.resize(x, (2, 4))",
    "x[0]", "x[-1]", "x[1:3]", "x[::2]", "x[::-1]", "x[3:0:-1]", "A[1]", "A[:, 2]", "A[1, 2]", "A[..., 1]", "A[None]", "A[:, None]", "T[0, ..., 1]", "T[:, 1:, ::2]", "A[i[:3]]", "A[i, 1]", "A[i, i]", "A[:, i]", "A[i[:, None], i[None]]", "T[:, i, :]", "T[0, :, i]", "T[np.array([0, 1]), :, np.array([1, 2])]", "x[np.array([True, False, True, True, False])]", "x[i]", "x[-1 - i]", "A[-1, 1:]", "A[[0, 2]]", "T[..., None, 0]", "A.T", "A.sum(axis=0)", "A.mean()", "A.reshape(-1)", "A.reshape(2, 6)", "A.ravel()", "A.flatten()", "T.transpose(2, 0, 1)", "A.max(axis=1)", "x.dot(y)", "A.astype(int)", "j.astype(float) * s", "A.std()", "x.cumsum()", "A.swapaxes(0, 1)", "x.argmax()", "A.T @ A", "x.clip(-0.5, 0.5)", "A.squeeze()", "x.round(1)", "x.repeat(2)", "x.take(i)", "A.trace()", "A.diagonal()", "x.min()", "x.prod()", "x.ptp() if hasattr(x, 'ptp') else 0.0", "x.var(ddof=1)", "z.real", "z.imag", "z.conj()", "x.argsort()", "x.size * s", "len(A) * s",
    "np.take(x, i)", "np.take(A, i, axis=0)", "np.take(A, i)", "np.take(A, 1, axis=1)", "np.take_along_axis(A, np.argsort(A, axis=1), axis=1)", "np.choose(np.array([0, 1, 0, 1, 0]), [x, y])", "np.searchsorted(np.sort(x), y)", "np.searchsorted(np.sort(x), y, side='right')", "np.sort(x)", "np.sort(A, axis=0)", "np.sort(t)", "np.argsort(x)", "np.argsort(t)", "np.argsort(A, axis=0)", "np.lexsort((y, t))", "np.partition(x, 2)[2]", "np.unique(t, size=4)", "np.unique(t, size=3, return_counts=True)[1]", "np.nonzero(o, size=5)[0]", "np.flatnonzero(o, size=3)", "np.argwhere(o, size=3)", "np.where(o, size=3)[0]", "np.extract(np.array([True, False, True, True, False]), x)", "np.compress(np.array([True, False, True]), A, axis=0)",
    "np.apply_along_axis(lambda v: v ** 2, 1, A)", "np.apply_along_axis(np.sum, 0, A)", "np.vectorize(lambda a: a * 2 + 1)(x)", "np.vectorize(lambda a, v: a + np.sum(v), signature='(),(n)->()')(x, A[0])", "np.isin(j, k)", "np.union1d(i, i, size=4)", "np.intersect1d(j, k, size=3)", "np.setdiff1d(j, k, size=4)", "np.tril_indices(3)[0]", "np.triu_indices(3)[1]", "np.diag_indices(3)[0]", "np.unravel_index(i, (2, 2))[0]", "np.ravel_multi_index((i % 2, i % 2), (2, 2))", "np.fill_diagonal(M, 0.0, inplace=False)", "np.put_along_axis(A, np.array([[0], [1], [2]]), 9.0, axis=1, inplace=False)", "np.ix_(np.array([0, 1]), np.array([1, 2]))[0]",
    "AT(x)[1].set(s)", "AT(x)[1:3].add(s)", "AT(A)[i].add(1.0)", "AT(A)[:, 1].multiply(s)", "AT(x)[i].min(0.0)", "AT(x)[i].max(0.0)", "AT(x)[i].set(np.array([s, 2.0, 3.0, 4.0]))", "AT(A)[i, i].get()", "AT(x)[i].get()", "AT(x)[::2].set(y[::2])", "AT(x)[np.array([10])].get(mode='fill', fill_value=0.0)", "AT(x)[np.array([1, 10])].add(1.0, mode='drop')", "AT(x)[1].power(2)", "AT(p)[1].divide(s)", "AT(A)[0].set(A[1])", "AT(A)[1, 2].apply(np.sin)",
]

LAX = [
    "lax.rsqrt(p)", "lax.erf(x)", "lax.erfc(x)", "lax.erf_inv(u)", "lax.lgamma(p)", "lax.digamma(p)", "lax.clamp(-0.5, x, 0.5)", "lax.integer_pow(x, 3)", "lax.integer_pow(p, -2)", "lax.top_k(x, 3)[0]", "lax.top_k(A, 2)[1]", "lax.sort(x)", "lax.sort(A, dimension=0)", "lax.sort((t, x), num_keys=1)[1]", "lax.cumsum(A, axis=1)", "lax.cumsum(A, axis=0, reverse=True)", "lax.cumprod(x)", "lax.cummax(x)", "lax.cummin(x)", "lax.cumlogsumexp(x)", "lax.cummax(t)", "lax.select(b, x, y)", "lax.stop_gradient(x) * x", "lax.iota(int, 4)", "lax.broadcast_in_dim(x, (2, 5), (1,))", "lax.dot_general(A, B, (((1,), (0,)), ((), ())))", "lax.dot_general(T, T, (((2,), (2,)), ((0,), (0,))))", "lax.dynamic_slice(x, (1,), (3,))", "lax.dynamic_slice(A, (i[0], i[1]), (2, 2))", "lax.dynamic_update_slice(x, y[:2], (1,))", "lax.dynamic_index_in_dim(A, i[2], 0)", "lax.dynamic_index_in_dim(A, 1, 0, keepdims=False)", "lax.dynamic_slice_in_dim(A, 1, 2, axis=1)", "lax.dynamic_update_index_in_dim(A, A[0], 1, 0)", "lax.slice(A, (0, 1), (2, 4))", "lax.slice_in_dim(A, 1, 3, axis=1)", "lax.rev(A, (0,))", "lax.pad(x, 0.0, [(1, 2, 1)])", "lax.pad(x, s, [(-1, 2, 0)])", "lax.concatenate([x, y], 0)", "lax.expand_dims(x, (0,))", "lax.squeeze(x[None], (0,))", "lax.reshape(A, (4, 3))", "lax.transpose(A, (1, 0))", "lax.reduce_sum(A, (0,))", "lax.reduce_max(A, (1,))", "lax.argmax(A, 1, int)", "lax.reduce_window(x, 0.0, lax.add, (3,), (1,), 'VALID')", "lax.reduce_window(A, -np.inf, lax.max, (2, 2), (1, 1), 'SAME')", "lax.reduce_window(img, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 2, 2), 'VALID')", "lax.reduce_window(img, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), 'VALID')", "lax.conv_general_dilated(img, ker, (1, 1), 'SAME')", "lax.conv_general_dilated(img, ker, (2, 2), 'VALID')", "lax.conv_general_dilated(img, ker, (1, 1), [(1, 0), (0, 2)], rhs_dilation=(2, 1))", "lax.conv_general_dilated(img, ker, (1, 1), 'VALID', lhs_dilation=(2, 2))", "lax.conv(img, ker, (1, 1), 'SAME')", "lax.conv_general_dilated(np.transpose(img, (0, 2, 3, 1)), np.transpose(ker, (2, 3, 1, 0)), (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))", "lax.conv_general_dilated(img, ker[:3, :1], (1, 1), 'SAME', feature_group_count=3)",
    "lax.scan(lambda c, v: (c * 0.9 + v, c), s, x)[0]", "lax.scan(lambda c, v: (c * 0.9 + v, c), s, x)[1]", "lax.scan(lambda c, v: (np.tanh(c + v), c * v), s, x, reverse=True)[1]", "lax.scan(lambda c, v: (np.tanh(M @ c + v), c), M[0], P)[1]", "lax.scan(lambda c, _: (c * s, c), 1.0, None, length=4)[1]", "lax.fori_loop(0, 4, lambda n, v: v * s + n, x)", "lax.while_loop(lambda v: v[0] < 3, lambda v: (v[0] + 1, v[1] * s), (0, x))[1]", "lax.cond(x[0] > 0, lambda v: np.sin(v), lambda v: np.cos(v), y)", "lax.cond(s > 0, lambda v: v * 2, lambda v: v, x)", "lax.switch(1, [lambda v: v, lambda v: v ** 2, np.sin], x)", "lax.switch(i[0], [lambda v: v, lambda v: v ** 2, np.sin], x)", "lax.map(lambda v: v ** 2, x)", "lax.map(lambda r: np.sum(r ** 3), A)", "lax.associative_scan(lambda a, v: a + v, x)", "lax.associative_scan(lambda a, v: a * v, A, axis=1)", "lax.associative_scan(np.maximum, x, reverse=True)", "lax.custom_root(lambda v: v ** 3 - s, 1.0, lambda f, v: lax.fori_loop(0, 30, lambda _, w: w - f(w) / (3 * w ** 2), v), lambda g, v: v / g(1.0))", "lax.custom_linear_solve(lambda v: M @ v, M[0], lambda f, v: np.linalg.solve(M, v), lambda f, v: np.linalg.solve(M.T, v))",
    "lax.gather(A, i[:, None], lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,)), (1, 4))", "lax.scatter_add(A, i[:, None], np.ones((4, 4)), lax.ScatterDimensionNumbers(update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)))", "lax.nextafter(x, y)", "lax.population_count(k)", "lax.expm1(x)", "lax.logistic(x)", "lax.is_finite(n)", "lax.rem(x, p)", "lax.pow(p, q)", "lax.atan2(x, y)", "lax.sign(x)", "lax.round(x)", "lax.bessel_i0e(x)", "lax.bessel_i1e(x)", "lax.igamma(p, q)", "lax.igammac(p, q)", "lax.betainc(p, q, h)", "lax.polygamma(1.0, p)", "lax.zeta(p + 1, q)", "lax.convert_element_type(x, int)", "lax.full((2,), s)", "lax.reduce(A, 0.0, lax.add, (0,))", "lax.batch_matmul(T, np.swapaxes(T, 1, 2))", "lax.select_n(j > 2, x, y)", "lax.exp2(x)", "lax.square(x)", "lax.cbrt(p)", "lax.tan(x)", "lax.reciprocal(p)", "lax.collapse(T, 0, 2)", "lax.index_in_dim(A, 1, axis=0)", "lax.conv_transpose(img, np.transpose(ker, (2, 3, 1, 0)), (2, 2), 'SAME', dimension_numbers=('NCHW', 'HWIO', 'NCHW'))",
]

SURFACES = [
    *[f"nn.{name}(x)" for name in "relu relu6 sigmoid softplus silu swish gelu elu selu celu leaky_relu log_sigmoid tanh hard_tanh hard_sigmoid hard_silu hard_swish mish softmax log_softmax logsumexp standardize soft_sign squareplus".split()],
    *[f"nn.{name}(o)" for name in "relu relu6 elu selu celu leaky_relu softplus gelu silu hard_tanh softmax".split()],
    "nn.gelu(x, approximate=False)", "nn.leaky_relu(x, 0.2)", "nn.elu(x, 0.5)", "nn.celu(x, 2.0)", "nn.glu(A)", "nn.softmax(A, axis=0)", "nn.log_softmax(A, axis=1)", "nn.logsumexp(A, axis=1)", "nn.standardize(A, axis=0)", "nn.one_hot(i, 4)", "nn.one_hot(i, 3) @ M", "nn.softmax(x, where=b)", "nn.dot_product_attention(np.reshape(T, (1, 2, 3, 4)), np.reshape(T, (1, 2, 3, 4)), np.reshape(T, (1, 2, 3, 4)))", "nn.dot_product_attention(np.reshape(T, (1, 2, 3, 4)), np.reshape(T, (1, 2, 3, 4)), np.reshape(T, (1, 2, 3, 4)), is_causal=True)",
    "sp.logsumexp(x)", "sp.logsumexp(A, axis=0, b=np.abs(C))", "sp.erf(x)", "sp.erfc(x)", "sp.erfinv(u)", "sp.expit(x)", "sp.logit(h)", "sp.gammaln(p)", "sp.digamma(p)", "sp.polygamma(1, p)", "sp.polygamma(2, p)", "sp.xlogy(p, q)", "sp.xlogy(o * 0, q)", "sp.xlog1py(p, q)", "sp.entr(p)", "sp.ndtr(x)", "sp.ndtri(h)", "sp.log_ndtr(x)", "sp.log_ndtr(x * 20)", "sp.betaln(p, q)", "sp.betainc(p, q, h)", "sp.gammainc(p, q)", "sp.gammaincc(p, q)", "sp.i0(x)", "sp.i0e(x)", "sp.i1(x)", "sp.i1e(x)", "sp.zeta(p + 1, q)", "sp.rel_entr(p, q)", "sp.kl_div(p, q)", "sp.gamma(p)", "sp.factorial(p)", "sp.softmax(x)", "sp.log_softmax(x)",
    "norm.pdf(x)", "norm.logpdf(x)", "norm.cdf(x)", "norm.logcdf(x)", "norm.ppf(h)", "norm.sf(x)", "norm.logsf(x)", "norm.isf(h)", "norm.logpdf(x, 1.0, 2.0)", "norm.logpdf(x, y, p)", "norm.cdf(x, loc=y, scale=p)",
    "random.uniform(key, (4,))", "random.normal(key, (3, 2))", "random.uniform(key, (5,), minval=x, maxval=x + 2.0)", "random.bits(key, (4,))", "random.randint(key, (5,), 0, 10)", "random.bernoulli(key, 0.3, (6,))", "random.bernoulli(key, h)", "random.categorical(key, x)", "random.categorical(key, A, axis=1)", "random.choice(key, 10, (4,))", "random.choice(key, 10, (4,), replace=False)", "random.choice(key, x, (3,), p=h / np.sum(h))", "random.permutation(key, 7)", "random.permutation(key, x)", "random.truncated_normal(key, -1.0, 1.0, (4,))", "random.gumbel(key, (4,))", "random.laplace(key, (4,))", "random.exponential(key, (4,))", "random.rademacher(key, (4,))", "random.cauchy(key, (4,))", "random.logistic(key, (4,))", "random.multivariate_normal(key, M[0], P)", "random.normal(random.fold_in(key, 3), (2,))", "random.normal(random.split(key)[1], (2,))", "random.split(key, 3)", "random.gamma(key, p)", "random.beta(key, p, q)", "random.dirichlet(key, p)", "random.poisson(key, p, (5,))",
]

PROGRAMS = [
    "np.sum(np.tanh(A @ B) ** 2)", "np.mean((np.tanh(A.T @ A) @ B - 1.0) ** 2)", "np.log(np.sum(np.exp(A), axis=1))", "A / np.linalg.norm(A, axis=1, keepdims=True)", "(A - A.mean(axis=1, keepdims=True)) / np.sqrt(A.var(axis=1, keepdims=True) + 1e-5)", "nn.softmax(A @ A.T / 2.0) @ A", "np.linalg.slogdet(A @ A.T + np.eye(3))[1]", "np.sum(np.where(A > 0, A ** 2, np.sin(A)))", "np.real(np.fft.ifft(np.fft.fft(x) * np.fft.fft(y)))", "np.exp(-((x[:, None] - y[None, :]) ** 2))", "np.sort(np.abs(x))[::-1]", "np.max(A, axis=1) - np.log(np.sum(np.exp(A - np.max(A, axis=1, keepdims=True)), axis=1))", "np.sum(A[i] * np.arange(4.0))", "np.cumsum(np.exp(x)) / np.sum(np.exp(x))", "np.dot(np.dot(x, np.diag(p)), y)", "np.prod(1 + x ** 2)", "np.trace(np.linalg.inv(P) @ M)", "M[0] @ np.linalg.solve(P, M[1])", "nn.log_softmax(A)[np.arange(3), i[:3]]", "np.sum(np.abs(np.fft.rfft(x)) ** 2)", "np.outer(x, y) * np.tri(5)", "np.einsum('bij,bkj->bik', T, T)", "np.sqrt(np.sum((x - y) ** 2))", "np.minimum(np.maximum(x, -0.3), 0.3) * y",
]

CASES = {
    "elementwise": ELEMENTWISE,
    "reduce": REDUCE,
    "linear": LINEAR,
    "shape": SHAPE,
    "lax": LAX,
    "surfaces": SURFACES,
    "programs": PROGRAMS,
}
