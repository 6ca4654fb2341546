"""JAX, the DP step in two passes: norms from gradients of so many examples at a time, then one of weighted losses."""

import jax
import jax.numpy as jnp

from implementations import RATE
from implementations.jax import compiled, loss_of, numpy_array, prepare, product, version, wait  # noqa: F401


def program(case, mode, microbatch=1):
    loss = loss_of(case)

    def step(weights, *data):
        def norm(example):
            gradients = jax.grad(loss)(weights, *example)
            return jnp.sqrt(sum(jnp.sum(each**2) for each in gradients.values()))

        norms = jax.vmap(norm)(data) if microbatch is None else jax.lax.map(norm, data, batch_size=microbatch)
        factors = jnp.minimum(1, case.CLIP / norms)
        sums = jax.grad(lambda weights: jnp.sum(factors * loss(weights, *data)))(weights)
        return {name: weights[name] - RATE / len(factors) * sums[name] for name in weights}

    return jax.jit(step)
