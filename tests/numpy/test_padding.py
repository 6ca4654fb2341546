"""pad: NumPy's results in every mode, eager, staged, batched; derivatives; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, rows, same
from vgrad import grad, jit, vmap
from vgrad.errors import ShapeError

NUMBERS = ("float64", "float32", "int64", "complex128")
REAL = ("float64", "float32", "int64")

# fmt: off
MOVES = rows(
    ("constant", lambda np, x: np.pad(x, 2), (2, 3)),
    ("constant pairs", lambda np, x: np.pad(x, ((1, 0), (2, 3)), constant_values=2), (2, 3)),
    ("constant one pair", lambda np, x: np.pad(x, (1, 2)), (2, 3)),
    ("constant values", lambda np, x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), (2, 3)),
    ("constant value pair", lambda np, x: np.pad(x, ((2, 1), (0, 2)), constant_values=(5, 6)), (2, 3)),
    ("constant empty", lambda np, x: np.pad(x, 1, constant_values=(1, 2)), (0, 3)),
    ("dict", lambda np, x: np.pad(x, {-1: (1, 2)}), (2, 3)),
    ("of rank 0", lambda np, x: np.pad(x, 3), ()),
    ("edge", lambda np, x: np.pad(x, ((1, 2), (0, 3)), mode="edge"), (2, 3)),
    ("wrap", lambda np, x: np.pad(x, ((1, 2), (4, 8)), "wrap"), (2, 3)),
    ("reflect", lambda np, x: np.pad(x, ((1, 1), (2, 0)), "reflect"), (2, 3)),
    ("reflect far", lambda np, x: np.pad(x, ((5, 4), (7, 9)), "reflect"), (2, 3)),
    ("reflect one", lambda np, x: np.pad(x, 2, "reflect"), (1, 3)),
    ("symmetric", lambda np, x: np.pad(x, ((1, 1), (2, 0)), "symmetric"), (2, 3)),
    ("symmetric far", lambda np, x: np.pad(x, (8, 9), "symmetric", reflect_type="even"), (2, 3)),
    ("nowhere", lambda np, x: np.pad(x, 0, "wrap"), (0, 3)),
)
SUMS = rows(
    ("reflect odd", lambda np, x: np.pad(x, ((1, 2), (2, 0)), "reflect", reflect_type="odd"), (3, 3)),
    ("reflect odd far", lambda np, x: np.pad(x, (17, 13), "reflect", reflect_type="odd"), (4,)),
    ("reflect odd one", lambda np, x: np.pad(x, (2, 3), "reflect", reflect_type="odd"), (1,)),
    ("symmetric odd", lambda np, x: np.pad(x, ((1, 2), (2, 0)), "symmetric", reflect_type="odd"), (3, 3)),
    ("symmetric odd far", lambda np, x: np.pad(x, (17, 13), "symmetric", reflect_type="odd"), (4,)),
)
STATISTICS = rows(
    ("linear_ramp", lambda np, x: np.pad(x, ((2, 3), (0, 1)), "linear_ramp", end_values=((1, 2), (3, -4))), (2, 3)),
    ("linear_ramp to 0", lambda np, x: np.pad(x, 3, "linear_ramp"), (2,)),
    ("maximum", lambda np, x: np.pad(x, 2, "maximum"), (2, 3)),
    ("maximum of some", lambda np, x: np.pad(x, ((1, 2), (2, 1)), "maximum", stat_length=(1, 2)), (3, 4)),
    ("minimum", lambda np, x: np.pad(x, (1, 2), "minimum", stat_length=2), (3, 4)),
    ("mean", lambda np, x: np.pad(x, (1, 2), "mean"), (3, 4)),
    ("mean of some", lambda np, x: np.pad(x, (1, 2), "mean", stat_length=((1, 2), (9, 3))), (3, 4)),
)
# fmt: on


@MOVES
def test_modes_that_copy_agree_with_numpy(function, shapes):
    check_agreement(function, shapes)
    check_batches(function, shapes)
    check_derivatives(function, shapes)


@SUMS
def test_odd_reflections_agree_with_numpy(function, shapes):
    check_agreement(function, shapes, NUMBERS, tolerance=1e-6)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


@STATISTICS
def test_modes_that_compute_agree_with_numpy(function, shapes):
    check_agreement(function, shapes, REAL, tolerance=1e-6)
    check_batches(function, shapes, tolerance=1e-12)
    check_derivatives(function, shapes)


def test_empty_pads_with_zeros():
    same(vnp.pad(np.ones(2), 1, "empty"), np.array([0.0, 1.0, 1.0, 0.0]))


def test_the_values_may_be_traced():
    def f(x, low, high):
        return vnp.pad(x, ((1, 2),), constant_values=(low, high))

    x = np.arange(3.0)
    same(jit(f)(x, 5.0, 7.0), np.pad(x, (1, 2), constant_values=(5.0, 7.0)))
    gradients = grad(lambda *args: np.sum(f(*args) * np.arange(6.0)), argnums=(0, 1, 2))(x, 5.0, 7.0)
    for own, expected in zip(gradients, (np.array([1.0, 2.0, 3.0]), 0.0, 9.0)):
        np.testing.assert_array_equal(own, expected)
    ends = np.array([1.0, 2.0])
    same(
        vmap(lambda c: np.pad(x * c, 1, constant_values=c))(ends),
        np.stack([np.pad(x * c, 1, constant_values=c) for c in ends]),
    )
    same(
        vmap(lambda c: vnp.pad(x, (2, 1), "linear_ramp", end_values=c))(ends),
        np.stack([np.pad(x, (2, 1), "linear_ramp", end_values=c) for c in ends]),
    )


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"length 0 \(shape \(0, 3\)\).*'edge'"):
        vnp.pad(np.ones((0, 3)), 1, "edge")
    with pytest.raises(ShapeError, match="pad_width"):
        vnp.pad(np.ones((2, 3)), ((1, 2), (3, 4), (5, 6)))
    with pytest.raises(ValueError, match="negative"):
        vnp.pad(np.ones(3), (-1, 2))
    with pytest.raises(TypeError, match="integral"):
        vnp.pad(np.ones(3), 1.5)
    with pytest.raises(ValueError, match="mode 'mirror'"):
        vnp.pad(np.ones(3), 1, "mirror")
    with pytest.raises(ValueError, match="'edge': constant_values"):
        vnp.pad(np.ones(3), 1, "edge", constant_values=2)
    with pytest.raises(ValueError, match="reflect_type"):
        vnp.pad(np.ones(3), 1, "reflect", reflect_type="strange")
    with pytest.raises(TypeError, match="booleans"):
        vnp.pad(np.ones(3, bool), 1, "reflect", reflect_type="odd")
    with pytest.raises(ValueError, match="stat_length"):
        vnp.pad(np.ones(3), 1, "mean", stat_length=0)
