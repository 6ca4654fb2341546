"""HIPS autograd: gradients of the mean loss; it has no vmap."""

import importlib.metadata
import types

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp
from autograd.tracer import getval

from implementations import mean_loss


def spread_back(output, x, indices, axis):
    """autograd lacks this rule; one index a row is enough here."""

    def back(cotangent):
        spread = np.zeros_like(x)
        np.put_along_axis(spread, indices, cotangent, axis)
        return spread

    return back


defvjp(anp.take_along_axis, spread_back, argnums=(0,))


def version():
    return importlib.metadata.version("autograd")


def prepare(array, threads):
    return array


def program(case, mode):
    if mode != "plain":
        raise NotImplementedError("autograd has no vmap")
    lax = types.SimpleNamespace(stop_gradient=getval)  # it has no convolution and no loop
    return autograd.grad(mean_loss(anp, lambda weights, *data: case.loss(anp, lax, weights, *data)))


def compiled(function):
    return function


def wait(result):
    return result


numpy_array = np.asarray
product = np.matmul
