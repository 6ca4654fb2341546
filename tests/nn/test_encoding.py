"""one_hot: values, dtypes, axes, mapped axes."""

import numpy as np
import pytest

from vgrad import grad, jit, nn, vmap


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_one_hot(dtype):
    indices = np.array([[0, 2], [1, 7]], dtype)
    rows = np.array([[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 0]]])
    for axis, wanted in [(-1, rows), (2, rows), (0, np.moveaxis(rows, 2, 0)), (-2, np.moveaxis(rows, 2, 1))]:
        for got in (nn.one_hot(indices, 3, axis=axis), jit(lambda i: nn.one_hot(i, 3, axis=axis))(indices)):
            assert got.dtype == np.float64
            np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(vmap(lambda i: nn.one_hot(i, 3))(indices), rows)
    for asked in (np.float32, np.int32, bool):
        assert nn.one_hot(indices, 3, dtype=asked).dtype == asked


def test_one_hot_of_scalars_and_negative_indices():
    np.testing.assert_array_equal(nn.one_hot(1, 3), [0, 1, 0])
    np.testing.assert_array_equal(nn.one_hot([-1, 0], 2), [[0, 0], [1, 0]])
    assert nn.one_hot(np.zeros(4, int), 0).shape == (4, 0)
    np.testing.assert_array_equal(grad(lambda w: np.sum(nn.one_hot([0, 2], 3) @ w))(np.ones(3)), [1, 0, 1])


def test_one_hot_along_a_mapped_axis():
    indices = np.array([0, 2, 1])

    def own_elements(example, size):
        return nn.one_hot(indices, size, axis="classes")

    got = vmap(lambda example: own_elements(example, 3), axis_name="classes")(np.arange(3))
    np.testing.assert_array_equal(got, nn.one_hot(indices, 3, axis=0))
    with pytest.raises(ValueError, match="size of the mapped axis 'classes', got 4 and 3"):
        vmap(lambda example: own_elements(example, 4), axis_name="classes")(np.arange(3))
