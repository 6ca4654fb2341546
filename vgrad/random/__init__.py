"""Random numbers with `jax.random`'s names, signatures and bits: a key in, the same samples out.

Relies on primitives, vgrad.numpy, vgrad.lax.
"""

from vgrad.random.continuous import *  # noqa: F403
from vgrad.random.discrete import *  # noqa: F403
from vgrad.random.keys import *  # noqa: F403
from vgrad.random.multivariate import *  # noqa: F403
from vgrad.random.selecting import *  # noqa: F403
from vgrad.random.uniform import *  # noqa: F403
