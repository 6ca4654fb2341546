"""dtypes, their promotion, constants.

Relies on core. Names are NumPy's own objects wherever traced arrays need nothing else.
"""

import numpy as np
from numpy import (
    bool,
    bool_,
    cdouble,
    character,
    complex64,
    complex128,
    complexfloating,
    csingle,
    double,
    dtype,
    e,
    euler_gamma,
    finfo,
    flexible,
    float16,
    float32,
    float64,
    floating,
    generic,
    iinfo,
    inexact,
    inf,
    int8,
    int16,
    int32,
    int64,
    int_,
    integer,
    isdtype,
    issubdtype,
    nan,
    ndarray,
    newaxis,
    number,
    object_,
    pi,
    promote_types,
    signedinteger,
    single,
    uint,
    uint8,
    uint16,
    uint32,
    uint64,
    unsignedinteger,
)

from vgrad.core.interpreter import Tracer
from vgrad.core.types import PYTHON_SCALARS, ArrayType, default_complex, default_float, promote, type_of

__all__ = [
    "bool",
    "bool_",
    "cdouble",
    "can_cast",
    "character",
    "complex64",
    "complex128",
    "complex_",
    "complexfloating",
    "csingle",
    "double",
    "dtype",
    "e",
    "euler_gamma",
    "finfo",
    "flexible",
    "float16",
    "float32",
    "float64",
    "float_",
    "floating",
    "generic",
    "iinfo",
    "inexact",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "int_",
    "integer",
    "iscomplexobj",
    "isdtype",
    "isrealobj",
    "isscalar",
    "issubdtype",
    "nan",
    "ndarray",
    "newaxis",
    "number",
    "object_",
    "pi",
    "promote_types",
    "result_type",
    "signedinteger",
    "single",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "unsignedinteger",
]

float_, complex_ = float64, complex128  # JAX's names, which NumPy no longer has

VALUES = (Tracer, np.ndarray, np.generic, *PYTHON_SCALARS)


def asked_dtype(dtype):
    """The dtype that a `dtype=` argument asks for. Python's float and complex are the default float and complex."""
    if dtype is float:
        return default_float()
    return default_complex() if dtype is complex else np.dtype(dtype)


def result_type(*arrays_and_dtypes):
    """The dtype that an operation on these arrays, Python scalars (weak) and dtypes has."""
    if not arrays_and_dtypes:
        raise ValueError("result_type: at least one array or dtype is required.")
    return promote(*[argument_type(value) for value in arrays_and_dtypes])[0]


def argument_type(value):
    return type_of(value) if isinstance(value, VALUES) else ArrayType((), asked_dtype(getattr(value, "dtype", value)))


def can_cast(from_, to, casting="safe"):
    """Whether a conversion is possible under the casting rule; the type of a traced array counts, not its values."""
    return np.can_cast(from_.dtype if isinstance(from_, Tracer) else from_, to, casting)


def iscomplexobj(x):
    """Whether the dtype is complex."""
    return issubdtype(x.dtype, complexfloating) if isinstance(x, Tracer) else np.iscomplexobj(x)


def isrealobj(x):
    """Whether the dtype is not complex."""
    return not iscomplexobj(x)


def isscalar(element):
    """Whether it is a number; a traced array of rank 0 is one."""
    return element.ndim == 0 if isinstance(element, Tracer) else np.isscalar(element)
