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

from vgrad.compiler import runtime
from vgrad.config import config

ADDRESS, INTEGER, OBJECT = ctypes.c_void_p, ctypes.c_int64, ctypes.py_object


@functools.cache
def entries():
    """The native functions `execute`, `work` and `stop_team`, and the array of services for their last argument."""
    native = runtime.native()
    # `execute` gives up the GIL itself: called as a function of Python's API, its exception passes through.
    execute = ctypes.PYFUNCTYPE(INTEGER, ADDRESS, ADDRESS, INTEGER, OBJECT, ADDRESS, ADDRESS)(native["execute"])
    work = ctypes.CFUNCTYPE(INTEGER, ADDRESS, INTEGER, ADDRESS)(native["work"])
    stop_team = ctypes.CFUNCTYPE(INTEGER, ADDRESS, ADDRESS)(native["stop_team"])
    return execute, work, stop_team, runtime.services()


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
        _, work, _, services = entries()
        work(self.address, index, services)

    def stop(self):
        """End the workers, for good, unless a program is running on the team. Whether they ended."""
        _, _, stop_team, services = entries()
        stopped = stop_team(self.address, services)
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
    execute, _, _, services = entries()
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
    # Workers do not live on in the child; without them, fork() copies a process at rest.
    lock.acquire()
    stop()


def after_fork_in_parent():
    lock.release()


def after_fork_in_child():
    global team, lock
    team, lock = None, threading.RLock()
    available_processors.cache_clear()


atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
