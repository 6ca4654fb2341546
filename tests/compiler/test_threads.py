"""The team of threads. Relies on vgrad.compiler.threads, runtime and build."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from vgrad.compiler import blas, build, runtime, threads
from vgrad.compiler.runtime import Reference
from vgrad.config import config

TWICE = "def kernel(start, stop, x, y):\n    for i in range(start, stop):\n        y[i] = 2 * x[i]\n"


@pytest.fixture(scope="module")
def twice():
    [address] = build.compile_kernels([build.KernelSource(TWICE, ("i64", "i64", "*f64", "*f64"))])
    return address


def program(twice, extent, lanes=4, regions=1):
    step = runtime.kernel_step(twice, [Reference(2), Reference(3)])
    return runtime.assemble([runtime.region(extent, [step], lanes=lanes)] * regions + [runtime.end()])


def run(code, x, y, count, callback=None):
    bases = np.array([0, 0, x.ctypes.data, y.ctypes.data], np.int64)
    threads.run(code.ctypes.data, bases.ctypes.data, len(bases), count, callback)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 2, 1])
@pytest.mark.parametrize("lanes", [1, 2, 7, runtime.MAXIMUM_LANES])
def test_any_number_of_threads_and_lanes(twice, count, lanes):
    x, y = np.arange(1000.0), np.zeros(1000)
    code = program(twice, 1000, lanes)
    for _ in range(5):
        y[:] = 0
        run(code, x, y, count)
        np.testing.assert_array_equal(y, 2 * x)


def test_the_team_is_kept_and_changes_its_size(twice):
    x, y = np.arange(10.0), np.zeros(10)
    code = program(twice, 10)
    run(code, x, y, 3)
    team = threads.team
    assert team.threads == 3 and len(team.workers) == 2
    run(code, x, y, 1)  # needs no team
    run(code, x, y, 3)
    assert threads.team is team
    run(code, x, y, 2)
    assert threads.team.threads == 2 and not any(worker.is_alive() for worker in team.workers)


def test_workers_that_sleep_wake(twice):
    x, y = np.arange(1000.0), np.zeros(1000)
    code = program(twice, 1000)
    for pause in (0, 0.0001, 0.001, 0.02, 0.05):
        y[:] = 0
        time.sleep(pause)
        run(code, x, y, 2)
        np.testing.assert_array_equal(y, 2 * x)


def test_stop_ends_the_workers_and_the_next_program_starts_new_ones(twice):
    x, y = np.arange(10.0), np.zeros(10)
    run(program(twice, 10), x, y, 2)
    [worker] = threads.team.workers
    threads.stop()
    assert threads.team is None and not worker.is_alive()
    run(program(twice, 10), x, y, 2)
    assert threads.team.workers[0].is_alive()


def test_a_program_may_run_inside_anothers_host_call_and_finds_the_team_busy(twice):
    x, y = np.arange(10.0), np.zeros(10)

    def callback(identifier, addresses):
        run(program(twice, 10), x, y, 2)
        threads.stop()  # not while a program runs on it
        assert threads.team is team

    run(program(twice, 10), x, np.zeros(10), 2)
    team = threads.team
    run(runtime.assemble([runtime.host(0, []), runtime.end()]), x, y, 2, callback)
    np.testing.assert_array_equal(y, 2 * x)
    assert threads.team is team


def test_eight_threads_at_once_with_other_numbers_of_threads(twice):
    wrong = []

    def calls(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            size = int(rng.integers(1, 3000))
            x, y = rng.normal(size=size), np.zeros(size)
            run(program(twice, size, int(rng.integers(1, 9)), regions=2), x, y, int(rng.integers(1, 4)))
            if not np.array_equal(y, 2 * x):
                wrong.append(seed)

    callers = [threading.Thread(target=calls, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
        assert not caller.is_alive()
    assert not wrong


def test_num_threads():
    with config(num_threads=3):
        assert threads.num_threads() == 3
    with config(num_threads=0):
        assert threads.num_threads() >= 1


def in_python(text, **environment):
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, timeout=20, capture_output=True, text=True
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a system without affinities")
def test_num_threads_respects_the_affinity():
    text = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from vgrad.compiler import threads
print(threads.num_threads())"""
    assert in_python(text, VGRAD_NUM_THREADS="0").stdout == "1\n"
    assert in_python(text, VGRAD_NUM_THREADS="5").stdout == "5\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_and_its_parent_start_new_workers(twice):
    x, y = np.arange(100.0), np.zeros(100)
    code = program(twice, 100)
    run(code, x, y, 2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            y[:] = 0
            run(code, x, y, 2)
            status = 0 if np.array_equal(y, 2 * x) and threads.team.workers[0].is_alive() else 2
        finally:
            os._exit(status)
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.005)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    y[:] = 0
    run(code, x, y, 2)
    np.testing.assert_array_equal(y, 2 * x)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_fork_waits_for_products_and_products_for_a_fork():
    """A child that is forked inside a product would inherit the locks of BLAS, and wait for them for ever."""
    a, c = np.ones((120, 120)), np.zeros((120, 120))
    step = runtime.gemm_step(
        blas.gemm("float64"), "float64", 120, 120, 120, Reference(2), Reference(2), Reference(3), 120, 120, 120
    )
    code = runtime.assemble([runtime.region(1, [step]), runtime.end()])
    run(code, a, c, 1)
    np.testing.assert_array_equal(c, 120)
    other = threading.Thread(target=run, args=(code, 2 * a, c, 1))
    threads.before_fork()
    try:
        other.start()
        time.sleep(0.02)
        assert other.is_alive() and c[0, 0] == 120
    finally:
        threads.after_fork_in_parent()
    other.join(10)
    np.testing.assert_array_equal(c, 480)


LIVES = {
    "that has just run a program": "",
    "whose workers sleep": "time.sleep(0.05)",
    "that runs a program at its exit": "atexit.register(run, 2)",
    "with a daemon in an endless program": """
top = Label()
endless = runtime.assemble([top, runtime.region(4, [], lanes=4), runtime.jump(top), runtime.end()])
threading.Thread(target=run, args=(2, endless), daemon=True).start()
time.sleep(0.05)""",
    "with a daemon that runs programs": """
def forever():
    while True:
        run(2)
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.02)""",
    "that forks inside a program": """
warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons: the team is at work, its threads stay
children = []
fork = runtime.assemble([region, runtime.host(0, []), region, region, runtime.end()])
run(2, fork, lambda identifier, addresses: children.append(os.fork()))
run(2)
if children[0]:
    assert os.waitpid(children[0], 0)[1] == 0""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("life", LIVES)
def test_the_end_of_a_process(life):
    text = """
import atexit, os, threading, time, warnings
import numpy as np
from vgrad.compiler import runtime, threads
from vgrad.compiler.runtime import Label, Reference
region = runtime.region(8000, [runtime.fill_step(Reference(2, 0, 1), (0, 1))], lanes=4)
code = runtime.assemble([region] * 5 + [runtime.end()])
def run(count, code=code, callback=None):
    x = np.ones(1000)
    bases = np.array([0, 0, x.ctypes.data], np.int64)
    threads.run(code.ctypes.data, bases.ctypes.data, len(bases), count, callback)
    assert not x.any()
run(2)
"""
    ended = in_python(text + LIVES[life])
    assert (ended.returncode, ended.stderr) == (0, "")
