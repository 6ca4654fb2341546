"""The lower-level surface, with `jax.lax`'s names and signatures.

Relies on primitives and control.
"""

from vgrad.lax import linalg  # noqa: F401
from vgrad.lax.collectives import *  # noqa: F403
from vgrad.lax.control import *  # noqa: F403
from vgrad.lax.elementwise import *  # noqa: F403
from vgrad.lax.reductions import *  # noqa: F403
from vgrad.lax.shape import *  # noqa: F403
from vgrad.lax.slicing import *  # noqa: F403
from vgrad.lax.windows import *  # noqa: F403
