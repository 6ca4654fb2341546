"""Running a program. Relies on vgrad.transforms.evaluate."""

import weakref

import numpy as np
import pytest

from vgrad.api import grad, make_jaxpr, vmap
from vgrad.core.types import ArrayType
from vgrad.primitives.broadcasting import reduce_sum
from vgrad.primitives.elementwise import add, mul, sin
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage


def test_a_program_gives_what_the_function_gives():
    def f(x, y):
        return add(mul(x, y), np.arange(3.0)), x, 2.0

    x, y = np.ones(3), np.full(3, 4.0)
    outputs = evaluate(make_jaxpr(f)(x, y), x, y)
    for got, wanted in zip(outputs, f(x, y), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_an_output_may_stand_twice_and_an_input_may_be_unused():
    jaxpr = make_jaxpr(lambda x, y: (x, x, sin(x)))(1.0, 2.0)
    assert evaluate(jaxpr, 3.0, 4.0) == [3.0, 3.0, np.sin(3.0)]


def test_the_number_of_operands_must_fit():
    jaxpr = make_jaxpr(lambda x: sin(x))(1.0)
    with pytest.raises(ValueError):
        evaluate(jaxpr, 1.0, 2.0)


def test_a_program_can_be_transformed():
    jaxpr = make_jaxpr(lambda x: mul(sin(x), x))(1.0)

    def f(x):
        return evaluate(jaxpr, x)[0]

    points = np.linspace(0.0, 1.0, 4)
    np.testing.assert_allclose(vmap(grad(f))(points), np.sin(points) + points * np.cos(points))
    assert len(make_jaxpr(f)(1.0).equations) == 2


def test_values_are_dropped_after_their_last_use():
    alive = []

    class Watched(np.ndarray):
        pass

    def watch(value):
        value = np.asarray(value).view(Watched)
        alive.append(weakref.ref(value))
        return value

    def f(x):
        for _ in range(5):
            x = sin(x)
        return reduce_sum(x, axes=(0,))

    counts = []
    from vgrad.core.interpreter import EVALUATE, Interpreter, interpreting

    class Watch(Interpreter):
        def process(self, primitive, operands, params):
            output = watch(EVALUATE.process(primitive, operands, params))
            counts.append(sum(ref() is not None for ref in alive))
            return output

    jaxpr, _ = stage(lambda x: [f(x)], [ArrayType((3,), np.dtype(np.float64))])
    with interpreting(Watch(EVALUATE)):
        evaluate(jaxpr, np.ones(3))
    assert max(counts) <= 2  # the operand and the output of the running operation
