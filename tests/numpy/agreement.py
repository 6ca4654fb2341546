"""One row of a table, every check: a function of (namespace, *arrays) must give NumPy's results, however transformed.

A row is (text, function, *shapes). The function gets `numpy` or `vgrad.numpy` as its first argument.
"""

import numpy as np
import pytest

import vgrad.numpy
from vgrad import jit, tree, vmap
from vgrad.config import config
from vgrad.testing import check_grads

DTYPES = ("float64", "float32", "int64", "bool", "complex128")


def rows(*table):
    """The table as a parametrization of (function, shapes)."""
    return pytest.mark.parametrize(
        "function, shapes", [pytest.param(function, shapes, id=text) for text, function, *shapes in table]
    )


def draw(shape, dtype, seed=0):
    """Numbers that differ, exact in all dtypes that can hold them; the array is read-only."""
    rng = np.random.default_rng([seed, *shape])
    size = int(np.prod(shape))
    values = (rng.permutation(size) - size // 2).reshape(shape)
    if dtype == "bool":
        values = values % 2
    elif dtype == "complex128":
        values = values * (0.5 + 0.25j)
    elif dtype in ("float64", "float32"):
        values = values * 0.25
    values = np.asarray(values, dtype)
    values.flags.writeable = False
    return values


def same(ours, theirs, tolerance=0.0):
    """Equal structure, shapes, dtypes and values (up to a relative tolerance)."""
    ours, theirs = [value if isinstance(value, (list, tuple)) else (value,) for value in (ours, theirs)]
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs):
        own, other = np.asarray(own), np.asarray(other)
        assert (own.shape, own.dtype) == (other.shape, other.dtype)
        scale = np.max(np.abs(other), initial=0.0, where=np.isfinite(other)) if other.dtype.kind in "fc" else 0
        np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance * scale)


def check_agreement(function, shapes, dtypes=DTYPES, tolerance=0.0):
    """Eager and staged results are NumPy's."""

    def ours(*arrays):
        return function(vgrad.numpy, *arrays)

    for dtype in dtypes:
        arrays = [draw(shape, dtype, seed) for seed, shape in enumerate(shapes)]
        expected = function(np, *arrays)
        same(ours(*arrays), expected, tolerance)
        same(jit(ours)(*arrays), expected, tolerance)
        with config(jit=False):  # the same program, reached by NumPy's functions: no need to compile it again
            same(jit(lambda *arrays: function(np, *arrays))(*arrays), expected, tolerance)


def check_batches(function, shapes, dtype="float64", tolerance=0.0):
    """vmap is a loop, with the mapped axis first, last, and on one argument alone."""

    def ours(*arrays):
        return function(vgrad.numpy, *arrays)

    mappings = [(0,) * len(shapes), tuple([len(shape) for shape in shapes])]
    mappings += [tuple([0 if place == alone else None for place in range(len(shapes))]) for alone in range(len(shapes))]
    for in_axes in mappings[: 2 if len(shapes) == 1 else None]:
        arrays = [
            draw(shape if axis is None else shape[:axis] + (3,) + shape[axis:], dtype, seed)
            for seed, (shape, axis) in enumerate(zip(shapes, in_axes))
        ]
        single = [
            function(np, *[a if axis is None else np.take(a, i, axis) for a, axis in zip(arrays, in_axes)])
            for i in range(3)
        ]
        expected = tree.map(lambda *results: np.stack(results), *single)
        same(vmap(ours, in_axes)(*arrays), expected, tolerance)


def check_derivatives(function, shapes, order=1):
    """jvp and vjp are those of finite differences, eager and staged."""
    arrays = tuple([draw(shape, "float64", seed) for seed, shape in enumerate(shapes)])
    check_grads(lambda *arrays: function(vgrad.numpy, *arrays), arrays, order)
    with config(jit=False):  # compiled derivatives are a matter of tests/primitives
        check_grads(jit(lambda *arrays: function(vgrad.numpy, *arrays)), arrays, 1, modes="rev")
