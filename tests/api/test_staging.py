"""jit, make_jaxpr, eval_shape, closure_convert. Relies on vgrad.api.staging."""

import functools
from typing import NamedTuple

import numpy as np
import pytest

from vgrad import ShapeDtypeStruct, closure_convert, config, disable_jit, eval_shape, grad, jit, make_jaxpr, vmap
from vgrad.core.typecheck import typecheck


class Counted:
    """f(x, *rest) = 2 x that counts how often it is traced."""

    def __init__(self):
        self.count = 0

    def __call__(self, x, *rest):
        self.count += 1
        return x * 2


@pytest.mark.parametrize(
    "calls, traces",
    [
        ([1.0, 2.0, 3.0], 1),
        ([1.0, np.float64(1.0)], 2),  # a weak and a strong type
        ([np.ones(2), np.zeros(2), np.ones(2)[::-1]], 1),
        ([np.ones(2), np.ones(3), np.ones((2, 1))], 3),
        ([np.ones(2), np.ones(2, np.float32)], 2),
    ],
)
def test_a_function_is_traced_once_for_each_type(calls, traces):
    f = Counted()
    staged = jit(f)
    for x in calls:
        np.testing.assert_array_equal(staged(x), x * 2)
    assert f.count == traces


def test_structures_are_part_of_the_type():
    count = []
    f = jit(lambda p: count.append(1) or p["a"])
    f({"a": 1.0})
    f({"a": 2.0})
    f({"a": 2.0, "b": 1.0})
    assert len(count) == 2


def test_the_default_float_is_part_of_the_type():
    f = jit(lambda x: x * 2)
    assert f(1.0).dtype == np.float64
    with config(default_float="float32"):
        assert f(1.0).dtype == np.float32


def test_static_arguments_stay_python_values():
    f = Counted()
    staged = jit(lambda x, n, mode="up": f(x) * n if mode == "up" else x, static_argnums=1, static_argnames="mode")
    assert [staged(1.0, 3), staged(2.0, 3), staged(1.0, 4), staged(1.0, 4, mode="down")] == [6.0, 12.0, 8.0, 1.0]
    assert f.count == 2


def test_static_arguments_by_name_or_number_are_the_same():
    def power(x, n):
        for _ in range(n - 1):
            x = x * x
        return x

    for staged in (
        jit(power, static_argnums=(1,)),
        jit(power, static_argnums=-1),
        jit(power, static_argnames=("n",)),
        functools.partial(jit, static_argnums=1)(power),
        jit(static_argnames="n")(power),
    ):
        assert staged(3.0, 2) == 9.0 and staged(3.0, n=2) == 9.0


def test_equal_statics_of_different_types_are_not_confused():
    f = jit(lambda x, n: x * n, static_argnums=1)
    assert f(1, True).dtype == np.int64 and f(1, 1.0).dtype == np.float64 and f(1, 1).dtype == np.int64


def test_jit_as_a_decorator_keeps_the_name():
    @jit
    def named(x):
        """What it does."""
        return x

    assert (named.__name__, named.__doc__) == ("named", "What it does.")


def test_outputs_of_any_structure():
    assert jit(lambda x: None)(1.0) is None
    assert jit(lambda: 3)() == 3
    assert jit(lambda x: {"a": [x, 2], "b": ()})(1.0) == {"a": [1.0, 2], "b": ()}


def test_closed_over_tracers_belong_to_their_call():
    def f(x):
        inner = jit(lambda y: x * y)
        return inner(2.0) + inner(3.0)

    assert grad(f)(7.0) == 5.0
    np.testing.assert_array_equal(vmap(f)(np.arange(3.0)), 5 * np.arange(3.0))
    assert jit(f)(2.0) == 10.0


def test_a_shared_jit_closes_over_each_call_anew():
    scale = []
    inner = jit(lambda y: y * scale[-1])

    def f(x):
        scale.append(x)
        return inner(2.0)

    assert grad(f)(1.0) == 2.0
    assert grad(lambda x: f(x) * x)(3.0) == 12.0


def test_nested_jit():
    f = jit(lambda x: jit(lambda y: y * y)(x) + 1)
    assert f(3.0) == 10.0 and grad(f)(3.0) == 6.0 and grad(grad(f))(3.0) == 2.0


def test_disable_jit_runs_python():
    f = Counted()
    staged = jit(f)
    with disable_jit():
        staged(1.0)
        staged(1.0)
        assert jit(lambda x: x if x > 0 else -x)(-2.0) == 2.0
    assert f.count == 2


def test_a_jitted_method():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @functools.partial(jit, static_argnums=0)
        def __call__(self, x):
            return self.scale * x

    assert Model(3.0)(2.0) == 6.0 and Model(4.0)(2.0) == 8.0


def test_results_do_not_share_memory_with_the_cache():
    f = jit(lambda x: (np.zeros(3), x))
    first, _ = f(1.0)
    first[0] = 5.0
    np.testing.assert_array_equal(f(1.0)[0], np.zeros(3))


def test_make_jaxpr_shows_the_program():
    jaxpr = make_jaxpr(lambda x, n: x * n, static_argnums=1)(np.ones(3), 4.0)
    assert " ".join(str(typecheck(jaxpr)).split()) == "{ lambda ; a:f64[3]. let b:f64[3] = mul a 4.0 in (b,) }"
    jaxpr, shapes = make_jaxpr(lambda x: {"y": x > 0}, return_shape=True)(np.ones((2, 3)))
    assert shapes == {"y": ShapeDtypeStruct((2, 3), bool)}


def test_eval_shape_computes_nothing():
    huge = ShapeDtypeStruct((10**6, 10**5), np.float32)
    out = eval_shape(lambda x, y: {"p": x @ y, "n": np.sum(x > 0)}, huge, ShapeDtypeStruct((10**5, 3), np.float32))
    assert out == {"p": ShapeDtypeStruct((10**6, 3), np.float32), "n": ShapeDtypeStruct((), np.int64)}
    assert (out["p"].ndim, out["p"].size) == (2, 3 * 10**6)
    assert eval_shape(grad(lambda x: x * x), 1.0).shape == ()


def test_structs_of_shape_and_dtype_are_values():
    struct = ShapeDtypeStruct((2,), np.float32)
    assert struct == ShapeDtypeStruct([2], "float32") and hash(struct) == hash(ShapeDtypeStruct((2,), np.float32))
    assert struct != ShapeDtypeStruct((2,), np.float64)
    assert repr(struct) == "ShapeDtypeStruct(shape=(2,), dtype=float32)"


def test_closure_convert_makes_what_is_closed_over_arguments():
    def f(x):
        closed, consts = closure_convert(lambda y: x * y, 1.0)
        return closed(3.0, *[c * 10 for c in consts])

    assert f(2.0) in (6.0, 60.0)
    assert grad(f)(2.0) == 30.0


def test_a_call_finds_its_program_whatever_the_containers_are():
    """Calls after the first take a short way: dictionaries in any order, numbers, None, lists, scalars, classes."""

    class Pair(NamedTuple):
        first: object
        second: object

    def f(params, rest, *, factor=1.0):
        pair = params["pair"]
        return {"b": params["b"] - 2 * params["a"], "sum": rest[0] * factor + pair.first - pair.second + rest[2][0]}

    jitted = jit(f)
    array, pair = np.arange(3.0), Pair(np.float32(2), np.arange(3.0))
    trees = [
        ({"a": array, "b": array + 1, "pair": pair}, [array, None, (2.0,)]),
        ({"b": array + 1, "pair": pair, "a": array}, [array, None, (2.0,)]),
        ({"b": array + 1, "pair": pair, "a": array.astype("float32")}, [np.float64(3), None, (np.int8(2),)]),
        ({"b": 1, "pair": pair, "a": np.float32(2)}, (array, None, [True])),
    ]
    for _ in range(3):
        for params, rest in trees:
            for factor in ({}, {"factor": 2.0}, {"factor": array}):
                found, expected = jitted(params, rest, **factor), f(params, rest, **factor)
                for name in expected:
                    np.testing.assert_array_equal(found[name], expected[name])
                    assert found[name].dtype == np.asarray(expected[name]).dtype


def test_plain_containers_are_ready_after_the_first_call():
    f = jit(lambda params, x: {name: x * value for name, value in params.items()})
    x = np.arange(4.0)
    assert not f.ready
    for params in ({"z": 1.0, "a": x}, {"a": x, "z": 1.0}):
        for _ in range(2):
            result = f(params, x)
            np.testing.assert_array_equal(result["a"], x * x)
            np.testing.assert_array_equal(result["z"], x)
    assert len(f.ready) == 2 and f.cache_size() == 1
