"""NumPy's namespace on vgrad's primitives, with the few additions (.at, static size=).

Relies on primitives. `import numpy as np` inside a transformed function comes here too, through dispatch.
"""

from vgrad.numpy.creation import *  # noqa: F403
from vgrad.numpy.math import *  # noqa: F403
from vgrad.numpy.selection import *  # noqa: F403
from vgrad.numpy.shape import *  # noqa: F403
from vgrad.numpy.diagonal import *  # noqa: F403
from vgrad.numpy.indexing import *  # noqa: F403
from vgrad.numpy.reductions import *  # noqa: F403
from vgrad.numpy.statistics import *  # noqa: F403
from vgrad.numpy.contraction import *  # noqa: F403
from vgrad.numpy.sorting import *  # noqa: F403
from vgrad.numpy.sets import *  # noqa: F403
from vgrad.numpy.signal import *  # noqa: F403
from vgrad.numpy.dtypes import *  # noqa: F403
