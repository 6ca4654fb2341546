"""Checks of derivatives by JAX's name: `from vgrad.test_util import check_grads`.

Relies on testing.
"""

from vgrad.testing import check_grads, check_jvp, check_vjp

__all__ = ["check_grads", "check_jvp", "check_vjp"]
