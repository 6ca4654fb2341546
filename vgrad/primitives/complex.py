"""Parts of complex numbers: real, imag, conj, and complex from its parts.

Relies on elementwise. Cotangents follow JAX: the transpose is that of the pairing Re(sum(u * v)), without conjugation,
so that grad of real(z) is 1 and of imag(z) is -1j.
"""

import numpy as np

from vgrad.core.types import type_of
from vgrad.primitives.broadcasting import sum_to
from vgrad.primitives.elementwise import elementwise, like, neg


def real_of(dtype):
    """float32 for complex64, float64 for complex128; other dtypes themselves."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def complex_dtypes(dtype):
    """(operand dtype, output dtype) of `complex_of`."""
    part = np.dtype(np.float32) if dtype in (np.float16, np.float32) else np.dtype(np.float64)
    return part, np.result_type(part, np.complex64)


def complex_evaluate(x, y):
    dtype = np.result_type(x, y)
    output = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), complex_dtypes(dtype)[1])
    output.real, output.imag = x, y  # x + 1j * y would spoil infinities
    return output[()]


def complex_jvp(output, operands, tangents):
    x, y = [0.0 if tangent is None else tangent for tangent in tangents]
    return like(complex_of(x, y), output)


def complex_transpose(cotangent, operands, wrt):
    return sum_to(imag(neg(cotangent)) if wrt else real(cotangent), type_of(operands[wrt]))


# fmt: off
complex_of = elementwise(
    "complex", complex_evaluate, lower="complex_of(x0, x1)", dtype=complex_dtypes,
    jvp=complex_jvp, transpose=complex_transpose,
)
real = elementwise(
    "real", np.real, lower={"biuf": "x0", "c": "real(x0)"}, dtype=lambda dtype: (dtype, real_of(dtype)), linear_in=(0,),
    transpose=lambda cotangent, operands, wrt: sum_to(complex_of(cotangent, 0.0), operands[0]),
)
imag = elementwise(
    "imag", np.imag, lower={"biuf": "0", "c": "imag(x0)"}, dtype=lambda dtype: (dtype, real_of(dtype)), linear_in=(0,),
    transpose=lambda cotangent, operands, wrt: sum_to(complex_of(0.0, neg(cotangent)), operands[0]),
)
conj = elementwise("conj", np.conjugate, lower={"biuf": "x0", "c": "conj(x0)"}, linear_in=(0,))
# fmt: on
