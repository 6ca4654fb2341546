"""Types of arrays: what they print, compare and promote to. Relies on vgrad.core.types."""

import itertools

import numpy as np
import pytest

from vgrad.config import config
from vgrad.core.types import ArrayType, broadcast_shapes, default_complex, default_float, promote, short_dtype, type_of

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool", "complex64", "complex128"]
SCALARS = [2, 2.5, True, 1 + 2j]


@pytest.mark.parametrize(
    "dtype, text",
    [("float64", "f64"), ("int32", "i32"), ("uint8", "u8"), ("complex128", "c128"), ("bool", "bool"), (float, "f64")],
)
def test_dtypes_have_short_names(dtype, text):
    assert short_dtype(dtype) == text


def test_types_print_dtype_and_shape():
    assert str(ArrayType((2, 3), np.dtype("float32"))) == "f32[2,3]"
    assert str(ArrayType((), np.dtype("int64"))) == "i64[]"
    assert repr(ArrayType((), np.dtype("float64"), True)) == "ArrayType(f64[], weak)"


def test_types_are_values():
    one, same = ArrayType((2,), np.dtype("float64")), ArrayType((2,), np.dtype("float64"))
    assert one == same and hash(one) == hash(same)
    assert one != ArrayType((2,), np.dtype("float64"), True)
    assert one != ArrayType((3,), np.dtype("float64"))
    assert one != "f64[2]"


def test_size_and_rank():
    type_ = ArrayType((2, 0, 3), np.dtype("float64"))
    assert (type_.size, type_.ndim) == (0, 3)
    assert ArrayType((), np.dtype("float64")).size == 1


@pytest.mark.parametrize(
    "value, text, weak",
    [
        (np.zeros((2, 3), np.float32), "f32[2,3]", False),
        (np.float32(1), "f32[]", False),
        (np.bool_(True), "bool[]", False),
        (1.0, "f64[]", True),
        (1, "i64[]", True),
        (1j, "c128[]", True),
        (True, "bool[]", False),
        (2**63, "u64[]", True),
    ],
)
def test_type_of(value, text, weak):
    type_ = type_of(value)
    assert (str(type_), type_.weak) == (text, weak)


@pytest.mark.parametrize("value", [[1.0], "text", None, np.array(["a"]), np.array([None]), object()])
def test_what_is_no_array_has_no_type(value):
    with pytest.raises(TypeError):
        type_of(value)


def test_strong_drops_weakness_only():
    weak = type_of(1.0)
    assert weak.strong() == type_of(np.float64(1)) and not weak.strong().weak


def test_default_float_is_configurable():
    assert default_float() == np.float64 and default_complex() == np.complex128
    with config(default_float="float32"):
        assert default_float() == np.float32 and default_complex() == np.complex64
        assert str(type_of(1.0)) == "f32[]" and str(type_of(1j)) == "c64[]"


@pytest.mark.parametrize("first, second", list(itertools.combinations_with_replacement(DTYPES, 2)))
def test_strong_dtypes_promote_as_numpy(first, second):
    dtype, weak = promote(ArrayType((), np.dtype(first)), ArrayType((3,), np.dtype(second)))
    assert (dtype, weak) == (np.result_type(first, second), False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", SCALARS)
def test_python_scalars_give_way_as_in_numpy(dtype, scalar):
    result = promote(ArrayType((2,), np.dtype(dtype)), type_of(scalar))
    assert result == ((np.zeros(2, dtype) + scalar).dtype, False)


@pytest.mark.parametrize("first, second", list(itertools.product([2, 2.5, 1j], repeat=2)))
def test_python_scalars_together_stay_weak(first, second):
    dtype, weak = promote(type_of(first), type_of(second))
    assert weak and dtype == np.asarray(first + second).dtype


def test_shapes_broadcast_as_in_numpy():
    assert broadcast_shapes((2, 1), (3,), ()) == (2, 3)
    with pytest.raises(ValueError):
        broadcast_shapes((2,), (3,))
