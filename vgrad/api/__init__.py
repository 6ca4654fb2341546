"""The transformations as users call them: pytrees in, pytrees out, with JAX's names, signatures and error texts.

Relies on everything below. Each function flattens, runs one transform, and unflattens.
"""

from vgrad import numpy as numpy  # gives traced arrays NumPy's functions, operators and methods
from vgrad.api.environment import (
    block_until_ready,
    debug_nans,
    default_backend,
    device_count,
    device_get,
    device_put,
    devices,
    disable_jit,
    local_device_count,
)
from vgrad.api.forward import jvp, linear_transpose, linearize
from vgrad.api.jacobians import hessian, jacfwd, jacobian, jacrev
from vgrad.api.reverse import grad, value_and_grad, vjp
from vgrad.api.staging import ShapeDtypeStruct, closure_convert, eval_shape, jit, make_jaxpr
from vgrad.api.vectorize import vmap

__all__ = [
    "ShapeDtypeStruct",
    "block_until_ready",
    "closure_convert",
    "debug_nans",
    "default_backend",
    "device_count",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "eval_shape",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linear_transpose",
    "linearize",
    "local_device_count",
    "make_jaxpr",
    "value_and_grad",
    "vjp",
    "vmap",
]
