"""Every workload: its loss jitted by vgrad is that of eager NumPy in float64, for one example and for a batch."""

import numpy as np
import pytest
from cases import GRADIENTS, NAMES, load

import vgrad

FAST = [name for name in NAMES if name != "wide_mlp"]  # the same code as mlp, on 25 million weights


def in_float64(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("name", FAST)
def test_loss_under_jit_is_numpys_in_float64(name):
    case = load(name)
    weights, data = case.weights(), case.data(5)
    compiled = vgrad.jit(lambda weights, *data: case.loss(np, vgrad.lax, weights, *data))
    exact = {key: in_float64(array) for key, array in weights.items()}
    expected = case.loss(np, vgrad.lax, exact, *map(in_float64, data))
    losses = compiled(weights, *data)
    assert losses.dtype == np.float32 and losses.shape == expected.shape and len(losses) == 5
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-4)
    of_one = case.loss(np, vgrad.lax, exact, *(in_float64(array)[2] for array in data))
    np.testing.assert_allclose(of_one, expected[2], rtol=1e-6)


@pytest.mark.parametrize("name", FAST)
def test_weights_and_data_are_the_same_each_time_and_single_precision(name):
    case = load(name)
    for first, second in zip(
        [*case.weights().values(), *case.data(3)], [*case.weights().values(), *case.data(3)], strict=True
    ):
        np.testing.assert_array_equal(first, second)
        assert first.dtype in (np.float32, np.int32)
    assert all(len(array) == 3 for array in case.data(3))


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_says_what_to_run(name):
    case = load(name)
    assert case.BATCHES == tuple(sorted(case.BATCHES)) and case.MODES
    assert case.MODES != GRADIENTS or case.CLIP > 0
    assert all(case.flops(64, mode) is None or case.flops(64, mode) > 0 for mode in case.MODES)
