"""vgrad: transforms ordinary NumPy functions. grad differentiates, vmap batches, jit stages; they compose in any order.

The public surfaces: vgrad.numpy (vgrad.numpy.linalg, .fft), vgrad.lax, vgrad.nn, vgrad.random, vgrad.scipy; statistics
of per-example gradients in vgrad.perexample; optimisers in vgrad.optim; pytrees in vgrad.tree and vgrad.tree_util.
Every name is imported when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING

from vgrad.config import config  # at once: the name is also a submodule's

if TYPE_CHECKING:
    from numpy import ndarray as Array

    from vgrad import (
        debug,
        errors,
        flatten_util,
        lax,
        nn,
        numpy,
        optim,
        perexample,
        random,
        scipy,
        test_util,
        testing,
        tree,
        tree_util,
    )
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
    from vgrad.control.checkpoint import checkpoint, remat
    from vgrad.control.custom_jvp import custom_jvp
    from vgrad.control.custom_vjp import custom_vjp
    from vgrad.control.custom_vmap import custom_vmap
    from vgrad.lax import stop_gradient

__version__ = "0.1.0"

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
    "debug",
    "debug_nans",
    "default_backend",
    "device_count",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "errors",
    "eval_shape",
    "flatten_util",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "lax",
    "linear_transpose",
    "linearize",
    "local_device_count",
    "make_jaxpr",
    "nn",
    "numpy",
    "optim",
    "perexample",
    "random",
    "remat",
    "scipy",
    "stop_gradient",
    "test_util",
    "testing",
    "tree",
    "tree_util",
    "value_and_grad",
    "vjp",
    "vmap",
]

MODULES = (
    "debug",
    "errors",
    "flatten_util",
    "lax",
    "nn",
    "numpy",
    "optim",
    "perexample",
    "random",
    "scipy",
    "test_util",
    "testing",
    "tree",
    "tree_util",
)
ELSEWHERE = {
    "checkpoint": "vgrad.control.checkpoint",
    "remat": "vgrad.control.checkpoint",
    "custom_jvp": "vgrad.control.custom_jvp",
    "custom_vjp": "vgrad.control.custom_vjp",
    "custom_vmap": "vgrad.control.custom_vmap",
    "stop_gradient": "vgrad.lax",
}


def __getattr__(name):
    """Import what is asked for: `import vgrad` is nearly free, and programs pay for what they use."""
    if name in MODULES:
        return importlib.import_module(f"vgrad.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'vgrad' has no attribute {name!r}")
    if name == "Array":
        found = importlib.import_module("numpy").ndarray
    else:
        found = getattr(importlib.import_module(ELSEWHERE.get(name, "vgrad.api")), name)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *__all__})
