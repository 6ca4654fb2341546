"""jit among threads, processes, signals and odd inputs. Relies on vgrad.api and vgrad.compiler."""

import concurrent.futures
import inspect
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.robustness_functions import Scale, gradient, loss, plain_power_jitted, power
from vgrad import grad, jit, lax
from vgrad.config import config

ENVIRONMENT = {**os.environ, "VGRAD_NUM_THREADS": "2"}


@pytest.fixture
def two_threads():
    with config(num_threads=2):
        yield


def data(seed, rows):
    rng = np.random.default_rng(seed)
    return rng.normal(size=5), rng.normal(size=(rows, 5))


def expected_loss(weights, inputs):
    return np.sum(np.tanh(inputs @ weights) ** 2)


def expected_gradient(weights, inputs):
    y = np.tanh(inputs @ weights)
    return inputs.T @ (2 * y * (1 - y**2))


def in_python(text, *options, **environment):
    command = [sys.executable, "-W", "error", *options, "-c", text]
    return subprocess.run(command, env={**ENVIRONMENT, **environment}, timeout=30, capture_output=True, text=True)


# Threads


def test_eight_threads_call_one_function_with_their_own_data_and_sizes(two_threads):
    function = jit(grad(expected_loss))
    wrong = []

    def calls(seed):
        rng = np.random.default_rng(seed)
        for call in range(200):
            weights, inputs = rng.normal(size=5), rng.normal(size=(int(rng.choice([1, 3, 16, 200])), 5))
            if not np.allclose(function(weights, inputs), expected_gradient(weights, inputs), rtol=1e-9, atol=1e-12):
                wrong.append((seed, call))

    callers = [threading.Thread(target=calls, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
        assert not caller.is_alive()
    assert not wrong


def test_results_do_not_depend_on_the_threads():
    weights, inputs = data(0, 5000)
    results = []
    for count in (1, 2, 3):
        with config(num_threads=count):
            results.append(jit(grad(expected_loss))(weights, inputs))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-12)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-12)


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_child_runs_compiled_code_and_exits():
    text = """
import os, signal, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
import numpy as np
from vgrad import jit
f = jit(lambda x, w: np.sum(np.tanh(x @ w), 1))
x, w = np.ones((3000, 50)), np.full((50, 40), 0.01)
before = f(x, w)
child = os.fork()
signal.alarm(15)
if child == 0:
    assert np.array_equal(f(x, w), before)
    assert jit(lambda x: x * 2 - 1)(x).sum() == x.size  # compiles in the child
    sys.exit(7)  # not os._exit: what runs at exit runs too
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 7, status
assert np.array_equal(f(x, w), before)
print("done")"""
    done = in_python(text)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("kind", ["spawn", "forkserver"] if os.name != "nt" else ["spawn"])
def test_a_pool_of_multiprocessing(kind):
    jobs = [data(seed, rows) for seed, rows in enumerate((1, 7, 300))]
    with multiprocessing.get_context(kind).Pool(1) as pool:
        losses = pool.starmap_async(loss, jobs).get(30)  # `loss` itself pickles
        gradients = pool.map_async(gradient, jobs).get(30)
    np.testing.assert_allclose(losses, [expected_loss(*job) for job in jobs])
    np.testing.assert_allclose(gradients, [expected_gradient(*job) for job in jobs])


def test_executors_of_concurrent_futures(two_threads):
    jobs = [data(seed, rows) for seed, rows in enumerate((1, 7, 300, 2000))]
    expected = [expected_loss(*job) for job in jobs]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        np.testing.assert_allclose(list(pool.map(loss, *zip(*jobs), timeout=30)), expected)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        np.testing.assert_allclose(list(pool.map(loss, *zip(*jobs), timeout=30)), expected)


# Pickling


def test_a_decorated_function_of_a_module_pickles_as_the_modules():
    for function in (loss, power, Scale.apply):
        assert pickle.loads(pickle.dumps(function)) is function
        assert b"robustness_functions" in pickle.dumps(function)


def test_a_jit_of_another_function_pickles_with_its_options():
    again = pickle.loads(pickle.dumps(plain_power_jitted))
    assert again is not plain_power_jitted
    np.testing.assert_array_equal(again(np.arange(3.0), 2), [1, 2, 5])
    assert again.cache_size() == 1


def test_lambdas_closures_and_functions_of_scripts_pickle_with_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle", reason="pickles what has no name")
    factor = 3.0
    for function in (jit(lambda x: factor * x), jit(jit(lambda x: factor * x)), jit(grad(lambda x: 1.5 * x**2))):
        assert cloudpickle.loads(cloudpickle.dumps(function))(2.0) == 6.0
    text = """
import cloudpickle, pickle, sys
from vgrad import jit
@jit
def f(x):
    return x + 1
assert pickle.loads(pickle.dumps(f)) is f
sys.stdout.buffer.write(cloudpickle.dumps(f))"""
    command = [sys.executable, "-c", text]
    pickled = subprocess.run(command, env=ENVIRONMENT, timeout=30, check=True, capture_output=True).stdout
    assert pickle.loads(pickled)(1.0) == 2.0  # here __main__ is another script


def test_jitted_functions_look_like_the_function_and_stand_in_classes():
    assert loss.__name__ == "loss" and loss.__doc__.startswith("A product")
    assert list(inspect.signature(loss).parameters) == ["weights", "inputs"]
    scale = Scale(2.0)
    np.testing.assert_allclose(scale.apply(np.ones(2)), 2 * np.sin(1))
    assert jit(loss).cache_size() == 0
    function = jit(loss)
    function(*data(0, 2))
    assert function.cache_size() == 1
    function.clear_cache()
    assert function.cache_size() == 0


# Signals and exit


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("count", ["1", "2"])
def test_ctrl_c_stops_an_endless_loop(count):
    text = """
import numpy as np
from vgrad import jit, lax
f = jit(lambda x: lax.while_loop(lambda c: c[0] >= 0, lambda c: (c[0] * 0 + 1, np.sin(c[1])), (1, x)))
jit(lambda x: x + 1)(1.0)
print("running", flush=True)
f(np.ones(20000))"""
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        env={**ENVIRONMENT, "VGRAD_NUM_THREADS": count},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "running\n"
        time.sleep(1.0)  # it compiles, then it loops
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=2)
    finally:
        process.kill()
        process.wait()
    assert "KeyboardInterrupt" in errors
    assert process.returncode in (-signal.SIGINT, 1)


def test_the_process_exits_right_after_a_call():
    text = """
import numpy as np
from vgrad import jit
print(jit(lambda x: np.sum(np.exp(x) * 2, 1))(np.zeros((4000, 100))).sum())"""
    for _ in range(3):
        done = in_python(text)
        assert (done.returncode, done.stdout, done.stderr) == (0, "800000.0\n", "")


def test_the_process_exits_while_a_daemon_thread_calls():
    text = """
import threading, time
import numpy as np
from vgrad import jit
f = jit(lambda x: np.sum(np.exp(x) * 2, 1))
x = np.zeros((4000, 100))
f(x)
def calls():
    while True:
        f(x)
threading.Thread(target=calls, daemon=True).start()
time.sleep(0.1)
print("done", flush=True)"""
    done = in_python(text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


# The same results without the compiler


def test_the_same_results_without_compiling():
    weights, inputs = data(3, 40)

    def function(weights, inputs):
        def step(carry, row):
            carry = np.tanh(carry + row * weights)
            return carry, np.sum(carry)

        last, sums = lax.scan(step, weights, inputs)
        return last, sums, grad(expected_loss)(weights, inputs)

    compiled = jit(function)(weights, inputs)
    with config(jit=False):
        staged = jit(function)(weights, inputs)
    with config(disable_jit=True):
        plain = jit(function)(weights, inputs)
    for ours, by_operation, by_python in zip(compiled, staged, plain):
        np.testing.assert_allclose(ours, by_operation, rtol=1e-12)
        np.testing.assert_allclose(ours, by_python, rtol=1e-12)


def test_the_environment_turns_compiling_off():
    text = """
import sys
import numpy as np
from vgrad import jit
print(jit(lambda x: np.sum(x * 2))(np.arange(4.0)), "vgrad.compiler.executable" in sys.modules)"""
    assert in_python(text, VGRAD_JIT="0").stdout == "12.0 False\n"
    assert in_python(text, VGRAD_JIT="1").stdout == "12.0 True\n"


# Inputs


BASE = np.random.default_rng(0).normal(size=(6, 8))
INPUTS = {
    "contiguous": BASE,
    "transposed": BASE.T,
    "Fortran": np.asfortranarray(BASE),
    "strided": BASE[::2, 1::3],
    "reversed": BASE[::-1, ::-1],
    "broadcast": np.broadcast_to(BASE[0], (4, 8)),
    "empty": np.zeros((0, 3)),
    "empty last": np.zeros((3, 0)),
    "0-d": np.array(0.5),
    "NumPy scalar": np.float64(0.5),
    "Python float": 0.5,
    "Python int": 3,
    "bool": True,
    "byte-swapped": BASE.astype(BASE.dtype.newbyteorder()),
    "byte-swapped integers": np.arange(6, dtype=np.dtype(np.int32).newbyteorder()),
    "unaligned": np.frombuffer(b"?" + BASE.tobytes(), np.uint8)[1:].view(np.float64).reshape(6, 8),
    "read-only": np.frombuffer(BASE.tobytes()),
    "float32": BASE.astype(np.float32)[:, ::2],
    "int8": np.arange(-5, 5, dtype=np.int8)[::-1],
    "complex64": (BASE + 1j).astype(np.complex64).T,
}


# Inputs become native before the program runs, but its host calls read them in the order that they had.
@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_all_layouts_and_they_never_change(name, two_threads):
    def function(x):
        y = x * 2 + 1
        return y, np.sum(y), np.transpose(y), x

    x = INPUTS[name]
    before = np.array(x)
    results = jit(function)(x)
    expected = function(np.asarray(x))
    for result, wanted in zip(results, expected):
        assert np.shape(result) == np.shape(wanted)
        np.testing.assert_allclose(result, wanted, rtol=2e-6)
    np.testing.assert_array_equal(x, before)
    for result in results:
        if isinstance(result, np.ndarray) and result.size:
            assert result.flags.writeable and not np.shares_memory(result, x)
            result[...] = 0
    np.testing.assert_array_equal(x, before)


def test_one_array_given_twice(two_threads):
    x = np.arange(12.0).reshape(3, 4)
    first, second = jit(lambda a, b: (a + b.T.T, a * 2))(x, x)
    np.testing.assert_array_equal(first, 2 * x)
    np.testing.assert_array_equal(second, 2 * x)


def test_results_of_one_call_stay_when_another_is_made():
    function = jit(lambda x: (x + 1, np.sum(x)))
    kept = [function(np.full(100, float(i))) for i in range(20)]
    for i, (array, total) in enumerate(kept):
        assert (array == i + 1).all() and total == 100 * i
