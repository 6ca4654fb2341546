"""Types of arrays: shape, dtype, and whether the dtype is weak (a Python scalar's).

Relies on config. Everything else relies on this.
"""

import functools

import numpy as np

from vgrad.config import config

SHORT = {"float": "f", "int": "i", "uint": "u", "complex": "c"}
PYTHON_SCALARS = (float, int, bool, complex)
FLOAT0 = np.dtype([("float0", np.void, 0)])  # the dtype of tangents of integers and booleans: nothing
FLOAT64, BOOL = np.dtype(np.float64), np.dtype(np.bool_)
INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)


def short_dtype(dtype):
    """f64, i32, bool, ..."""
    name = np.dtype(dtype).name
    kind = name.rstrip("0123456789")
    return SHORT.get(kind, kind) + name[len(kind) :]


class ArrayType:
    """What is known of an array before its values: shape, dtype, and weak for Python scalars.

    A weak dtype gives way to a strong one of the same or a higher kind, as NumPy 2 treats Python scalars.
    """

    __slots__ = ("shape", "dtype", "weak")

    def __init__(self, shape, dtype, weak=False):
        self.shape = shape
        self.dtype = dtype
        self.weak = weak

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        size = 1
        for length in self.shape:
            size *= length
        return size

    def __eq__(self, other):
        return (
            isinstance(other, ArrayType)
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak == other.weak
        )

    def __hash__(self):
        return hash((self.shape, self.dtype, self.weak))

    def __str__(self):
        return f"{short_dtype(self.dtype)}[{','.join(map(str, self.shape))}]"

    def __repr__(self):
        return f"ArrayType({self}{', weak' if self.weak else ''})"

    def strong(self):
        return ArrayType(self.shape, self.dtype) if self.weak else self


def default_float():
    return FLOAT64 if config.default_float == "float64" else np.dtype(np.float32)


def default_complex():
    return np.dtype(np.complex128 if config.default_float == "float64" else np.complex64)


def scalar_type(value):
    """Type of a Python scalar: weak, with the default dtype of its kind."""
    kind = type(value)
    if kind is float:
        return ArrayType((), default_float(), True)
    if kind is bool:
        return ArrayType((), BOOL, False)
    if kind is int:
        dtype = INT64 if -(2**63) <= value < 2**63 else np.result_type(np.min_scalar_type(value))
        return ArrayType((), dtype, True)
    return ArrayType((), default_complex(), True)


def is_array_dtype(dtype):
    return dtype.kind in "fiubc"


def type_of(value):
    """Type of an array, NumPy scalar, Python scalar, tracer or ArrayType.

    Errors: TypeError for anything else (lists, strings, object arrays).
    """
    if isinstance(value, ArrayType):
        return value
    if type(value) in PYTHON_SCALARS:
        return scalar_type(value)
    if isinstance(value, (np.ndarray, np.generic)):
        if not is_array_dtype(value.dtype):
            raise TypeError(
                f"vgrad works on arrays of floats, integers, booleans and complex numbers, not of dtype {value.dtype}."
            )
        dtype = value.dtype
        return ArrayType(value.shape, dtype if dtype.isnative else dtype.newbyteorder("="))
    type_ = getattr(value, "type", None)
    if isinstance(type_, ArrayType):
        return type_
    raise TypeError(f"Value {value!r} of type {type(value)} is not a valid vgrad array type.")


def zeros(type_):
    """Zeros of a type: one number spread over the shape, not an array, so that programs hold none."""
    return np.broadcast_to(type_.dtype.type(0), type_.shape)


def is_differentiable(dtype):
    return dtype.kind in "fc"


KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


@functools.lru_cache(maxsize=4096)
def _promote(dtypes, weaks, default):
    strong = [dtype for dtype, weak in zip(dtypes, weaks) if not weak]
    weak = [dtype for dtype, weak in zip(dtypes, weaks) if weak]
    if not strong:
        return max(weak, key=lambda dtype: KINDS[dtype.kind]), True
    result = np.result_type(*strong)
    highest = max((dtype for dtype in weak), key=lambda dtype: KINDS[dtype.kind], default=result)
    if KINDS[highest.kind] <= KINDS[result.kind]:
        return result, False
    if highest.kind == "c" and result.kind == "f":
        return np.result_type(result, np.complex64), False
    return highest, False


def promote(*types):
    """(dtype, weak) of an operation on operands of these types: NumPy 2's promotion, Python scalars weak.

    An integer array with a Python float gives the default float.
    """
    return _promote(
        tuple([type_.dtype for type_ in types]), tuple([type_.weak for type_ in types]), config.default_float
    )


@functools.lru_cache(maxsize=4096)
def broadcast_shapes(*shapes):
    """Shape of the operands broadcast together. ValueError where they do not fit."""
    return np.broadcast_shapes(*shapes)
