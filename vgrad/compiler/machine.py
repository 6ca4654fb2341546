"""What the machine can do: floating point operations of a product in the time that one byte takes to and from memory.

Relies on blas, build's keys, the disk cache and config. The pass over contractions weighs arithmetic against memory by
this one number. It is measured once, when a machine first compiles, and kept in the cache of compiled code; rounded to
a power of two, lest noise change plans. config.flops_per_byte sets it, for plans that are the same everywhere.
"""

import ctypes
import functools
import time

import numpy as np

from vgrad.compiler import blas, build, cache
from vgrad.config import config

USUAL = 8  # where nothing can be measured
LEAST, MOST = 2, 64


def flops_per_byte():
    """Float32 operations of a product per byte that is read or written, for one thread: a power of two if measured."""
    return config.flops_per_byte or kept()


@functools.cache
def kept():
    """What was measured on this kind of machine, now or before."""
    key = build.key_of("flops per byte")
    found = cache.load(key)
    if found is None:
        found = str(measured()).encode()
        cache.store(key, found)
    return int(found)


def measured():
    """About 15 ms."""
    flops, bytes_ = product_rate(), copy_rate()
    ratio = flops / bytes_ if flops and bytes_ else USUAL
    return min(MOST, max(LEAST, 2 ** round(float(np.log2(ratio)))))


def product_rate(size=320):
    """Operations per second of a product of square float32 matrices."""
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(blas.gemm("float32"))
    a, b, c = np.ones((3, size, size), np.float32)
    plain, n, one, zero = np.array([78]), np.array([size]), np.ones(1, np.float32), np.zeros(1, np.float32)
    arguments = [each.ctypes.data for each in (plain, plain, n, n, n, one, a, n, b, n, zero, c, n)]
    return 2 * size**3 / shortest(lambda: function(*arguments), 5)


def copy_rate(size=1 << 24):
    """Bytes per second, read and written, of a copy that no level 2 cache holds."""
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    return 2 * size / shortest(lambda: np.copyto(target, source), 3)


def shortest(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
