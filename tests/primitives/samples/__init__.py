"""The one sample table: SAMPLES of every file beside this one, which mirrors vgrad/primitives file by file."""

import importlib
import pkgutil

SAMPLES = [
    row
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__))
    for row in importlib.import_module(f"{__name__}.{module}").SAMPLES
]
