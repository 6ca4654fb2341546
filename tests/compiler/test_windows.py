"""Products of windows: any layout, stride, dilation and grouping gives what eager evaluation gives, without windows."""

import numpy as np
import pytest

from vgrad import debug, grad, jit, lax, make_jaxpr, vmap
from vgrad.compiler import gathering
from vgrad.compiler.arrays import Array, Buffer
from vgrad.compiler.assemble import plan_program
from vgrad.compiler.programs import opened

RNG = np.random.default_rng(0)
NHWC, NCHW, MIXED = ("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW"), ("NCHW", "HWIO", "NHWC")

# name: (input without its batch, kernel, dimension numbers, arguments)
CASES = {
    "channels last": ((9, 10, 6), (3, 3, 6, 8), NHWC, {}),
    "channels first": ((6, 9, 10), (8, 6, 3, 3), NCHW, {}),
    "mixed": ((6, 9, 10), (3, 3, 6, 8), MIXED, {}),
    "padded": ((9, 10, 6), (3, 3, 6, 8), NHWC, {"padding": "SAME"}),
    "padded, channels first": ((6, 9, 10), (8, 6, 3, 3), NCHW, {"padding": "SAME"}),
    "padded unevenly": ((9, 10, 6), (3, 2, 6, 8), NHWC, {"padding": [(0, 3), (2, 1)]}),
    "cut at the edges": ((9, 10, 6), (3, 3, 6, 8), NHWC, {"padding": [(-1, 0), (2, -2)]}),
    "one channel": ((12, 12, 1), (5, 5, 1, 7), NHWC, {"window_strides": (2, 2)}),
    "one output channel": ((12, 12, 4), (5, 5, 4, 1), NHWC, {}),
    "strided": ((11, 12, 4), (4, 3, 4, 8), NHWC, {"window_strides": (2, 3), "padding": "SAME"}),
    "strided, channels first": ((4, 11, 12), (8, 4, 4, 3), NCHW, {"window_strides": (2, 3)}),
    "spread kernel": ((13, 12, 4), (3, 3, 4, 8), NHWC, {"rhs_dilation": (2, 3), "padding": "SAME"}),
    "spread input": ((5, 6, 4), (3, 3, 4, 8), NHWC, {"lhs_dilation": (2, 2), "padding": [(2, 2), (1, 3)]}),
    "groups": ((9, 9, 8), (3, 3, 4, 12), NHWC, {"feature_group_count": 2}),
    "depthwise": ((9, 9, 6), (3, 3, 1, 12), NHWC, {"feature_group_count": 6, "padding": "SAME"}),
    "kernel as large as the input": ((5, 5, 4), (5, 5, 4, 8), NHWC, {}),
    "kernel of one": ((5, 5, 4), (1, 1, 4, 8), NHWC, {}),
    "one axis": ((40, 3), (5, 3, 8), ("NTC", "TIO", "NTC"), {"padding": "SAME"}),
    "one axis, channels first": ((3, 40), (8, 3, 5), ("NCT", "OIT", "NCT"), {"window_strides": (3,)}),
    "three axes": ((6, 7, 5, 2), (3, 2, 3, 2, 6), ("NDHWC", "DHWIO", "NDHWC"), {"padding": "SAME"}),
    "three axes, channels first": ((2, 6, 7, 5), (6, 2, 3, 2, 3), ("NCDHW", "OIDHW", "NCDHW"), {}),
}  # fmt: skip


def made(case, batch, dtype):
    """(one convolution of the case, summed with weights; kernel; inputs)."""
    shape, kernel, numbers, given = CASES[case]
    given = {"window_strides": (1,) * (len(shape) - 1), "padding": "VALID", **given}
    k = RNG.standard_normal(kernel).astype(dtype)
    x = RNG.standard_normal((batch, *shape)).astype(dtype)

    def convolved(k, x):
        return np.sin(lax.conv_general_dilated(x, k, dimension_numbers=numbers, **given))

    return convolved, k, x


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch, dtype", [(3, "float64"), (1, "float64"), (5, "float32")])
def test_gradients_of_a_batch_are_those_of_eager_evaluation(case, batch, dtype):
    convolved, k, x = made(case, batch, dtype)
    gradients = grad(lambda k, x: np.sum(convolved(k, x) ** 2), (0, 1))
    for found, expected in zip(jit(gradients)(k, x), gradients(k, x)):
        scale = np.max(np.abs(expected))
        np.testing.assert_allclose(found, expected, rtol=0, atol=(1e-12 if dtype == "float64" else 1e-4) * scale)
    np.testing.assert_allclose(jit(convolved)(k, x), convolved(k, x), atol=1e-12 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("case", CASES)
def test_per_example_gradients_and_their_norms(case):
    convolved, k, x = made(case, 4, "float64")
    gradients = vmap(grad(lambda k, x: np.sum(convolved(k, x[None]) ** 2)), (None, 0))
    expected = gradients(k, x)
    np.testing.assert_allclose(jit(gradients)(k, x), expected, rtol=1e-10, atol=1e-11 * np.max(np.abs(expected)))
    norms = jit(lambda k, x: np.sqrt(np.sum(gradients(k, x).reshape(len(x), -1) ** 2, axis=1)))
    np.testing.assert_allclose(norms(k, x), np.linalg.norm(expected.reshape(4, -1), axis=1), rtol=1e-10)


@pytest.mark.parametrize("case", ["padded", "channels first", "one channel", "strided", "three axes", "one axis"])
def test_the_windows_are_never_all_in_memory(case):
    convolved, k, x = made(case, 4000, "float32")
    shape, kernel, _, _ = CASES[case]
    features = kernel[0] if case == "channels first" else kernel[-1]
    bytes_of_windows = 4 * jit(convolved)(k, x).size // features * k.size // features
    program = opened(make_jaxpr(grad(lambda k, x: np.sum(convolved(k, x))))(k, x))
    _, block, _, _ = plan_program(program, threads=2)
    assert "windows gathered" in str(debug.explain(convolved)(k, x))
    assert block.bytes < 2e6 < bytes_of_windows


def test_blocks_of_lines_need_not_divide_the_lines(monkeypatch):
    monkeypatch.setattr(gathering, "SCRATCH", 2000)
    monkeypatch.setattr(gathering, "LEAST", 1)
    for case in ("padded", "channels first", "strided", "three axes", "one axis, channels first", "groups"):
        convolved, k, x = made(case, 3, "float64")
        gradients = grad(lambda k, x: np.sum(convolved(k, x) ** 2), (0, 1))
        for found, expected in zip(jit(gradients)(k, x), gradients(k, x)):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


def batch_groups(k, x):
    return lax.conv_general_dilated(x, k, (1, 2), "SAME", dimension_numbers=NHWC, batch_group_count=2)


def transposed(k, x):
    return lax.conv_transpose(x, k, (2, 3), "SAME")


def patches(k, x):
    seen = lax.conv_general_dilated_patches(x, (3, 3), (1, 1), "SAME", dimension_numbers=NHWC)
    return seen @ np.moveaxis(k, 2, 0).reshape(-1, k.shape[-1])


def reversed_and_broadcast(k, x):
    x = np.broadcast_to(x[:1, ::-1], x.shape)
    return lax.conv_general_dilated(x, k[:, ::-1], (1, 1), "VALID", dimension_numbers=NHWC)


def of_itself(k, x):
    return lax.conv_general_dilated(x, x[:3, :3, :4, :4], (1, 1), "SAME", dimension_numbers=NHWC) + k[0, 0, 0, 0]


@pytest.mark.parametrize("convolved", [batch_groups, transposed, patches, reversed_and_broadcast, of_itself])
def test_other_convolutions(convolved):
    k, x = RNG.standard_normal((3, 3, 4, 6)), RNG.standard_normal((4, 7, 8, 4))
    gradients = grad(lambda k, x: np.sum(np.sin(convolved(k, x))), (0, 1))
    for found, expected in zip(jit(gradients)(k, x), gradients(k, x)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_windows(dtype):
    x = (RNG.standard_normal((2, 8, 8, 3)) + 1j * RNG.standard_normal((2, 8, 8, 3))).astype(dtype)
    k = (RNG.standard_normal((3, 3, 3, 5)) + 1j * RNG.standard_normal((3, 3, 3, 5))).astype(dtype)

    def convolved(x, k):
        return lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=NHWC)

    tolerance = 1e-4 if dtype == "complex64" else 1e-12
    np.testing.assert_allclose(jit(convolved)(x, k), convolved(x, k), atol=tolerance)


def test_nan_and_inf_stay_in_the_windows_that_see_them():
    convolved, k, x = made("padded", 3, "float64")
    x[1, 4, 4, 2], x[2, 0, 0, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isfinite(jit(convolved)(k, x)), np.isfinite(convolved(k, x)))


def test_what_overlaps():
    buffer = Buffer("arena", np.dtype("float32"), 100)
    assert gathering.overlaps(Array(buffer, (9, 3), (1, 1)))
    assert not gathering.overlaps(Array(buffer, (9, 3), (3, 1)))
    assert not gathering.overlaps(Array(buffer, (9, 3), (0, 1)))  # a broadcast: BLAS or a copy reads it


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("size", [(2, 2), (3, 2), (5, 5)])
def test_pooling_and_its_gradient(size, strides):
    x = RNG.integers(0, 4, (3, 11, 12, 5)).astype(float)  # with ties

    def pooled(x):
        return lax.reduce_window(x, -np.inf, lax.max, (1, *size, 1), (1, *strides, 1), "SAME")

    def averaged(x):
        return lax.reduce_window(x, 0.0, lax.add, (1, *size, 1), (1, *strides, 1), "SAME")

    for function in (pooled, averaged):
        gradients = grad(lambda x: np.sum(np.sin(function(x))))
        np.testing.assert_allclose(jit(function)(x), function(x))
        np.testing.assert_allclose(jit(gradients)(x), gradients(x))
        np.testing.assert_allclose(jit(vmap(gradients))(x[:, None]), gradients(x)[:, None])


@pytest.mark.parametrize("size", [5, 20])
@pytest.mark.parametrize("extremum, start", [(lax.max, -np.inf), (lax.min, np.inf)])
def test_no_window_fits(size, extremum, start):
    def pooled(x):
        return lax.reduce_window(x, start, extremum, (1, size, 1), (1, 2, 1), "VALID")

    x = RNG.standard_normal((2, 2, 5))
    assert pooled(x).shape == jit(pooled)(x).shape == (2, 0, 5)
    np.testing.assert_array_equal(jit(grad(lambda x: np.sum(pooled(x))))(x), 0)
