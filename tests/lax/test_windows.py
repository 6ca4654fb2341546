import itertools

import numpy as np
import pytest

import vgrad.numpy as vnp
from vgrad import grad, jit, jvp, lax, vjp, vmap
from vgrad.errors import ShapeError
from vgrad.testing import check_grads

IMAGES = np.cos(np.arange(2 * 7 * 6 * 3.0)).reshape(2, 7, 6, 3)
KERNEL = np.sin(np.arange(3 * 2 * 3 * 4.0)).reshape(3, 2, 3, 4)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def pads(padding, lengths, sizes, strides):
    return lax.padtype_to_pads(lengths, sizes, strides, padding) if isinstance(padding, str) else padding


def spaced(x, dilation, axis):
    """The array with dilation - 1 zeros between neighbours."""
    if dilation == 1:
        return x
    shape = list(x.shape)
    shape[axis] = (shape[axis] - 1) * dilation + 1
    result = np.zeros(shape)
    result[(slice(None),) * axis + (slice(None, None, dilation),)] = x
    return result


def convolve(x, w, strides, padding, lhs_dilation=(1, 1), rhs_dilation=(1, 1)):
    """NHWC by loops over output places."""
    for axis in (0, 1):
        x, w = spaced(x, lhs_dilation[axis], axis + 1), spaced(w, rhs_dilation[axis], axis)
    (top, bottom), (left, right) = pads(padding, x.shape[1:3], w.shape[:2], strides)
    x = np.pad(x, ((0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)))
    x = x[:, max(-top, 0) : x.shape[1] - max(-bottom, 0), max(-left, 0) : x.shape[2] - max(-right, 0)]
    rows = range(0, x.shape[1] - w.shape[0] + 1, strides[0])
    columns = range(0, x.shape[2] - w.shape[1] + 1, strides[1])
    result = np.zeros((x.shape[0], len(rows), len(columns), w.shape[3]))
    for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns)):
        result[:, i, j] = np.tensordot(x[:, row : row + w.shape[0], column : column + w.shape[1]], w, 3)
    return result


@pytest.mark.parametrize("rhs_dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize(
    ("padding", "lhs_dilation"),
    [
        ("SAME", (1, 1)),
        ("SAME_LOWER", (1, 1)),
        ("VALID", (1, 1)),
        ([(1, 2), (0, 3)], (1, 1)),
        ([(1, 2), (0, 3)], (2, 1)),
        ([(-1, 2), (1, -1)], (2, 3)),
    ],
)
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_convolution_is_a_loop(strides, padding, lhs_dilation, rhs_dilation):
    def convolved(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, lhs_dilation, rhs_dilation, LAYOUT)

    wanted = convolve(IMAGES, KERNEL, strides, padding, lhs_dilation, rhs_dilation)
    np.testing.assert_allclose(convolved(IMAGES, KERNEL), wanted, atol=1e-12)
    np.testing.assert_allclose(jit(convolved)(IMAGES, KERNEL), wanted, atol=1e-12)
    batched = vmap(convolved)(np.stack([IMAGES, -IMAGES]), np.stack([KERNEL, 2 * KERNEL]))
    np.testing.assert_allclose(batched[1], -2 * wanted, atol=1e-12)
    check_grads(convolved, (IMAGES, KERNEL), order=1)


def test_layouts():
    wanted = lax.conv_general_dilated(IMAGES, KERNEL, (1, 2), "SAME", dimension_numbers=LAYOUT)
    for layout in (("NCHW", "OIHW", "NCHW"), ("CHWN", "IHWO", "HWNC"), ("NWHC", "WHIO", "NHCW")):
        strides = tuple([{"H": 1, "W": 2}[name] for name in layout[1] if name in "HW"])
        arrays = [
            np.transpose(array, [own.index(name) for name in spec])
            for array, own, spec in zip((IMAGES, KERNEL), LAYOUT, layout)
        ]
        got = lax.conv_general_dilated(*arrays, strides, "SAME", dimension_numbers=layout)
        got = np.transpose(got, [layout[2].index(name) for name in "NHWC"])
        np.testing.assert_allclose(got, wanted, atol=1e-12)
        numbers = lax.conv_dimension_numbers(arrays[0].shape, arrays[1].shape, layout)
        again = lax.conv_general_dilated(*arrays, strides, "SAME", dimension_numbers=numbers)
        np.testing.assert_allclose(np.transpose(again, [layout[2].index(name) for name in "NHWC"]), wanted, atol=1e-12)
    x, w = np.moveaxis(IMAGES, 3, 1), np.transpose(KERNEL, (3, 2, 0, 1))
    np.testing.assert_allclose(np.moveaxis(lax.conv(x, w, (1, 2), "SAME"), 1, 3), wanted, atol=1e-12)
    got = lax.conv_with_general_padding(x, w, (1, 2), [(1, 1), (0, 0)], (1, 1), (1, 1))
    np.testing.assert_allclose(np.moveaxis(got, 1, 3), wanted, atol=1e-12)


def test_any_number_of_spatial_axes():
    x, w = IMAGES[0, :, :, :2], KERNEL[:, 0, :2]
    wanted = lax.conv_general_dilated(x[:, None], w[None], (1, 2), "VALID", dimension_numbers=LAYOUT)
    got = lax.conv_general_dilated(x, w, (2,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))
    np.testing.assert_allclose(got, wanted[:, 0], atol=1e-12)
    np.testing.assert_allclose(lax.conv_general_dilated(x[0], w[0].T, (), "SAME"), x[0] @ w[0], atol=1e-12)
    volume = np.broadcast_to(IMAGES[:, None], (2, 3, 7, 6, 3))
    got = lax.conv_general_dilated(
        volume, KERNEL[None], (2, 1, 1), "VALID", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
    )
    np.testing.assert_allclose(got[:, 1], convolve(IMAGES, KERNEL, (1, 1), "VALID"), atol=1e-12)


def test_groups():
    x, w = np.concatenate([IMAGES, 2 * IMAGES], 3), KERNEL
    got = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT, feature_group_count=2)
    parts = [convolve(x[..., 3 * g : 3 * g + 3], w[..., 2 * g : 2 * g + 2], (1, 1), "SAME") for g in range(2)]
    np.testing.assert_allclose(got, np.concatenate(parts, 3), atol=1e-12)
    x = np.concatenate([IMAGES, IMAGES + 1], 0)
    got = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT, batch_group_count=2)
    parts = [convolve(x[2 * g : 2 * g + 2], w[..., 2 * g : 2 * g + 2], (1, 1), "SAME") for g in range(2)]
    np.testing.assert_allclose(got, np.concatenate(parts, 3), atol=1e-12)
    for groups in ({"feature_group_count": 2}, {"batch_group_count": 2}):
        inputs = np.concatenate([IMAGES[:, :3, :3], IMAGES[:, 2:5, :3]], 3 if "feature_group_count" in groups else 0)
        check_grads(
            lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT, **groups),
            (inputs, w),
            order=1,
        )


@pytest.mark.parametrize("padding", ["SAME", "VALID", [(1, 0), (2, 1)]])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3), (4, 4)])
def test_transposed_convolution_is_the_derivative_of_convolution(strides, padding):
    """With transpose_kernel, up to the size that the strides leave open."""
    y = np.cos(np.arange(2 * 3 * 4 * 4.0)).reshape(2, 3, 4, 4)
    got = lax.conv_transpose(y, KERNEL, strides, padding, transpose_kernel=True, use_consistent_padding=True)

    def forward(x):
        return lax.conv_general_dilated(x, KERNEL, strides, padding, dimension_numbers=LAYOUT)

    _, pull = vjp(forward, np.zeros(got.shape[:3] + (3,)))
    np.testing.assert_allclose(got, pull(y)[0], atol=1e-12)


def test_sizes_of_transposed_convolutions():
    x = np.zeros((1, 5, 5, 3))
    assert lax.conv_transpose(x, KERNEL, (2, 3), "SAME").shape == (1, 10, 15, 4)
    assert lax.conv_transpose(x, KERNEL, (2, 3), "VALID").shape == (1, 11, 15, 4)
    assert lax.conv_transpose(x, KERNEL, (2, 2), "SAME", rhs_dilation=(2, 2)).shape == (1, 10, 10, 4)
    assert lax.conv_transpose(x[0], KERNEL[0], (2,), "SAME").shape == (5, 10, 4)


def test_patches_are_what_a_convolution_sees():
    rows = lax.conv_general_dilated_patches(IMAGES, (3, 2), (1, 2), "SAME", dimension_numbers=LAYOUT)
    flat = np.moveaxis(KERNEL, 2, 0).reshape(18, 4)
    np.testing.assert_allclose(rows @ flat, convolve(IMAGES, KERNEL, (1, 2), "SAME"), atol=1e-12)


def test_convolution_dtypes():
    x, w = IMAGES.astype(np.float32), KERNEL.astype(np.float32)
    assert lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT).dtype == np.float32
    got = lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=LAYOUT, precision="highest", preferred_element_type=np.float64
    )
    assert got.dtype == np.float64


def test_errors_of_convolutions():
    with pytest.raises(ShapeError, match=r"lhs has 2 features in 1 group\(s\) but rhs takes 3: shapes \(2, 7, 6, 2\)"):
        lax.conv_general_dilated(IMAGES[..., :2], KERNEL, (1, 1), "SAME", dimension_numbers=LAYOUT)
    with pytest.raises(ShapeError, match=r"3 groups do not divide the batch \(2\) and the output features \(4\)"):
        lax.conv_general_dilated(
            IMAGES, KERNEL[:, :, :1], (1, 1), "SAME", dimension_numbers=LAYOUT, feature_group_count=3
        )
    with pytest.raises(ShapeError, match=r"ndim to be equal, got shapes \(7, 6, 3\) and \(3, 2, 3, 4\)"):
        lax.conv_general_dilated(IMAGES[0], KERNEL, (1, 1), "SAME")
    with pytest.raises(ShapeError, match=r"window_strides must have one entry for each of 2 axes, got \(1,\)"):
        lax.conv_general_dilated(IMAGES, KERNEL, (1,), "SAME", dimension_numbers=LAYOUT)
    with pytest.raises(ValueError, match="Unknown padding type: 'FULL'"):
        lax.conv_general_dilated(IMAGES, KERNEL, (1, 1), "FULL", dimension_numbers=LAYOUT)
    with pytest.raises(ValueError, match="String padding is not implemented(?s:.)*conv_transpose"):
        lax.conv_general_dilated(IMAGES, KERNEL, (1, 1), "SAME", (2, 1), dimension_numbers=LAYOUT)
    with pytest.raises(ValueError, match="one letter per axis"):
        lax.conv_general_dilated(IMAGES, KERNEL, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHXC"))


# ------------------------------------------------------------------------------------------------------------ pooling

NUMBERS = np.array([[3.0, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9]])
REDUCTIONS = {"add": (np.sum, 0.0), "mul": (np.prod, 1.0), "max": (np.max, -np.inf), "min": (np.min, np.inf)}


def pool(x, function, neutral, sizes, strides, padding, window_dilation=(1, 1), base_dilation=(1, 1)):
    for axis in (0, 1):
        spread = np.full([n + (axis == a) * (n - 1) * (base_dilation[a] - 1) for a, n in enumerate(x.shape)], neutral)
        spread[(slice(None),) * axis + (slice(None, None, base_dilation[axis]),)] = x
        x = spread
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, window_dilation)]
    x = np.pad(x, pads(padding, x.shape, reach, strides), constant_values=neutral)
    rows, columns = [range(0, n - r + 1, s) for n, r, s in zip(x.shape, reach, strides)]
    return np.array(
        [
            [function(x[i : i + reach[0] : window_dilation[0], j : j + reach[1] : window_dilation[1]]) for j in columns]
            for i in rows
        ]
    )


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(
    "settings",
    [
        {"strides": (1, 1), "padding": "VALID"},
        {"strides": (2, 2), "padding": "SAME"},
        {"strides": (1, 2), "padding": "SAME_LOWER", "window_dilation": (2, 1)},
        {"strides": (1, 1), "padding": [(1, 0), (0, 2)], "base_dilation": (2, 3)},
    ],
    ids=str,
)
def test_pooling_is_a_loop(name, settings):
    function, neutral = REDUCTIONS[name]
    wanted = pool(NUMBERS, function, neutral, (2, 3), **settings)

    def pooled(x):
        return lax.reduce_window(
            x,
            neutral,
            getattr(lax, name),
            (2, 3),
            settings["strides"],
            settings["padding"],
            settings.get("base_dilation"),
            settings.get("window_dilation"),
        )

    np.testing.assert_allclose(pooled(NUMBERS), wanted)
    np.testing.assert_allclose(jit(pooled)(NUMBERS), wanted)
    np.testing.assert_allclose(vmap(pooled)(np.stack([NUMBERS, NUMBERS]))[1], wanted)
    distinct = NUMBERS + np.arange(15).reshape(3, 5) / 100
    check_grads(pooled, (distinct,), order=2 if name in ("add", "mul") else 1)


def test_the_derivative_of_a_maximum_goes_to_the_first():
    x = np.array([1.0, 3, 3, 3, 2, 2])
    for operation, neutral, wanted, tangent in [
        (lax.max, -np.inf, [0, 3, 3, 4, 0, 0], [11, 11, 12, 13]),
        (lax.min, np.inf, [1, 2, 0, 0, 7, 0], [10, 11, 14, 14]),
    ]:

        def pooled(x):
            return lax.reduce_window(x, neutral, operation, (3,))

        np.testing.assert_array_equal(vjp(pooled, x)[1](np.arange(4.0) + 1)[0], wanted)
        np.testing.assert_array_equal(jvp(pooled, (x,), (np.arange(6.0) + 10,))[1], tangent)


def test_an_initial_value_counts_once_and_padding_does_not():
    x = np.array([1.0, 3, 3])
    np.testing.assert_array_equal(lax.reduce_window(x, 5.0, lax.add, (3,), (1,), "SAME"), [9, 12, 11])
    np.testing.assert_array_equal(lax.reduce_window(x, 2.0, lax.max, (3,), (1,), "SAME"), [3, 3, 3])
    np.testing.assert_array_equal(lax.reduce_window(x, 2.0, lax.max, (1,)), [2, 3, 3])


def test_any_computation():
    x = np.array([1.0, 2, 3, 4])

    def either(a, b):
        return a + b + a * b

    got = lax.reduce_window(x, 0.0, either, (2,), (1,), [(1, 0)])
    np.testing.assert_allclose(got, [1, 5, 11, 19])
    check_grads(lambda x: lax.reduce_window(x, 0.5, either, (3,), (1,), "SAME"), (x,), order=2)
    np.testing.assert_array_equal(lax.reduce_window(x > 2, False, lax.bitwise_or, (2,)), [False, True, True])
    got = lax.reduce_window(x, -np.inf, lambda a, b: vnp.maximum(a, b), (2,))
    np.testing.assert_array_equal(got, [2, 3, 4])


def test_trees():
    x = np.array([1.0, 5.0, 2.0])
    both = {"value": x, "place": np.arange(3)}

    def later(a, b):
        ahead = a["value"] >= b["value"]
        return {key: vnp.where(ahead, a[key], b[key]) for key in a}

    got = lax.reduce_window(both, {"value": -np.inf, "place": -1}, later, (2,), (1,), "SAME")
    np.testing.assert_array_equal(got["value"], [5, 5, 2])
    np.testing.assert_array_equal(got["place"], [1, 1, 2])


def test_pooling_keeps_dtypes():
    x = np.arange(4, dtype=np.int32)
    assert lax.reduce_window(x, 0, lax.add, (2,)).dtype == np.int32
    got = lax.reduce_window(x, np.iinfo(np.int32).min, lax.max, (2,), (1,), "SAME")
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, [1, 2, 3, 3])


def test_average_pooling_has_a_gradient_per_example():
    def loss(x):
        return (lax.reduce_window(x, 0.0, lax.add, (2, 2), (2, 2), "VALID") ** 2).sum() / 4

    x = np.stack([NUMBERS, NUMBERS[::-1]])
    got = vmap(grad(loss))(x)
    np.testing.assert_allclose(got, [grad(loss)(one) for one in x])


def test_errors_of_pooling():
    with pytest.raises(ShapeError, match=r"window_dimensions must have one entry for each of 2 axes, got \(2,\)"):
        lax.reduce_window(NUMBERS, 0.0, lax.add, (2,))
    with pytest.raises(ShapeError, match=r"operands must have one shape, got \(3, 5\) and \(3,\)"):
        lax.reduce_window((NUMBERS, NUMBERS[:, 0]), (0.0, 0.0), lambda a, b: a, (2, 2))
    with pytest.raises(ShapeError, match="windows of sizes"):
        lax.reduce_window(NUMBERS, 0.0, lax.add, (0, 1))
    with pytest.raises(TypeError, match="2 operands but 1 initial values"):
        lax.reduce_window((NUMBERS, NUMBERS), 0.0, lambda a, b: a, (2, 2))


def test_complex_numbers_have_no_maximum():
    with pytest.raises(TypeError, match="reduce_window: complex128 has no largest"):
        lax.reduce_window(np.ones(4, complex), -np.inf, lax.max, (2,))
