"""The threads that share the regions of compiled programs, and `run`.

Relies on compiler/runtime.py and config.

One team serves the process: the thread that calls `run` leads, the workers help. Workers are Python threads that sit in
native code without the GIL; after a region they spin for some microseconds, then they sleep until the next. While one
program has the team, others run on their own thread alone, with the same results.
"""

import atexit
import ctypes
import functools
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from vgrad.compiler import runtime
from vgrad.config import config

ADDRESS, INTEGER, OBJECT = ctypes.c_void_p, ctypes.c_int64, ctypes.py_object


class Native(NamedTuple):
    """The native functions, and the array of services that each takes last."""

    execute: Callable
    work: Callable
    stop_team: Callable
    hold_products: Callable
    services: ctypes.Array


@functools.cache
def native():
    """The Native of this process."""
    addresses = runtime.native()
    return Native(
        # It gives up the GIL itself: called as a function of Python's API, its exception passes through.
        execute=ctypes.PYFUNCTYPE(INTEGER, ADDRESS, ADDRESS, INTEGER, OBJECT, ADDRESS, ADDRESS)(addresses["execute"]),
        work=ctypes.CFUNCTYPE(INTEGER, ADDRESS, INTEGER, ADDRESS)(addresses["work"]),
        stop_team=ctypes.CFUNCTYPE(INTEGER, ADDRESS, ADDRESS)(addresses["stop_team"]),
        hold_products=ctypes.CFUNCTYPE(INTEGER, ADDRESS)(addresses["hold_products"]),
        services=runtime.services(),
    )


class Team:
    """Workers, and the block of memory through which they learn of regions."""

    def __init__(self, threads):
        self.threads = threads
        self.memory = (ctypes.c_int64 * (runtime.TEAM_WORDS + 8))()
        self.address = (ctypes.addressof(self.memory) + 63) // 64 * 64  # on a cache line
        ctypes.c_int64.from_address(self.address + 8 * runtime.THREADS).value = threads
        self.workers = []
        for index in range(1, threads):
            worker = threading.Thread(target=self.work, args=(index,), name=f"vgrad-{index}", daemon=True)
            try:
                worker.start()
            except RuntimeError:  # no more threads to be had: those there are do the work
                break
            self.workers.append(worker)

    def work(self, index):
        native().work(self.address, index, native().services)

    def stop(self):
        """End the workers, for good, unless a program is running on the team. Whether they ended."""
        stopped = native().stop_team(self.address, native().services)
        if stopped:
            for worker in self.workers:
                worker.join()
        return stopped


team = None
lock = threading.RLock()  # of `team`


def team_of(threads):
    """The team, with so many threads unless another one is at work."""
    global team
    found = team
    if found is None or found.threads != threads:
        with lock:
            if team is None or (team.threads != threads and team.stop()):
                team = Team(threads)
            found = team
    return found


def run(code, bases, n_bases, threads=1, callback=None):
    """Execute an assembled program.

    code, bases: addresses (ints) or ctypes arrays of int64; `bases` is not changed.
    threads: how many may share its regions; 1 for the calling thread alone.
    callback: called for HOST instructions as callback(identifier, address of an array of addresses).
    Errors: what `callback` raised; KeyboardInterrupt from the backward jumps of loops. The program ends there.
    """
    execute, services = native().execute, native().services
    if threads == 1:
        execute(code, bases, n_bases, callback, 0, services)
    else:
        held = team_of(threads)  # its memory lives while we use it
        execute(code, bases, n_bases, callback, held.address, services)


@functools.cache
def available_processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_threads():
    """How many threads a program may use: config.num_threads, or all processors of the process's affinity."""
    return config.num_threads or available_processors()


def stop():
    """End the workers, if no program is running on them; the next program starts new ones."""
    global team
    with lock:
        if team is not None and team.stop():
            team = None


def before_fork():
    # Threads do not live on in the child: fork() is to copy no workers, and no product that runs.
    lock.acquire()
    stop()
    if native.cache_info().currsize:
        native().hold_products(native().services)


def after_fork_in_parent():
    release_products()
    lock.release()


def after_fork_in_child():
    global team, lock
    team, lock = None, threading.RLock()
    available_processors.cache_clear()
    release_products()
    if native.cache_info().currsize:
        # Threads that were about to begin a product are gone, their counts are not.
        first, count = runtime.PRODUCTS, 8 * runtime.PRODUCT_COUNTS
        native().services[first : first + count] = [0] * count


def release_products():
    if native.cache_info().currsize:
        native().services[runtime.FORKING] = 0


atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
