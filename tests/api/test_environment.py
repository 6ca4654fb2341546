"""Debugging contexts and the trivial questions about devices. Relies on vgrad.api.environment."""

import numpy as np
import pytest

import vgrad
from vgrad import config, debug_nans, device_get, device_put, disable_jit, grad, jit


def test_contexts_set_and_restore():
    with disable_jit():
        assert config.disable_jit
        with disable_jit(False):
            assert not config.disable_jit
    with debug_nans():
        assert config.debug_nans
    assert not config.disable_jit and not config.debug_nans


def test_debug_nans_stops_at_the_first():
    with debug_nans(), pytest.raises(FloatingPointError, match="invalid value"):
        jit(lambda x: np.log(x) * 2)(-1.0)
    assert np.isnan(grad(np.log)(np.nan))


def test_one_device():
    assert vgrad.default_backend() == "cpu"
    assert len(vgrad.devices()) == vgrad.device_count() == vgrad.local_device_count() == 1


def test_arrays_stay_arrays():
    value = {"a": np.ones(2), "b": (3.0,)}
    for function in (device_put, device_get):
        moved = function(value)
        assert isinstance(moved["a"], np.ndarray) and isinstance(moved["b"][0], np.ndarray) and moved["b"][0] == 3
    assert vgrad.block_until_ready(value) is value
    assert jit(lambda x: vgrad.device_put(x) * 2)(2.0) == 4.0
