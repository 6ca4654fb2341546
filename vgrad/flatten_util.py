"""A pytree as one flat vector, as in `jax.flatten_util`.

Relies on tree and vgrad.numpy.
"""

import numpy as np

from vgrad import numpy as vnp
from vgrad import tree
from vgrad.core.types import type_of


def ravel_pytree(pytree):
    """(vector, unravel): all leaves in one vector of their common dtype, and the function that puts them back.

    unravel gives each leaf its shape and dtype. Errors: ValueError from unravel for a vector of another length.
    """
    leaves, structure = tree.flatten(pytree)
    types = [type_of(leaf) for leaf in leaves]
    ends = np.cumsum([type_.size for type_ in types]).tolist()
    total = ends[-1] if ends else 0

    def unravel(vector):
        if np.shape(vector) != (total,):
            raise ValueError(f"unravel: expected a vector of shape ({total},), got shape {np.shape(vector)}.")
        parts = [
            vnp.astype(vnp.reshape(vector[end - type_.size : end], type_.shape), type_.dtype)
            for end, type_ in zip(ends, types)
        ]
        return structure.unflatten(parts)

    if not leaves:
        return vnp.zeros((0,)), unravel
    dtype = vnp.result_type(*leaves)
    return vnp.concatenate([vnp.ravel(vnp.astype(vnp.asarray(leaf), dtype)) for leaf in leaves]), unravel
