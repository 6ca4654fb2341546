"""SciPy's names on vgrad's primitives: special, stats, linalg. Each part is imported when it is first asked for.

Relies on vgrad.numpy.
"""

import importlib

__all__ = ["linalg", "special", "stats"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'vgrad.scipy' has no attribute {name!r}")
    return importlib.import_module(f"vgrad.scipy.{name}")


def __dir__():
    return sorted({*globals(), *__all__})
