"""Optimisers with optax's names: functions of gradients that keep a state, and learning rates that change over time.

Relies on tree and NumPy. Parameters, gradients and states are pytrees, and nothing is changed in place, so that a step
can be jitted, be the body of a scan, and be differentiated.

    import numpy as np
    from vgrad import grad, jit, optim

    def loss(params, x, y):
        return np.mean((x @ params["w"] + params["b"] - y) ** 2)

    optimizer = optim.adam(optim.cosine_decay_schedule(0.1, 200))

    @jit
    def step(params, state, x, y):
        updates, state = optimizer.update(grad(loss)(params, x, y), state, params)
        return optim.apply_updates(params, updates), state

    x = np.linspace(-1, 1, 60).reshape(20, 3)
    y = x @ np.array([1.0, 2.0, 3.0]) + 4
    params = {"w": np.zeros(3), "b": 0.0}
    state = optimizer.init(params)
    for _ in range(200):
        params, state = step(params, state, x, y)
    assert loss(params, x, y) < 1e-3
"""

from vgrad.optim.schedules import *  # noqa: F403
from vgrad.optim.transformations import *  # noqa: F403
