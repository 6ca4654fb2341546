"""JAX: `jax.jit`, arrays on the device before the clock starts, `block_until_ready`."""

import jax
import jax.numpy as jnp
import numpy as np

from implementations import of_numpy_family


def version():
    return jax.__version__


def prepare(array, threads):
    return jnp.asarray(array)


def program(case, mode):
    return jax.jit(of_numpy_family(jnp, jax, jax.lax.stop_gradient, case, mode))


wait = jax.block_until_ready
numpy_array = np.asarray
product = jax.jit(jnp.matmul)
compiled = jax.jit
