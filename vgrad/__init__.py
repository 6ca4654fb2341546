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

__version__ = "0.1.0"

MODULES = ("lax", "nn", "random", "scipy", "tree_util", "flatten_util", "test_util", "testing")
LATER = {
    "checkpoint": "control.checkpoint",
    "remat": "control.checkpoint",
    "custom_jvp": "control.custom",
    "custom_vjp": "control.custom",
    "custom_vmap": "control.custom",
    "stop_gradient": "lax",
}


def __getattr__(name):
    """Import what few programs use when it is first asked for: `import vgrad` stays nearly as quick as `import numpy`."""
    if name in MODULES:
        return importlib.import_module(f"vgrad.{name}")
    if name in LATER:
        globals()[name] = getattr(importlib.import_module(f"vgrad.{LATER[name]}"), name)
        return globals()[name]
    raise AttributeError(f"module 'vgrad' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *MODULES, *LATER})


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
