"""Functions that other processes import by name. Relies on vgrad.api and vgrad.numpy."""

import functools

import numpy as np

from vgrad import grad, jit


@jit
def loss(weights, inputs):
    """A product, a reduction and elementwise work."""
    return np.sum(np.tanh(inputs @ weights) ** 2)


@functools.partial(jit, static_argnums=1)
def power(x, exponent):
    return x**exponent


def plain_power(x, exponent):
    return x**exponent + 1


plain_power_jitted = jit(plain_power, static_argnums=1)


class Scale:
    def __init__(self, factor):
        self.factor = factor

    @functools.partial(jit, static_argnums=0)
    def apply(self, x):
        return self.factor * np.sin(x)


def gradient(data):
    """For a pool: the gradient of `loss` at (weights, inputs)."""
    return jit(grad(loss))(*data)
