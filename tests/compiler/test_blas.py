"""Addresses of matrix products. Relies on vgrad.compiler.blas."""

import ctypes
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from vgrad.compiler import blas


@pytest.fixture
def without_openblas(monkeypatch):
    blas.gemm.cache_clear()
    monkeypatch.setattr(blas, "openblas", lambda: None)
    yield
    blas.gemm.cache_clear()


def product(kind, a, b):
    """a @ b, arrays in Fortran's order."""
    c = np.full((a.shape[0], b.shape[1]), 9, kind, order="F")
    numbers = [ctypes.c_int(value) for value in (*a.shape[:1], b.shape[1], a.shape[1], a.shape[0], b.shape[0])]
    m, n, k, lda, ldb = [ctypes.byref(number) for number in numbers]
    one, zero = np.ones(1, kind), np.zeros(1, kind)
    plain = ctypes.c_char_p(b"N")
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (one, a, b, zero, c)]
    alpha, pa, pb, beta, pc = pointers
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(blas.gemm(kind))
    function(plain, plain, m, n, k, alpha, pa, lda, pb, ldb, beta, pc, m)
    return c


def check(kind):
    rng = np.random.default_rng(0)
    a = np.asfortranarray(rng.integers(-4, 5, (7, 20)).astype(kind))
    b = np.asfortranarray(rng.integers(-4, 5, (20, 13)).astype(kind))
    if np.dtype(kind).kind == "c":
        a, b = a * a.dtype.type(1 + 2j), b * b.dtype.type(1j)
    np.testing.assert_array_equal(product(kind, a, b), a @ b)


@pytest.mark.parametrize("kind", list(blas.LETTERS))
def test_products(kind):
    check(kind)


@pytest.mark.parametrize("kind", list(blas.LETTERS))
def test_products_of_scipys_blas_where_there_is_no_openblas(kind, without_openblas):
    check(kind)


def test_many_threads_may_call_at_once():
    rng = np.random.default_rng(0)
    a = np.asfortranarray(rng.integers(-4, 5, (90, 120)).astype("float32"))
    b = np.asfortranarray(rng.integers(-4, 5, (120, 80)).astype("float32"))
    expected, right = a @ b, []

    def calls():
        right.append(all(np.array_equal(product("float32", a, b), expected) for _ in range(50)))

    callers = [threading.Thread(target=calls) for _ in range(32)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert right == [True] * 32


def test_settings_of_the_environment_are_for_a_block_only(monkeypatch):
    monkeypatch.setenv("VGRAD_TEST_A", "before")
    monkeypatch.delenv("VGRAD_TEST_B", raising=False)
    with pytest.raises(KeyError), blas.environment({"VGRAD_TEST_A": None, "VGRAD_TEST_B": "1"}):
        assert "VGRAD_TEST_A" not in os.environ and os.environ["VGRAD_TEST_B"] == "1"
        raise KeyError
    assert os.environ["VGRAD_TEST_A"] == "before" and "VGRAD_TEST_B" not in os.environ


def test_our_openblas_has_one_thread_and_numpys_keeps_its_own():
    pytest.importorskip("scipy_openblas32", reason="without it products are SciPy's")
    text = """
import os
from vgrad.compiler import blas
import numpy as np
before = dict(os.environ)
library = blas.openblas()
assert library.scipy_openblas_get_num_threads() == 1
assert dict(os.environ) == before
a = np.random.default_rng(0).normal(size=(300, 300))
assert np.allclose(a @ np.linalg.inv(a), np.eye(300), atol=1e-8)"""
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", text], env=environment, timeout=20, check=True)
