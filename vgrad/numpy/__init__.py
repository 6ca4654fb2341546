"""NumPy's namespace on vgrad's primitives, with the few additions (.at, static size=).

Relies on primitives. `import numpy as np` inside a transformed function comes here too, through dispatch.
What few programs use is imported when it is first asked for: `import vgrad` stays nearly as quick as `import numpy`.
"""

import importlib
import sys

from vgrad.numpy import dispatch
from vgrad.numpy.contraction import *
from vgrad.numpy.creation import *
from vgrad.numpy.dtypes import *
from vgrad.numpy.indexing import *
from vgrad.numpy.math import *
from vgrad.numpy.reductions import *
from vgrad.numpy.selection import *
from vgrad.numpy.shape import *

LATER = ("diagonals", "functional", "histograms", "padding", "polynomial", "sets", "signal", "sorting", "statistics")


def __getattr__(name):
    if name in ("linalg", "fft"):
        return importlib.import_module(f"vgrad.numpy.{name}")
    if not name.startswith("_"):
        for module_name in LATER:
            module = importlib.import_module(f"vgrad.numpy.{module_name}")
            if name in module.__all__:
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module 'vgrad.numpy' has no attribute {name!r}")


def __dir__():
    names = [name for module in LATER for name in importlib.import_module(f"vgrad.numpy.{module}").__all__]
    return sorted({*globals(), *names, "linalg", "fft"})


dispatch.install(sys.modules[__name__])
