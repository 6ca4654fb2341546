"""Schedules at steps worked out by hand, and the same traced."""

import math

import numpy as np
import pytest

from vgrad import jit, optim

SCHEDULES = {
    "constant": (optim.constant_schedule(0.3), {0: 0.3, 1000: 0.3}),
    "linear": (optim.linear_schedule(1.0, 0.2, 4), {0: 1.0, 1: 0.8, 3: 0.4, 4: 0.2, 9: 0.2}),
    "linear, later": (optim.linear_schedule(1.0, 0.2, 4, 3), {0: 1.0, 3: 1.0, 4: 0.8, 7: 0.2, 9: 0.2}),
    "cosine, squared": (optim.cosine_decay_schedule(2.0, 6, exponent=2), {0: 2.0, 2: 1.125, 3: 0.5, 6: 0.0}),
    "exponential, later": (optim.exponential_decay(1.0, 10, 0.01, 5), {0: 1.0, 5: 1.0, 15: 0.01}),
    "long before it begins": (
        optim.join_schedules([optim.linear_schedule(0.0, 1.0, 2000), optim.exponential_decay(1.0, 1, 0.5)], [2000]),
        {0: 0.0, 1000: 0.5, 2001: 0.5},
    ),
    "cosine": (optim.cosine_decay_schedule(2.0, 6), {0: 2.0, 2: 1.5, 3: 1.0, 4: 0.5, 6: 0.0, 7: 0.0}),
    "cosine to a tenth": (optim.cosine_decay_schedule(2.0, 6, alpha=0.1), {0: 2.0, 3: 1.1, 6: 0.2, 100: 0.2}),
    "warm-up": (
        optim.warmup_cosine_decay_schedule(0.1, 0.5, 4, 10, 0.05),
        {0: 0.1, 2: 0.3, 4: 0.5, 7: 0.275, 10: 0.05, 12: 0.05},
    ),
    "exponential": (
        optim.exponential_decay(1.0, 10, 0.01),
        {0: 1.0, 5: 0.1, 10: 0.01, 20: 1e-4},
    ),
    "staircase": (
        optim.exponential_decay(1.0, 10, 0.5, staircase=True, end_value=0.3),
        {0: 1.0, 9: 1.0, 10: 0.5, 19: 0.5, 20: 0.3},
    ),
    "growing": (optim.exponential_decay(1.0, 1, 2.0, end_value=5.0), {0: 1.0, 2: 4.0, 3: 5.0}),
    "piecewise": (
        optim.piecewise_constant_schedule(1.0, {3: 0.1, 5: 0.5}),
        {0: 1.0, 2: 1.0, 3: 0.1, 4: 0.1, 5: 0.05, 50: 0.05},
    ),
    "joined": (
        optim.join_schedules([optim.constant_schedule(7.0), optim.linear_schedule(0.0, 2.0, 2)], [3]),
        {2: 7.0, 3: 0.0, 4: 1.0, 5: 2.0},
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_values_worked_out_by_hand(name):
    schedule, expected = SCHEDULES[name]
    compiled = jit(lambda step: np.asarray(1.0) * schedule(step))
    for step, value in expected.items():
        assert math.isclose(schedule(step), value, abs_tol=1e-15)
        assert math.isclose(schedule(np.int64(step)), value, abs_tol=1e-15)
        assert math.isclose(compiled(np.int64(step)), value, abs_tol=1e-15)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: optim.linear_schedule(1.0, 0.0, 0), "linear_schedule: transition_steps must be positive, got 0"),
        (lambda: optim.cosine_decay_schedule(1.0, -2), "cosine_decay_schedule: decay_steps must be positive, got -2"),
        (lambda: optim.warmup_cosine_decay_schedule(0.0, 1.0, 9, 5), "5 must be more than 9"),
        (lambda: optim.warmup_cosine_decay_schedule(1.0, 0.0, 2, 5), "peak_value must not be 0"),
        (lambda: optim.exponential_decay(1.0, 5, 0.0), "decay_rate must be positive, got 0.0"),
        (lambda: optim.join_schedules([abs, abs], [1, 2]), r"2 schedules need 1 increasing boundaries, got \[1, 2\]"),
        (lambda: optim.join_schedules([abs] * 3, [5, 3]), r"3 schedules need 2 increasing boundaries, got \[5, 3\]"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
