"""New arrays for results. All but small ones take memory that earlier results left: new pages cost more than the work.

Relies on numpy. An array handed out is nobody else's until it and all its views are gone.
"""

import ctypes
import functools
import os
import threading
from pathlib import Path

import numpy as np

LARGE = 1 << 16  # bytes from which memory is kept: malloc would give such blocks back to the system
LEAST_KEPT, SHARE_KEPT = 1 << 29, 16  # of memory that lies unused: so many bytes, or this part of what there is


def most_kept():
    """Bytes that may lie unused: of the machine's memory, or of what the process's control group may have."""
    there = []
    if hasattr(os, "sysconf"):
        there.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        there.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        pass
    return max(LEAST_KEPT, min(there, default=0) // SHARE_KEPT)


KEPT = most_kept()


@functools.lru_cache(maxsize=256)
def lease_of(size):
    """The class of memory of a size on loan to a result; it goes back when the result and all its views are gone.

    It is no class of arrays: NumPy lets a view refer to the array at the bottom of a chain, past those between.
    """
    return type("Lease", (ctypes.c_char * size,), {"__del__": lambda lease: give_back(lease.block)})


def lent(block):
    lease = lease_of(block.size).from_buffer(block)
    lease.block = block
    return lease


free = {}  # size in bytes -> blocks, at least one
order = []  # sizes of the free blocks, those that lie longest first
unused = 0
lock = threading.RLock()  # a lease may end in the middle of these functions, when garbage is collected


def new_array(shape, dtype, size):
    """An array with any contents; `size` is its number of bytes."""
    if size < LARGE:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, lent(take(size)))


def take(size):
    global unused
    with lock:
        # A larger block will do: the last batch of a set of data is smaller than the others.
        found = size if size in free else min([each for each in tuple(free) if size < each <= 2 * size], default=0)
        if found in free:
            unused -= found
            order.remove(found)
            return pop(found, -1)
    return np.empty(size, np.uint8)


def pop(size, place):
    """Take a block out of the free ones of a size."""
    block = free[size].pop(place)
    if not free[size]:
        del free[size]
    return block


def give_back(block):
    global unused
    with lock:
        free.setdefault(block.size, []).append(block)
        order.append(block.size)
        unused += block.size
        while unused > KEPT:
            oldest = order.pop(0)
            pop(oldest, 0)
            unused -= oldest
