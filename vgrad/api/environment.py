"""Debugging contexts, and JAX's questions about devices, which are trivial here.

Relies on config.
"""

import numpy as np

from vgrad import tree
from vgrad.config import config
from vgrad.core.interpreter import Tracer


def disable_jit(disable=True):
    """A context in which jit, scan, cond and while_loop run as plain Python: for debugging."""
    return config(disable_jit=disable)


def debug_nans(enable=True):
    """A context in which the first operation that gives a NaN raises FloatingPointError, with its name and types."""
    return config(debug_nans=enable)


def block_until_ready(pytree):
    """The tree itself: results are ready when a function returns. Here so that JAX code runs."""
    return pytree


def device_get(pytree):
    """The tree with NumPy arrays as leaves."""
    return tree.map(lambda leaf: leaf if isinstance(leaf, Tracer) else np.asarray(leaf), pytree)


def device_put(pytree, device=None):
    """The tree with NumPy arrays as leaves: there is one device, the CPU."""
    return device_get(pytree)


def default_backend():
    return "cpu"


def devices(backend=None):
    return ["cpu:0"]


def device_count(backend=None):
    return 1


local_device_count = device_count
