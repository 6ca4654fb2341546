"""Addresses of matrix products for compiled programs.

Relies on the package scipy-openblas32, an OpenBLAS of our own beside NumPy's, or on SciPy's BLAS where that cannot be
loaded. Programs divide products among threads themselves: our OpenBLAS uses one thread.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
from pathlib import Path

import llvmlite.binding as llvm

LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


@functools.cache
def gemm(kind):
    """The address of the product of matrices of a dtype (a key of LETTERS), with Fortran's arguments."""
    return address(LETTERS[kind] + "gemm")


@functools.cache
def gemv(kind):
    """The address of the product of a matrix and a vector: gemm would copy the matrix, up to 10 times the time."""
    return address(LETTERS[kind] + "gemv")


def address(name):
    library = openblas()
    if library is not None:
        return ctypes.cast(getattr(library, f"scipy_{name}_"), ctypes.c_void_p).value
    from scipy.linalg import cython_blas  # not at the top: importing SciPy takes longer than loading OpenBLAS

    capsule = cython_blas.__pyx_capi__[name]
    name_of = ctypes.pythonapi.PyCapsule_GetName
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return pointer_of(capsule, name_of(capsule))


@functools.cache
def openblas():
    """Our OpenBLAS as a ctypes library, or None if there is none."""
    package = importlib.util.find_spec("scipy_openblas32")
    if package is None:
        return None
    # Importing the package would load its library with the settings of the environment.
    folder = Path(package.origin).parent / "lib"
    files = [path for path in sorted(folder.glob("*scipy_openblas*")) if path.suffix in (".so", ".dylib", ".dll")]
    settings = {"OPENBLAS_NUM_THREADS": "1"}
    if has_avx512():
        # OpenBLAS sees what the processor can do. A type set for every OpenBLAS, often Haswell, may halve our speed.
        settings["OPENBLAS_CORETYPE"] = None
    try:
        with environment(settings):
            library = ctypes.CDLL(str(files[0]))
        library.scipy_openblas_set_num_threads(1)
        return library
    except (IndexError, OSError, AttributeError):
        return None


def has_avx512():
    try:
        return llvm.get_host_cpu_features().get("avx512f", False)
    except RuntimeError:  # LLVM cannot tell on some systems
        return False


@contextlib.contextmanager
def environment(settings):
    """Environment variables for the time of a block; None is a variable that is not set."""
    before = {name: os.environ.get(name) for name in settings}
    set_environment(settings)
    try:
        yield
    finally:
        set_environment(before)


def set_environment(settings):
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
