"""vgrad: transforms ordinary NumPy functions. grad differentiates, vmap batches, jit stages; they compose in any order.

The public surfaces: vgrad.numpy (vgrad.numpy.linalg, .fft), vgrad.lax, vgrad.nn, vgrad.random, vgrad.scipy; pytrees in
vgrad.tree and vgrad.tree_util. Those that a plain NumPy function does not need are imported at first use.
"""

import importlib

from numpy import ndarray as Array

from vgrad import errors, numpy, tree
from vgrad.api import (
    ShapeDtypeStruct,
    block_until_ready,
    closure_convert,
    debug_nans,
    default_backend,
    device_count,
    device_get,
    device_put,
    devices,
    disable_jit,
    eval_shape,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linear_transpose,
    linearize,
    local_device_count,
    make_jaxpr,
    value_and_grad,
    vjp,
    vmap,
)
from vgrad.config import config
from vgrad.control.checkpoint import checkpoint
from vgrad.control.custom import custom_jvp, custom_vjp, custom_vmap

__version__ = "0.1.0"

remat = checkpoint

LAZY = ("lax", "nn", "random", "scipy", "tree_util", "flatten_util", "test_util", "testing", "debug", "typing")


def __getattr__(name):
    """Import a surface at its first use: `import vgrad` stays nearly as quick as `import numpy`."""
    if name in LAZY:
        return importlib.import_module(f"vgrad.{name}")
    if name == "stop_gradient":
        return importlib.import_module("vgrad.lax").stop_gradient
    raise AttributeError(f"module 'vgrad' has no attribute {name!r}")


def __dir__():
    return [*globals(), *LAZY, "stop_gradient"]


__all__ = [
    "Array",
    "ShapeDtypeStruct",
    "block_until_ready",
    "checkpoint",
    "closure_convert",
    "config",
    "custom_jvp",
    "custom_vjp",
    "custom_vmap",
    "debug_nans",
    "default_backend",
    "device_count",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "errors",
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
    "numpy",
    "remat",
    "stop_gradient",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
]
