"""The mapped axis through operations. Relies on vgrad.transforms.batch."""

import numpy as np
import pytest

from vgrad.primitives.broadcasting import convert, reduce_sum
from vgrad.primitives.elementwise import add, mul
from vgrad.transforms.batch import MappedAxis, batch, materialize
from vgrad.transforms.jvp import jvp

AXIS = MappedAxis(None, 4)
MATRIX = np.arange(12.0).reshape(4, 3)


def test_each_operation_runs_once_for_all_examples():
    outputs, axes = batch(lambda x: [reduce_sum(mul(x, x), axes=(0,))], AXIS, [MATRIX], [0])
    assert axes == [0]
    np.testing.assert_array_equal(outputs[0], (MATRIX**2).sum(1))


def test_the_axis_may_stand_anywhere():
    (output,), (axis,) = batch(lambda x: [reduce_sum(x, axes=(0,))], AXIS, [MATRIX.T], [1])
    np.testing.assert_array_equal(np.moveaxis(output, axis, 0), MATRIX.sum(1))


def test_operands_of_other_ranks_line_up():
    def f(x, y, z):
        return [add(mul(x, y), z)]

    y, z = np.arange(4.0), np.ones((2, 3))
    (output,), (axis,) = batch(f, AXIS, [MATRIX, y, z], [0, 0, None])
    wanted = np.stack([x * a + z for x, a in zip(MATRIX, y)])
    np.testing.assert_array_equal(np.moveaxis(output, axis, 0), wanted)


def test_what_does_not_depend_on_the_example_has_no_axis():
    runs = []

    def f(x, y):
        runs.append((x.shape, y.shape))
        return [mul(y, y), y, 5.0, x]

    outputs, axes = batch(f, AXIS, [MATRIX, np.ones(2)], [0, None])
    assert axes == [None, None, None, 0] and runs == [((3,), (2,))]
    assert outputs[2] == 5.0


def test_vmap_nests():
    def outer(x):
        outputs, axes = batch(lambda y: [mul(x, y)], MappedAxis(None, 3), [np.arange(3.0)], [0])
        return [materialize(outputs[0], axes[0], 0, 3)]

    (output,), (axis,) = batch(outer, AXIS, [np.arange(4.0)], [0])
    np.testing.assert_array_equal(np.moveaxis(output, axis, 0), np.outer(np.arange(4.0), np.arange(3.0)))


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_materialize_moves_or_spreads_the_axis(destination):
    cube = np.arange(24.0).reshape(2, 4, 3)
    moved = materialize(cube, 1, destination, 4)
    np.testing.assert_array_equal(moved, np.moveaxis(cube, 1, destination))
    spread = materialize(np.ones((2, 3)), None, destination, 4)
    assert spread.shape == np.moveaxis(cube, 1, destination).shape and (spread == 1).all()


def test_no_examples():
    (output,), (axis,) = batch(lambda x: [reduce_sum(x, axes=(0,))], MappedAxis(None, 0), [np.zeros((0, 3))], [0])
    assert (output.shape, axis) == ((0,), 0)


def test_a_converted_python_number_keeps_its_dtype():
    x = np.ones(2, np.float32)
    seen = []

    def f(x, n):
        seen.append(convert(n, dtype=np.dtype(np.float32)).dtype)
        seen.append(convert(3.0, dtype=np.dtype(np.float32)).dtype)
        return [mul(x, convert(n, dtype=np.dtype(np.float32)))]

    (output,), _ = batch(f, MappedAxis(None, 2), [x, 3.0], [0, None])
    (primal,), (tangent,) = jvp(lambda n: f(np.float32(1), n), [3.0], [1.0])
    assert {output.dtype, primal.dtype, tangent.dtype, *seen} == {np.dtype(np.float32)}
