"""What vgrad.debug shows, and the folders that config.dump fills."""

import numpy as np
import pytest

import vgrad
from vgrad import config, debug, grad, jit, lax
from vgrad.compiler import build


def layer(w, x):
    return np.sum(np.tanh(x @ w))


W, X = np.ones((64, 32)), np.ones((16, 64))


def test_explain_shows_the_program():
    text = debug.explain(grad(layer))(W, X)
    assert "product ij,jk->ik" in text
    assert "m=16 n=32 k=64 float64; 65.5 kflop" in text
    assert "return np.sum(np.tanh(x @ w))" in text
    assert "peak memory" in text and "distinct" in text
    assert repr(text) == str(text)


def test_explain_takes_what_jit_takes():
    assert "kernel k0" in debug.explain(jit(lambda *, x: np.sin(x)))(x=X)
    assert "exp" in debug.explain(lambda n, x: np.exp(x) * n, static_argnums=0)(3, X)


def test_explain_compiles_nothing():
    with debug.count_compilations() as count:
        debug.explain(lambda x: np.sinh(x) * 17.25)(X)
    assert count() == 0


def test_explain_shows_control_flow_and_calls():
    def step(carry, x):
        return lax.cond(x > 0, np.sin, np.cos, carry), x

    text = debug.explain(lambda x: lax.scan(step, 0.0, x))(np.ones(5))
    assert "scan: 5 steps, 1 carry" in text
    assert "cond: 2 branches" in text
    text = debug.explain(lambda x: lax.while_loop(lambda c: c < 10.0, lambda c: 2.0 * c, x))(1.0)
    assert "while: 1 carry" in text
    assert "each while loop counted as one step" in text
    assert "call of Python: cholesky" in debug.explain(np.linalg.cholesky)(np.eye(3))


def test_explain_says_what_it_cannot_explain():
    with pytest.raises(TypeError, match="float16"):
        debug.explain(np.sin)(np.ones(3, np.float16))


def test_count_compilations_counts_and_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "loaded", {})
    with config(cache_dir=str(tmp_path)):
        with debug.count_compilations() as count:
            jit(lambda x: x * 3.0 + 1.0)(X)
        assert count.value == count() > 0
        before = count.value
        jit(lambda x: x * 3.0 - 1.0)(X)
        assert count.value == before
        monkeypatch.setattr(build, "loaded", {})
        with debug.count_compilations() as warm:
            jit(lambda x: x * 3.0 + 1.0)(X)
        assert warm.value == 0


def test_dump_writes_every_stage(tmp_path):
    with config(dump=str(tmp_path)):
        jit(grad(layer))(W, X)
    [folder] = tmp_path.iterdir()
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"1-staged.txt", "2-simplified.txt", "3-explained.txt", "kernels/k0.py", "kernels/k0.ll"} <= found
    assert (folder / "3-explained.txt").read_text().startswith("program")
    assert "def kernel(start, stop" in (folder / "kernels" / "k0.py").read_text()


def test_debug_is_a_name_of_vgrad():
    assert vgrad.debug is debug
