"""Functions of neural networks with `jax.nn`'s names and signatures; nn.initializers makes their first weights.

Relies on vgrad.numpy, lax, scipy and random.
"""

from vgrad.nn import initializers  # noqa: F401
from vgrad.nn.activations import *  # noqa: F403
from vgrad.nn.attention import *  # noqa: F403
from vgrad.nn.normalization import *  # noqa: F403
