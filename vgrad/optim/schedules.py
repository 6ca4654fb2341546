"""Schedules: functions from the number of steps made before, a whole number or an array of one, to a learning rate.

Names and arguments are optax's. Steps may be traced; after their last step schedules stay where they are.
Errors: ValueError for numbers of steps that are not positive.
"""

import numpy as np

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "exponential_decay",
    "join_schedules",
    "linear_schedule",
    "piecewise_constant_schedule",
    "warmup_cosine_decay_schedule",
]


def constant_schedule(value):
    """Always the value."""
    return lambda step: value


def linear_schedule(init_value, end_value, transition_steps, transition_begin=0):
    """From init_value, in `transition_steps` equal steps that begin at step `transition_begin`, to end_value."""
    check_steps("linear_schedule", "transition_steps", transition_steps)

    def schedule(step):
        done = np.minimum(since(transition_begin, step), transition_steps) / transition_steps
        return init_value + (end_value - init_value) * done

    return schedule


def cosine_decay_schedule(init_value, decay_steps, alpha=0.0, exponent=1.0):
    """From init_value at step 0 to alpha * init_value at step `decay_steps`, along half a period of a cosine.

    exponent    of the cosine, which goes from 1 to 0
    Source: Loshchilov and Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017, arXiv:1608.03983.
    """
    check_steps("cosine_decay_schedule", "decay_steps", decay_steps)

    def schedule(step):
        done = np.minimum(step, decay_steps) / decay_steps
        return init_value * (alpha + (1 - alpha) * ((1 + np.cos(np.pi * done)) / 2) ** exponent)

    return schedule


def warmup_cosine_decay_schedule(init_value, peak_value, warmup_steps, decay_steps, end_value=0.0, exponent=1.0):
    """Linear from init_value to peak_value at step `warmup_steps`, then a cosine to end_value at step `decay_steps`.

    Errors: ValueError unless 0 < warmup_steps < decay_steps, which counts the steps of the warm-up too, and where
            peak_value is 0.
    """
    check_steps("warmup_cosine_decay_schedule", "warmup_steps", warmup_steps)
    if not decay_steps > warmup_steps:
        raise ValueError(
            f"warmup_cosine_decay_schedule: decay_steps counts all steps, also those of the warm-up: "
            f"{decay_steps} must be more than {warmup_steps}."
        )
    if peak_value == 0:
        raise ValueError("warmup_cosine_decay_schedule: peak_value must not be 0.")
    warmup = linear_schedule(init_value, peak_value, warmup_steps)
    decay = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, end_value / peak_value, exponent)
    return join_schedules([warmup, decay], [warmup_steps])


def exponential_decay(init_value, transition_steps, decay_rate, transition_begin=0, staircase=False, end_value=None):
    """init_value * decay_rate ** (steps / transition_steps), of the steps since `transition_begin`.

    staircase   the exponent is rounded down: the value changes at multiples of transition_steps only
    end_value   the value goes no further than this: a lower bound where decay_rate < 1, an upper one otherwise
    Errors:     ValueError where decay_rate is not positive.
    """
    check_steps("exponential_decay", "transition_steps", transition_steps)
    if not decay_rate > 0:
        raise ValueError(f"exponential_decay: decay_rate must be positive, got {decay_rate}.")
    bound = np.maximum if decay_rate < 1 else np.minimum

    def schedule(step):
        exponent = since(transition_begin, step) / transition_steps
        value = init_value * np.power(decay_rate, np.floor(exponent) if staircase else exponent)
        return value if end_value is None else bound(value, end_value)

    return schedule


def piecewise_constant_schedule(init_value, boundaries_and_scales=None):
    """init_value, times the scale of each boundary from that step on.

    boundaries_and_scales   dict of steps and factors: {100: 0.1, 200: 0.1} gives 1, 0.1 and 0.01 times init_value
    """
    scales = dict(boundaries_and_scales or {})

    def schedule(step):
        value = init_value
        for boundary, scale in scales.items():
            value = value * np.where(step < boundary, 1.0, scale)
        return value

    return schedule


def join_schedules(schedules, boundaries):
    """One schedule after the other: the next begins, at its own step 0, at each boundary.

    Errors: ValueError unless there is one boundary less than schedules and they increase.
    """
    schedules, boundaries = list(schedules), list(boundaries)
    if len(boundaries) != len(schedules) - 1 or boundaries != sorted(set(boundaries)):
        raise ValueError(
            f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} increasing boundaries, "
            f"got {boundaries}."
        )

    def joined(step):
        value = schedules[0](step)
        for schedule, boundary in zip(schedules[1:], boundaries):
            value = np.where(step < boundary, value, schedule(since(boundary, step)))
        return value

    return joined


def since(begin, step):
    """How many steps after `begin` a step is, none before it."""
    return np.maximum(step, begin) - begin


def check_steps(name, what, steps):
    if not steps > 0:
        raise ValueError(f"{name}: {what} must be positive, got {steps}.")
