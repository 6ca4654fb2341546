"""Functions of neural networks with `jax.nn`'s names: activations, softmax and its kind, attention; initializers.

Relies on vgrad.numpy, lax, scipy.special, random.
"""

from vgrad.nn import initializers  # noqa: F401
from vgrad.nn.activations import *  # noqa: F403
from vgrad.nn.attention import *  # noqa: F403
from vgrad.nn.encoding import *  # noqa: F403
from vgrad.nn.normalization import *  # noqa: F403
