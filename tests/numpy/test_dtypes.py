"""dtypes: promotion is NumPy's, for traced arrays and Python scalars too."""

import itertools

import numpy as np
import pytest

import vgrad.numpy as vnp
from vgrad import config, jit

DTYPES = ("bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128")
SCALARS = (True, 2, 2.0, 2j)


@pytest.mark.parametrize("first, second", list(itertools.combinations_with_replacement(DTYPES, 2)))
def test_result_types_of_two_dtypes_are_numpys(first, second):
    expected = np.result_type(first, second)
    assert vnp.result_type(first, second) == vnp.promote_types(first, second) == expected
    assert vnp.result_type(np.ones(2, first), np.dtype(second)) == expected


@pytest.mark.parametrize("dtype, scalar", list(itertools.product(DTYPES, SCALARS)))
def test_python_scalars_are_weak(dtype, scalar):
    expected = np.result_type(np.zeros(2, dtype), scalar)
    assert vnp.result_type(np.zeros(2, dtype), scalar) == expected
    seen = []
    jit(lambda x, y: seen.append((np.result_type(x, y), np.result_type(x, scalar))) or x)(np.zeros(2, dtype), scalar)
    assert seen == [(expected, expected)]


def test_scalars_alone_have_their_own_dtypes():
    assert [vnp.result_type(scalar) for scalar in SCALARS] == [np.bool_, np.int64, np.float64, np.complex128]
    with config(default_float="float32"):
        assert vnp.result_type(2.0) == vnp.result_type(float) == vnp.result_type(np.ones(2, int), 1.5) == np.float32
    with pytest.raises(ValueError, match="at least one"):
        vnp.result_type()


def test_questions_about_traced_arrays():
    def check(x, z):
        assert vnp.iscomplexobj(z) and not np.iscomplexobj(x) and vnp.isrealobj(x) and not np.isrealobj(z)
        assert vnp.isscalar(z) and not vnp.isscalar(x)
        assert np.can_cast(x, np.float64) and not vnp.can_cast(x, np.int32)
        assert np.issubdtype(x.dtype, vnp.floating) and vnp.isdtype(x.dtype, "real floating")
        assert vnp.finfo(x.dtype).bits == 32
        return x

    jit(check)(np.ones(2, np.float32), 1j)
    assert vnp.iscomplexobj([1j]) and vnp.isrealobj(2.0) and vnp.isscalar(2.0) and not vnp.isscalar([2.0])


def test_names_are_numpys():
    for name in (
        "float32",
        "int64",
        "bool_",
        "complex128",
        "inexact",
        "pi",
        "e",
        "inf",
        "euler_gamma",
        "newaxis",
        "ndarray",
    ):
        assert getattr(vnp, name) is getattr(np, name)
