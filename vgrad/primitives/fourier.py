"""The discrete Fourier transform along one axis, of complex and of real signals.

Relies on complex. Transforms over several axes are one after the other.
"""

import numpy as np

from vgrad.core.primitive import Primitive, host
from vgrad.core.types import ArrayType
from vgrad.errors import ShapeError
from vgrad.primitives.complex import conj, real_of
from vgrad.primitives.elementwise import mul

TRANSFORMS = {
    "fft": lambda operand, axis, length: np.fft.fft(operand, axis=axis),
    "ifft": lambda operand, axis, length: np.fft.ifft(operand, axis=axis),
    "rfft": lambda operand, axis, length: np.fft.rfft(operand, axis=axis),
    "irfft": lambda operand, axis, length: np.fft.irfft(operand, length, axis=axis),
}


def fft_type(operand, *, kind, axis, length):
    shape, real_dtype = operand.shape, real_of(operand.dtype)
    complex_dtype = np.result_type(real_dtype, np.complex64)
    given = length // 2 + 1 if kind == "irfft" else length
    if not 0 <= axis < operand.ndim or shape[axis] != given or length < 1:
        raise ShapeError(f"{kind} of length {length} along axis {axis} does not fit an array of shape {shape}.")
    if (operand.dtype.kind == "c") != (kind != "rfft"):
        raise ShapeError(f"{kind} does not accept dtype {operand.dtype}.")
    if kind == "rfft":
        return ArrayType(shape[:axis] + (length // 2 + 1,) + shape[axis + 1 :], complex_dtype)
    if kind == "irfft":
        return ArrayType(shape[:axis] + (length,) + shape[axis + 1 :], real_dtype)
    return ArrayType(shape, complex_dtype)


def multiplicity(length, ndim, axis, dtype):
    """How many of the `length` frequencies of a real signal each of its length // 2 + 1 coefficients stands for."""
    counts = np.full(length // 2 + 1, 2, dtype)
    counts[0] = 1
    if length % 2 == 0:
        counts[-1] = 1
    return counts.reshape((-1,) + (1,) * (ndim - axis - 1))


def fft_transpose(cotangent, operands, wrt, *, kind, axis, length):
    """fft and ifft are symmetric matrices; rfft and irfft keep half of one, so that most coefficients count twice."""
    (operand,) = operands
    if kind == "rfft":
        counts = multiplicity(length, operand.ndim, axis, operand.dtype)
        return mul(fft(conj(mul(cotangent, 1 / counts)), kind="irfft", axis=axis, length=length), float(length))
    if kind == "irfft":
        counts = multiplicity(length, operand.ndim, axis, cotangent.dtype)
        return conj(mul(fft(cotangent, kind="rfft", axis=axis, length=length), counts / length))
    return fft(cotangent, kind=kind, axis=axis, length=length)


def fft_batch(operands, mapped_axes, *, kind, axis, length):
    (operand,), (mapped,) = operands, mapped_axes
    return fft(operand, kind=kind, axis=axis + (axis >= mapped), length=length), mapped


# kind "fft", "ifft", "rfft", "irfft"; `length` is that of the signal: for "irfft" the operand has length // 2 + 1
# coefficients. Only the inverses scale, by 1 / length.
fft = Primitive(
    "fft",
    output_type=fft_type,
    evaluate=lambda operand, *, kind, axis, length: TRANSFORMS[kind](operand, axis, length),
    jvp=lambda output, operands, tangents, **params: fft(tangents[0], **params),
    transpose=fft_transpose,
    batch=fft_batch,
    lower=host("SciPy's Fourier transform"),
)
