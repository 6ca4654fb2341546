"""Native code from text. Relies on vgrad.compiler.build."""

import ctypes
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

from vgrad import jit
from vgrad.compiler import build, cache
from vgrad.compiler.build import KernelSource
from vgrad.config import config

TYPES = {
    **{"f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128"},
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
COPY = "def kernel(n, x, y):\n    for i in range(n):\n        y[i] = x[i]\n"


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """No code in memory, none on disk."""
    monkeypatch.setattr(build, "loaded", {})
    monkeypatch.setattr(cache, "warned", set())
    with config(cache_dir=tmp_path):
        yield tmp_path


def call(address, *words):
    words = [word.ctypes.data if isinstance(word, np.ndarray) else word for word in words]
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)((ctypes.c_int64 * len(words))(*words))


def unseen(number):
    """A source that no cache knows."""
    return KernelSource(f"def kernel(x):\n    x[0] = {number}\n", ("*i64",))


def test_pointers_of_all_kinds():
    addresses = build.compile_kernels([KernelSource(COPY, ("i64", f"*{kind}", f"*{kind}")) for kind in TYPES])
    for dtype, address in zip(TYPES.values(), addresses):
        x = np.array([0, 1, 2, 100]).astype(dtype)
        y = np.zeros_like(x)
        call(address, 3, x, y)
        np.testing.assert_array_equal(y, [*x[:3], 0])


def test_booleans_are_bytes():
    text = "def kernel(n, x, y):\n    for i in range(n):\n        y[i] = uint8(not (x[i] != 0))\n"
    [address] = build.compile_kernels([KernelSource(text, ("i64", "*b1", "*b1"))])
    x, y = np.array([True, False, True]), np.zeros(3, bool)
    call(address, 3, x, y)
    np.testing.assert_array_equal(y, ~x)


def test_nan_and_inf_are_values():
    text = "def kernel(x, y):\n    y[0] = nan\n    y[1] = x[0] - x[0]\n    y[2] = 1.0 if x[0] == inf else 0.0\n"
    text += "    y[3] = 1.0 if x[1] != x[1] else 0.0\n"
    [address] = build.compile_kernels([KernelSource(text, ("*f64", "*f64"))])
    y = np.zeros(4)
    call(address, np.array([np.inf, np.nan]), y)
    np.testing.assert_array_equal(y, [np.nan, np.nan, 1, 1])


def test_complex_numbers_are_made_of_parts():
    text = "def kernel(x, y):\n    y[0] = complex(x[0].imag, x[0].real)\n"
    for kind in ("c64", "c128"):
        [address] = build.compile_kernels([KernelSource(text, (f"*{kind}", f"*{kind}"))])
        x, y = np.array([1 + 2j], TYPES[kind]), np.zeros(1, TYPES[kind])
        call(address, x, y)
        assert y[0] == 2 + 1j


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("x[i] if x[i] > y[i] else y[i]", np.maximum),
        ("select(x[i] < y[i], x[i], y[i])", np.minimum),
        ("x[i] / (y[i] - y[i])", lambda x, y: np.copysign(np.inf, x)),  # raises nothing
        ("float64(int32(x[i])) - -y[i]", lambda x, y: np.trunc(x) + y),
        ("float64(not (x[i] > 0 and y[i] > 0))", lambda x, y: 1.0 - ((x > 0) & (y > 0))),
        ("float64((i - 3) // 4 * 10 + i % 5)", lambda x, y: (np.arange(37) - 3) // 4 * 10 + np.arange(37) % 5),
        ("fma_f64(x[i], y[i], x[i])", lambda x, y: x * y + x),
    ],
)
def test_what_a_text_may_use(expression, expected):
    text = f"def kernel(n, x, y, out):\n    for i in range(n):\n        out[i] = {expression}\n"
    [address] = build.compile_kernels([KernelSource(text, ("i64", "*f64", "*f64", "*f64"))])
    x, y = np.random.default_rng(0).normal(size=(2, 37))
    out = np.zeros(37)
    call(address, 37, x, y, out)
    np.testing.assert_allclose(out, expected(x, y), rtol=1e-14)


@pytest.mark.parametrize("line", ["y[i] = x[i] * x[i]", "y[i] = exp_f32(x[i])", "s = accumulate_f32(s, x[i])"])
def test_loops_become_vector_instructions(line):
    text = f"def kernel(n, x, y):\n    s = float32(0)\n    for i in range(n):\n        {line}\n    y[0] += s\n"
    optimised = build.optimised_ir(KernelSource(text, ("i64", "*f32", "*f32")))
    assert re.search(r"<(4|8|16) x float>", optimised)
    assert "@exp_f32" not in optimised  # it is inlined


def test_functions_of_mathlib_in_kernels():
    text = "def kernel(n, x, y):\n    for i in range(n):\n        y[i] = exp_f32(x[i]) + tanh_f32(x[i])\n"
    [address] = build.compile_kernels([KernelSource(text, ("i64", "*f32", "*f32"))])
    x = np.linspace(-4, 4, 33, dtype="float32")
    y = np.zeros_like(x)
    call(address, 33, x, y)
    np.testing.assert_allclose(y, np.exp(x) + np.tanh(x), rtol=1e-6)


def test_the_same_source_is_the_same_code():
    source = KernelSource(COPY, ("i64", "*f32", "*f32"))
    first, second = build.compile_kernels([source, source])
    [third] = build.compile_kernels([(COPY, ["i64", "*f32", "*f32"])])
    [other] = build.compile_kernels([KernelSource(COPY, ("i64", "*f64", "*f64"))])
    assert first == second == third != other


def test_no_sources():
    assert build.compile_kernels([]) == []


def test_modules_of_several_functions():
    text = """
def square(x):
    return x * x

def total(pointer, n):
    result = 0
    for i in range(n):
        result += square(pointer[i])
    return result

def half(x):
    return x / 2
"""
    entries = {"total": (["*i64", "i64"], "i64"), "half": (["f64"], "f64")}
    addresses = build.compile_module(text, entries)
    assert list(addresses) == ["total", "half"]
    x = np.arange(5)
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(addresses["total"])(x.ctypes.data, 5) == 30
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(addresses["half"])(5.0) == 2.5


def test_an_error_in_one_source_is_raised_and_the_next_call_works(own_cache):
    bad = KernelSource("def kernel(x):\n    x[0] = unheard_of(x[1])\n", ("*i64",))
    with pytest.raises(Exception, match="unheard_of"):
        build.compile_kernels([unseen(101), bad, unseen(102)])
    x = np.zeros(1, np.int64)
    [address] = build.compile_kernels([unseen(102)])
    call(address, x)
    assert x[0] == 102


def test_compilations_are_counted_and_kept_on_disk(own_cache, monkeypatch):
    before = build.compilations
    build.compile_kernels([unseen(1), unseen(2), unseen(1)])
    assert build.compilations == before + 2
    assert len(os.listdir(own_cache)) == 2
    build.compile_kernels([unseen(1)])
    assert build.compilations == before + 2

    monkeypatch.setattr(build, "loaded", {})  # as a new process finds it
    monkeypatch.setattr(build, "compiled", None)
    x = np.zeros(1, np.int64)
    [address] = build.compile_kernels([unseen(2)])
    call(address, x)
    assert x[0] == 2 and build.compilations == before + 2


def test_damaged_code_is_compiled_anew(own_cache, monkeypatch):
    build.compile_kernels([unseen(1)])
    [name] = os.listdir(own_cache)
    (own_cache / name).write_bytes(b"?" * 100)
    monkeypatch.setattr(build, "loaded", {})
    with pytest.warns(RuntimeWarning, match="damaged"):
        [address] = build.compile_kernels([unseen(1)])
    x = np.zeros(1, np.int64)
    call(address, x)
    assert x[0] == 1
    monkeypatch.setattr(build, "loaded", {})
    before = build.compilations
    build.compile_kernels([unseen(1)])
    assert build.compilations == before


def test_what_the_key_depends_on(monkeypatch):
    source = unseen(1)
    key = build.key_of(source)
    assert build.key_of(unseen(1)) == key != build.key_of(unseen(2))
    assert build.key_of(KernelSource(source.text, ("*i32",))) != key
    monkeypatch.setattr(build, "surroundings", lambda: "another processor")
    assert build.key_of(source) != key


def test_the_processor_is_part_of_the_key(monkeypatch):
    key = build.key_of(unseen(1))
    monkeypatch.setattr(build.llvm, "get_host_cpu_name", lambda: "another processor")
    monkeypatch.setattr(build, "surroundings", build.surroundings.__wrapped__)
    assert build.key_of(unseen(1)) != key


def test_threads_may_compile_at_once(own_cache):
    sources = [unseen(number) for number in range(200, 206)]
    results = []

    def compile_all(order):
        addresses = build.compile_kernels([sources[i] for i in order])
        results.append({i: address for i, address in zip(order, addresses)})

    orders = [np.random.default_rng(seed).permutation(6).tolist() for seed in range(4)]
    callers = [threading.Thread(target=compile_all, args=(order,)) for order in orders]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 4 and all(result == results[0] for result in results)


def test_the_switch_interval_is_restored(own_cache):
    before = sys.getswitchinterval()
    build.compile_kernels([unseen(1)])
    assert sys.getswitchinterval() == pytest.approx(before)


FORK_WHILE_COMPILING = """
import os, threading
from vgrad.compiler import build
sources = [build.KernelSource(f"def kernel(x):\\n    x[0] = {number}\\n", ("*i64",)) for number in range(9)]
old = build.compile_kernels(sources[:1])
busy = threading.Thread(target=build.compile_kernels, args=(sources[:7],))
busy.start()
child = os.fork()
if child == 0:
    same = build.compile_kernels(sources[:1]) == old
    build.compile_kernels(sources[7:])
    os._exit(0 if same else 1)
busy.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_runs_old_code_and_compiles_new(tmp_path):
    environment = {**os.environ, "VGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", FORK_WHILE_COMPILING]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.stdout == "0\n", result.stderr


TWO_KERNELS = """
import sys
from vgrad.compiler import build, cache
text = "def kernel(n, x, y):\\n    for i in range(n):\\n        y[i] = exp_f64(x[i]) * {}\\n"
build.compile_kernels([(text.format(number), ("i64", "*f64", "*f64")) for number in (3, 4)])
print(build.compilations, "numba" in sys.modules)"""


def test_processes_share_the_cache_and_a_warm_one_needs_no_numba(tmp_path):
    environment = {**os.environ, "VGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", TWO_KERNELS]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert all(process.communicate(timeout=30)[0] and process.returncode == 0 for process in both)
    warm = subprocess.run(command, env=environment, timeout=30, check=True, capture_output=True, text=True)
    assert warm.stdout == "0 False\n"


def test_a_cache_that_cannot_be_written_gives_a_warning_and_code(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with config(cache_dir=tmp_path / "file"), pytest.warns(RuntimeWarning, match="VGRAD_CACHE_DIR") as warned:
        [_, address] = build.compile_kernels([unseen(301), unseen(300)])
    assert len(warned) == 1
    x = np.zeros(1, np.int64)
    call(address, x)
    assert x[0] == 300


def test_products_are_not_reordered():
    """(x * a) * b is not x * (a * b): the product of the constants may leave the range."""
    scaled = jit(lambda x: x * np.float32(1e30) * np.float32(1e30))
    x = np.full(40, 1e-30, np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(scaled(x), x * np.float32(1e30) * np.float32(1e30))
        np.testing.assert_array_equal(scaled(0 * x), 0 * x)
