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
    whole = of_numpy_family(jnp, jax, case, mode)
    return jax.jit(in_chunks(whole, case.CHUNKS["jax"]) if mode == "norms" else whole)


def loss_of(case):
    return lambda weights, *example: case.loss(jnp, jax.lax, weights, *example)


def in_chunks(function, size):
    """The function on so many examples at a time, one after the other: their gradients are formed."""

    def chunked(weights, *data):
        def of_one(example):
            return function(weights, *[each[None] for each in example])[0]

        return jax.lax.map(of_one, data, batch_size=size)

    return chunked


wait = jax.block_until_ready
numpy_array = np.asarray
product = jax.jit(jnp.matmul)
compiled = jax.jit
