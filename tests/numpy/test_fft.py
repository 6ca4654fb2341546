"""vgrad.numpy.fft against numpy.fft, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import jit, vmap
from vgrad.numpy import fft
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
REAL, COMPLEX = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5)) + 1j * rng.normal(size=(3, 4, 5))

ONE_AXIS = [
    (name, keywords)
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    for keywords in (
        {},
        {"n": 3},
        {"n": 8, "axis": 1},
        {"n": 7, "axis": -2, "norm": "ortho"},
        {"axis": 0, "norm": "forward"},
        {"norm": "backward"},
    )
]
SEVERAL_AXES = [
    (name, keywords)
    for name in ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")
    for keywords in (
        {},
        {"s": (3, 6), "axes": (0, 2)},
        {"axes": (1, 0), "norm": "ortho"},
        {"axes": (-1, 0), "norm": "forward"},
        {"s": (2, -1), "axes": (1, 2)},
    )
]
CASES = ONE_AXIS + SEVERAL_AXES


def argument(name):
    return REAL if name in ("rfft", "ihfft", "rfftn", "rfft2") else COMPLEX


def case_id(value):
    return str(value)


@pytest.mark.parametrize("name, keywords", CASES, ids=case_id)
def test_values_and_dtypes_are_numpys(name, keywords):
    x = argument(name)
    wanted = getattr(np.fft, name)(x, **keywords)
    got = getattr(fft, name)(x, **keywords)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name, keywords", CASES, ids=case_id)
def test_gradients_jit_and_vmap(name, keywords):
    def function(x):
        return getattr(fft, name)(x, **keywords)

    x = argument(name)
    check_grads(function, (x,), order=1)
    np.testing.assert_allclose(jit(function)(x), function(x), rtol=1e-12, atol=1e-12)
    rows = np.stack([x, 2 * x, x + 1])
    wanted = np.stack([function(row) for row in rows])
    np.testing.assert_allclose(vmap(function)(rows), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "x", [np.arange(4), np.arange(4) > 1, np.arange(4, dtype=np.float32), [1, 2.0, 3], np.ones(4, np.complex64)]
)
def test_other_dtypes(x):
    for name in ("fft", "irfft", "rfft") if np.asarray(x).dtype.kind != "c" else ("fft", "irfft"):
        got, wanted = getattr(fft, name)(x), getattr(np.fft, name)(x)
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_are_numpys(n):
    np.testing.assert_allclose(fft.fftfreq(n), np.fft.fftfreq(n))
    np.testing.assert_allclose(fft.fftfreq(n, 0.1), np.fft.fftfreq(n, 0.1))
    np.testing.assert_allclose(fft.rfftfreq(n, d=2.0), np.fft.rfftfreq(n, 2.0))
    check_grads(lambda d: fft.fftfreq(n, d), (0.5,), order=1)


@pytest.mark.parametrize("axes", [None, 1, (0, 2), (-1,)])
def test_shifts_are_numpys(axes):
    np.testing.assert_array_equal(fft.fftshift(REAL, axes), np.fft.fftshift(REAL, axes))
    np.testing.assert_array_equal(fft.ifftshift(REAL, axes), np.fft.ifftshift(REAL, axes))
    np.testing.assert_array_equal(fft.ifftshift(fft.fftshift(REAL, axes), axes), REAL)
    check_grads(lambda x: fft.fftshift(x, axes), (REAL,), order=1)


def test_errors():
    with pytest.raises(TypeError, match="rfft is for real operands.* Write fft"):
        fft.rfft(COMPLEX)
    with pytest.raises(ValueError, match="norm must be"):
        fft.fft(REAL, norm="other")
    with pytest.raises(ValueError, match="length along axis 2 must be positive, got 0"):
        fft.fft(REAL, n=0)
    with pytest.raises(ValueError, match=r"s=\(2, 3\) and axes=\(0,\)"):
        fft.fftn(REAL, s=(2, 3), axes=(0,))
    with pytest.raises(np.exceptions.AxisError, match="axis 3 is out of bounds"):
        fft.fft(REAL, axis=3)
    with pytest.raises(TypeError, match="out= is not supported"):
        fft.fft(REAL, out=np.empty(REAL.shape, complex))
