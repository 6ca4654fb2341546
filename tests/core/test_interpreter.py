"""The current interpreter and tracers. Relies on vgrad.core.interpreter."""

import copy
import threading

import numpy as np
import pytest

from vgrad.api import grad, jit, jvp, vmap
from vgrad.config import config
from vgrad.core.interpreter import EVALUATE, Interpreter, Tracer, installed, interpreting, is_evaluating, state
from vgrad.errors import ShapeError, TracerBoolConversionError, UnexpectedTracerError
from vgrad.primitives.broadcasting import broadcast, reduce_sum
from vgrad.primitives.elementwise import add, log, mul, sin


def traced(fun, *args):
    """What `fun` returns when it is called with tracers of jit, outside of the program."""
    kept = []

    def keep(*values):
        kept.append(fun(*values))
        return values

    jit(keep)(*args)
    return kept[0]


def test_evaluation_is_the_outermost_meaning():
    assert state.interpreter is EVALUATE and is_evaluating()
    assert mul(3.0, 4.0) == 12.0


def test_installing_nests_and_ends():
    outer = Interpreter(EVALUATE)
    with interpreting(outer):
        with installed(Interpreter(outer)) as inner:
            assert state.interpreter is inner and not is_evaluating()
        assert state.interpreter is outer and not inner.active and outer.active
    assert is_evaluating()


def test_an_error_inside_restores_the_interpreter():
    def fails(x):
        raise ArithmeticError("inside")

    for transform in (grad, vmap, jit):
        with pytest.raises(ArithmeticError):
            transform(fails)(np.ones(3) if transform is vmap else 1.0)
        assert is_evaluating()


def test_each_thread_has_its_own_interpreter():
    seen = []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append(is_evaluating()))
        thread.start()
        thread.join()
        return x

    grad(f)(1.0)
    assert seen == [True]


def test_threads_transform_at_once():
    results = {}

    def work(number):
        for _ in range(50):
            results[number] = grad(lambda x: mul(sin(x), float(number)))(1.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        np.testing.assert_allclose(results[number], number * np.cos(1.0))


@pytest.mark.parametrize("transform", [jit, lambda f: vmap(f), lambda f: lambda x: jvp(f, (x,), (x,))])
def test_tracers_know_their_type(transform):
    seen = []

    def f(x):
        seen.append((x.ndim, x.dtype, x.size, len(x), x.itemsize, x.nbytes == x.size * 4, isinstance(x, Tracer)))
        return x

    transform(f)(np.ones((2, 3, 4), np.float32))
    ((ndim, dtype, size, length, itemsize, bytes_right, is_tracer),) = seen
    assert (dtype, itemsize, bytes_right, is_tracer) == (np.float32, 4, True, True)
    assert (ndim, size, length) in [(3, 24, 2), (2, 12, 3)]


def test_tracers_print_type_and_transformation():
    assert traced(repr, np.ones((2, 3), np.float32)) == "Traced<f32[2,3]> by jit"
    assert traced(lambda x: f"{x}", 1.0) == "Traced<f64[]> by jit"


def test_a_tracer_under_grad_formats_its_value():
    seen = []
    grad(lambda x: seen.append(f"{x:.2f}") or x)(1.2345)
    assert seen == ["1.23"]


def test_rank_0_has_no_length():
    with pytest.raises(TypeError, match="len.. of a traced array of rank 0"):
        jit(len)(1.0)


def test_python_control_flow_on_concrete_values_under_grad():
    def f(x):
        while x < 10:
            x = mul(x, 2.0)
        return x if x > 0 else mul(x, 0.0)

    assert grad(f)(np.float64(3.0)) == 4.0


def test_tracers_copy_to_themselves():
    assert traced(lambda x: copy.copy(x) is x and copy.deepcopy([x])[0] is x, 1.0)


def test_tracers_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        jit(lambda x: {x: 1})(1.0)


def test_an_unmapped_argument_is_concrete_under_vmap():
    def f(x, n):
        return x if n > 2 else mul(x, 0.0)

    np.testing.assert_array_equal(vmap(f, (0, None))(np.ones(3), 3), np.ones(3))
    with pytest.raises(TracerBoolConversionError, match="differs from example to example under vmap"):
        vmap(f, (None, 0))(np.ones(3), np.arange(3))


def test_a_leaked_tracer_is_reported_when_it_is_used():
    kept = []
    grad(lambda x: kept.append(mul(x, 2.0)) or mul(x, x))(3.0)
    for use in (lambda: sin(kept[0]), lambda: grad(lambda y: mul(y, kept[0]))(1.0), lambda: jit(lambda: kept[0])()):
        with pytest.raises(UnexpectedTracerError, match=r"unexpected tracer.*type f64\[\], made by grad"):
            use()


def test_errors_of_numpy_become_errors_that_name_operation_and_shapes():
    with pytest.raises(ShapeError, match=r"add got incompatible shapes for broadcasting: \(2,\), \(3,\)"):
        add(np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match=r"reduction over axes \(2,\) of an array of shape \(3,\)"):
        reduce_sum(np.ones(3), axes=(2,))
    with pytest.raises(ShapeError, match=r"shape \(3,\) does not fit axes \(0,\) of shape \(4,\)"):
        broadcast(np.ones(3), shape=(4,), axes=(0,))


def test_debug_nans_names_the_operation_that_first_makes_one():
    with config(debug_nans=True), np.errstate(all="ignore"):
        with pytest.raises(FloatingPointError, match=r"invalid value \(nan\) encountered in log on operands f64\[2\]"):
            grad(lambda x: reduce_sum(log(x), axes=(0,)))(np.array([-1.0, 1.0]))
    assert np.isnan(grad(log)(np.nan))


def test_operations_on_python_scalars_have_the_default_float():
    for default, scalar in (("float64", np.float64), ("float32", np.float32)):
        with config(default_float=default):
            assert {type(f(1.0)) for f in (sin, jit(sin), grad(sin), jit(grad(sin)))} == {scalar}
            assert mul(1.0, np.float64(2.0)).dtype == np.float64
            assert type(mul(2, 3)) is np.int64
