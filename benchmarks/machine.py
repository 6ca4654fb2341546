"""What the machine can do: its name, and how fast memory is copied. (The rate of products comes from the libraries.)"""

import math
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

MEGABYTE = 1 << 20
COPIES = 2 * MEGABYTE, 8 * MEGABYTE, 32 * MEGABYTE, 256 * MEGABYTE  # bytes: in caches of all kinds, and in none


def processor():
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} CPUs"


def copy_rate(size, threads, duration):
    """Bytes read and written a second, at best in so many seconds, copying `size` bytes on `threads` threads."""
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    pieces = [slice(i * size // threads, (i + 1) * size // threads) for i in range(threads)]
    best, end = float("inf"), time.perf_counter() + duration
    with ThreadPoolExecutor(threads) as pool:
        while time.perf_counter() < end:
            start = time.perf_counter()
            list(pool.map(lambda piece: np.copyto(target[piece], source[piece]), pieces))
            best = min(best, time.perf_counter() - start)
    return 2 * size / best


def limit_seconds(flops, traffic, sgemm, copies):
    """The least time for so many flops and bytes. `copies` maps array sizes to rates: the nearest size counts."""
    size = min(copies, key=lambda size: abs(math.log(2 * int(size) / traffic)))
    return max((flops or 0) / sgemm, traffic / copies[size])
