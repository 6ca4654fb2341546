"""The machine's balance of arithmetic and memory: measured once, kept, and set by hand."""

import numpy as np
import pytest

from vgrad import debug, grad, vmap
from vgrad.compiler import build, cache, machine
from vgrad.config import config


def test_what_is_measured_is_a_power_of_two_within_bounds():
    found = machine.measured()
    assert machine.LEAST <= found <= machine.MOST and found & (found - 1) == 0
    assert machine.product_rate() > 1e8 and machine.copy_rate() > 1e8


def test_it_is_measured_once_and_kept(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(machine, "measured", lambda: calls.append(1) or 16)
    with config(cache_dir=str(tmp_path), flops_per_byte=0):
        for _ in range(2):
            machine.kept.cache_clear()
            assert machine.flops_per_byte() == 16
        assert calls == [1] and cache.load(build.key_of("flops per byte")) == b"16"
    machine.kept.cache_clear()


def test_the_setting_decides():
    with config(flops_per_byte=3):
        assert machine.flops_per_byte() == 3
    with pytest.raises(ValueError, match="flops_per_byte must be an integer"):
        config.flops_per_byte = -1


def test_plans_go_by_it():
    def norms(w, x):
        grads = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w))), (None, 0))(w, x)
        return np.sum(grads**2, axis=(1, 2))

    decisions = []
    for balance in (1, 64):
        with config(flops_per_byte=balance):
            plan = str(debug.explain(norms)(np.ones((96, 96)), np.ones((64, 56, 96))))
        decisions.append("stays a contraction" in plan)
    assert decisions == [False, True]
