"""Histograms: NumPy's results, staged, batched; derivatives with respect to weights; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_batches, check_derivatives, draw, same
from vgrad import grad, jit, vmap
from vgrad.errors import ConcretizationTypeError, ShapeError


# fmt: off
@pytest.mark.parametrize("options", [
    {}, {"bins": 4}, {"bins": [-2, 0, 1.5]}, {"range": (-1, 1)}, {"density": True}, {"bins": "sturges"},
    {"bins": [-2.0, 0, 1.5], "density": True},
])
# fmt: on
def test_histograms(options):
    for x in (draw((3, 4), "float64"), draw((5,), "float32"), draw((5,), "int64"), np.ones(3), np.zeros(0)):
        if not x.size and "density" in options:
            continue
        ours, theirs = vnp.histogram(x, **options), np.histogram(x, **options)
        same(ours, theirs, 1e-6)
        if options.get("bins") != "sturges":
            same(jit(lambda x: np.histogram(x, **options))(x), theirs, 1e-6)
        same(vnp.histogram_bin_edges(x, *[options[k] for k in ("bins",) if k in options]),
             np.histogram_bin_edges(x, *[options[k] for k in ("bins",) if k in options]), 1e-6)  # fmt: skip


def test_weighted_histograms_have_derivatives():
    x, weights = draw((6,), "float64"), draw((6,), "float64", 1)
    same(vnp.histogram(x, 3, weights=weights), np.histogram(x, 3, weights=weights), 1e-12)
    check_derivatives(lambda np, weights: np.histogram(x, 3, weights=weights)[0], [(6,)])
    check_batches(lambda np, x: np.histogram(x, 3)[0], [(6,)])
    check_derivatives(lambda np, x: np.histogram(x, 3)[1], [(6,)])


# fmt: off
@pytest.mark.parametrize("options", [
    {}, {"bins": 4}, {"bins": (3, 4)}, {"bins": [[-1, 0, 1], [-2, 0, 0.5, 2]]}, {"density": True},
    {"range": [(-1, 1), (-2, 2)]}, {"weights": np.arange(6.0)},
])
# fmt: on
def test_histograms_of_points(options):
    x, y = draw((6,), "float64"), draw((6,), "float64", 1)
    same(vnp.histogram2d(x, y, **options), np.histogram2d(x, y, **options), 1e-12)
    same(vnp.histogram2d(x, y, [-1, 0, 1]), np.histogram2d(x, y, [-1, 0, 1]), 1e-12)
    counts, edges = vnp.histogramdd(np.stack([x, y], 1), **options)
    same([counts, *edges], np.histogram2d(x, y, **options), 1e-12)


def test_bincount():
    x, weights = np.array([1, 3, 1, 0, 6]), draw((5,), "float64")
    for arguments in ((), (weights,), (None, 10), (np.arange(5),)):
        same(vnp.bincount(x, *arguments), np.bincount(x, *arguments))
    same(vnp.bincount(np.zeros(0, int)), np.bincount(np.zeros(0, int)))
    same(jit(lambda x: vnp.bincount(x, length=3))(x), np.array([1, 2, 0]))
    same(vmap(lambda x: vnp.bincount(x, length=2))(np.array([[0, 1], [1, 1]])), np.array([[1, 1], [0, 2]]))
    same(grad(lambda w: vnp.bincount(x, w)[1])(weights), np.array([1.0, 0.0, 1.0, 0.0, 0.0]))


@pytest.mark.parametrize("right", [False, True])
def test_digitize(right):
    x = np.array([-3.0, -1.0, 0.2, 0.5, 1.0, 4.0, np.nan])
    for bins in (np.array([-1.0, 0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.0, -1.0]), np.array([0.5])):
        expected = np.digitize(x, bins, right)
        same(vnp.digitize(x, bins, right), expected)
        same(jit(lambda x, bins: np.digitize(x, bins, right))(x, bins), expected)
        same(vmap(lambda x: np.digitize(x, bins, right))(x), expected)


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.bincount(np.array([1, -2])), r"no negative elements"),
    (lambda: vnp.bincount(np.ones((2, 3), int)), r"bincount: .*\(2, 3\)"),
    (lambda: vnp.bincount(np.ones(3, int), np.ones(4)), r"weights of shape \(4,\), x of shape \(3,\)"),
    (lambda: vnp.histogram(np.ones(3), weights=np.ones(4)), r"\(4,\) and \(3,\)"),
    (lambda: vnp.histogram(np.ones(3), 0), r"must be positive"),
    (lambda: vnp.histogram(np.ones(3), range=(2, 1)), r"max must be larger than min"),
    (lambda: vnp.digitize(np.ones(3), np.ones((2, 2))), r"digitize: .*\(2, 2\)"),
])
# fmt: on
def test_errors_say_what_does_not_fit(call, message):
    with pytest.raises((ShapeError, ValueError, TypeError), match=message):
        call()


def test_a_traced_bincount_needs_its_length():
    with pytest.raises(ConcretizationTypeError, match=r"length=n"):
        jit(np.bincount)(np.array([1, 2]))
