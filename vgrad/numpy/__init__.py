"""NumPy's namespace on vgrad's primitives, with the few additions (.at, static size=).

Relies on primitives. `import numpy as np` inside a transformed function comes here too, through dispatch.
"""

from vgrad.numpy import dispatch, fft, linalg
from vgrad.numpy.contraction import *
from vgrad.numpy.creation import *
from vgrad.numpy.diagonal import *
from vgrad.numpy.dtypes import *
from vgrad.numpy.functional import *
from vgrad.numpy.indexing import *
from vgrad.numpy.math import *
from vgrad.numpy.padding import *
from vgrad.numpy.polynomial import *
from vgrad.numpy.reductions import *
from vgrad.numpy.selection import *
from vgrad.numpy.sets import *
from vgrad.numpy.shape import *
from vgrad.numpy.signal import *
from vgrad.numpy.sorting import *
from vgrad.numpy.statistics import *

dispatch.install(globals())
