"""New arrays: NumPy's values and dtypes, of class Array; those made of traced values have derivatives and batches."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_derivatives, draw, same
from vgrad import ShapeDtypeStruct, config, grad, jit, vmap
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.numpy.array import Array

# fmt: off
CALLS = {
    "array of a list": lambda np: np.array([[1, 2.5], [3, 4]]),
    "array of a number": lambda np: np.array(3),
    "array of bools": lambda np: np.array([True, False]),
    "array of nothing": lambda np: np.array([]),
    "array dtype": lambda np: np.array([1, 2], dtype=float),
    "array float32": lambda np: np.array([1, 2], dtype="float32"),
    "array ndmin": lambda np: np.array([1, 2], ndmin=3),
    "asarray": lambda np: np.asarray([1, 2], np.int32),
    "asanyarray": lambda np: np.asanyarray(1j),
    "ascontiguousarray": lambda np: np.ascontiguousarray(3.0),
    "astype": lambda np: np.astype(np.array([1.5, -1.5]), int),
    "copy": lambda np: np.copy([1, 2]),
    "zeros": lambda np: np.zeros((2, 3)),
    "zeros of a length": lambda np: np.zeros(2, int),
    "zeros of rank 0": lambda np: np.zeros(()),
    "ones": lambda np: np.ones((2, 0)),
    "ones complex": lambda np: np.ones(2, complex),
    "full": lambda np: np.full((2, 2), 7),
    "full dtype": lambda np: np.full(2, 7, float),
    "full of values": lambda np: np.full((2, 3), [1.0, 2.0, 3.0]),
    "zeros_like": lambda np: np.zeros_like([1, 2]),
    "ones_like": lambda np: np.ones_like(2.0),
    "ones_like dtype": lambda np: np.ones_like(np.zeros(2), bool),
    "full_like": lambda np: np.full_like(np.zeros(2, int), 2.9),
    "full_like shape": lambda np: np.full_like(np.zeros(2), 2, shape=(1, 3)),
    "eye": lambda np: np.eye(3),
    "eye k": lambda np: np.eye(2, 4, 1, int),
    "identity": lambda np: np.identity(2),
    "arange": lambda np: np.arange(5),
    "arange float": lambda np: np.arange(5.0),
    "arange step": lambda np: np.arange(1, 10, 3),
    "arange down": lambda np: np.arange(5, 0, -2),
    "arange fractions": lambda np: np.arange(0, 1, 0.25),
    "arange empty": lambda np: np.arange(3, 1),
    "arange dtype": lambda np: np.arange(3, dtype=np.float32),
    "arange int32": lambda np: np.arange(np.int32(3)),
    "linspace": lambda np: np.linspace(0, 1),
    "linspace 7": lambda np: np.linspace(-1.3, 2.9, 7),
    "linspace open": lambda np: np.linspace(0, 1, 5, endpoint=False),
    "linspace of one": lambda np: np.linspace(2, 3, 1),
    "linspace of none": lambda np: np.linspace(2, 3, 0),
    "linspace int": lambda np: np.linspace(-3, 4, 5, dtype=int),
    "linspace float32": lambda np: np.linspace(np.float32(0), np.float32(1), 3),
    "linspace of arrays": lambda np: np.linspace([1.0, 2.0], [3, 5], 4),
    "linspace axis": lambda np: np.linspace([1.0, 2.0], 5, 4, axis=-1),
    "linspace retstep": lambda np: np.linspace(0, 3, 4, retstep=True),
    "linspace retstep of one": lambda np: np.linspace(0, 3, 1, retstep=True),
    "linspace complex": lambda np: np.linspace(0, 1 + 2j, 4),
    "logspace": lambda np: np.logspace(0, 2, 5),
    "logspace base": lambda np: np.logspace(0, 3, 4, base=2, dtype=int),
    "geomspace": lambda np: np.geomspace(1, 1000, 4),
    "geomspace down": lambda np: np.geomspace(-8, -1, 4),
    "geomspace open": lambda np: np.geomspace(1, 16, 4, endpoint=False),
    "geomspace complex": lambda np: np.geomspace(1j, 8j, 4),
    "geomspace of arrays": lambda np: np.geomspace([1.0, 2.0], [8, 54], 4, axis=1),
    "geomspace of one": lambda np: np.geomspace(3, 9, 1),
    "geomspace of none": lambda np: np.geomspace(3, 9, 0),
    "meshgrid": lambda np: np.meshgrid([1, 2], [3.0, 4.0, 5.0]),
    "meshgrid ij": lambda np: np.meshgrid([1, 2], [3, 4, 5], [6], indexing="ij"),
    "meshgrid sparse": lambda np: np.meshgrid([1, 2], [3, 4, 5], [6], sparse=True),
    "meshgrid of one": lambda np: np.meshgrid([1, 2]),
    "indices": lambda np: np.indices((2, 3)),
    "indices sparse": lambda np: np.indices((2, 3), sparse=True),
    "fromfunction": lambda np: np.fromfunction(lambda i, j: i - 2 * j, (2, 3)),
    "mgrid": lambda np: np.mgrid[0:3, 1:2:4j],
    "ogrid": lambda np: np.ogrid[0:3, 1:3],
    "r_": lambda np: np.r_[1:4, 0, [7.5, 8]],
    "c_": lambda np: np.c_[[1, 2], [3, 4]],
}
# fmt: on


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_values_and_dtypes_are_numpys(call):
    ours, theirs = call(vnp), call(np)
    same(ours, theirs, tolerance=1e-14)
    same(jit(lambda: call(vnp))(), theirs, tolerance=1e-14)


@pytest.mark.parametrize(
    "name", ["array of a list", "zeros", "full", "arange", "linspace", "eye", "geomspace", "mgrid"]
)
def test_results_are_arrays_with_at(name):
    made = CALLS[name](vnp)
    assert type(made) is Array and type(made + 1) is Array
    assert made.at[0].set(0).shape == made.shape


def test_empty_is_zeros():
    same(vnp.empty((2, 3)), np.zeros((2, 3)))
    same(vnp.empty_like(np.ones(2, int)), np.zeros(2, int))


def test_astype_copies_unless_told_not_to():
    x = np.ones(3)
    assert not np.shares_memory(vnp.astype(x, float), x)
    assert vnp.astype(x, float, copy=False) is x


def test_array_copies_and_asarray_shares():
    x = np.ones(3)
    assert not np.shares_memory(vnp.array(x), x)
    assert np.shares_memory(vnp.asarray(x), x)
    assert not np.shares_memory(vnp.copy(x), x)


def test_likes_of_traced_arrays_and_of_types():
    def f(x):
        return np.zeros_like(x), np.ones_like(x, dtype=int), np.full_like(x, 2), np.empty_like(x, shape=(1,))

    expected = (
        np.zeros((2, 3), np.float32),
        np.ones((2, 3), int),
        np.full((2, 3), 2, np.float32),
        np.zeros(1, np.float32),
    )
    same(jit(f)(np.ones((2, 3), np.float32)), expected)
    assert vmap(np.zeros_like)(np.ones((2, 3))).shape == (2, 3)
    same(vnp.ones_like(ShapeDtypeStruct((2,), np.float32)), np.ones(2, np.float32))


def test_new_floats_have_the_default_float():
    with config(default_float="float32"):
        floats = [
            vnp.zeros(2),
            vnp.ones(2),
            vnp.eye(2),
            vnp.tri(2),
            vnp.linspace(0, 1, 3),
            vnp.arange(3.0),
            vnp.full(2, 1.5),
        ]
        floats += [
            vnp.array([1.0, 2]),
            vnp.array(1.5),
            vnp.zeros(2, float),
            vnp.logspace(0, 1, 3),
            vnp.geomspace(1, 2, 3),
        ]
        assert [made.dtype for made in floats] == [np.float32] * len(floats)
        assert vnp.array([1j]).dtype == np.complex64
        assert vnp.zeros(2, np.float64).dtype == vnp.array(np.ones(2)).dtype == np.float64
        assert vnp.arange(3).dtype == vnp.array([1]).dtype == np.int64


def test_array_of_traced_values_stacks_them():
    def f(x, y):
        return vnp.array([[x, 1.0], [y, x * y]])

    same(jit(f)(2.0, 3.0), np.array([[2.0, 1.0], [3.0, 6.0]]))
    same(jit(f)(np.float32(2), 3), np.array([[2.0, 1.0], [3.0, 6.0]]))
    same(vmap(f)(np.arange(2.0), np.arange(2.0)), np.stack([f(0.0, 0.0), f(1.0, 1.0)]))
    same(grad(lambda x: np.sum(f(x, 3.0)))(2.0), np.float64(4.0))
    same(
        jit(lambda x: vnp.array([x, [1, 2]], dtype=np.float32, ndmin=3))(np.arange(2)),
        np.array([[[0, 1], [1, 2]]], "f"),
    )
    same(jit(lambda x: vnp.asarray(x, np.int32))(2.7), np.int32(2))
    with pytest.raises(ShapeError, match=r"\(2,\), \(\)"):
        jit(lambda x: vnp.array([x, 1.0]))(np.ones(2))


# fmt: off
@pytest.mark.parametrize("function, shapes", [
    (lambda np, x: np.full((2, 3), x), [(3,)]),
    (lambda np, x: np.full_like(x, x[0]), [(3,)]),
    (lambda np, x, y: np.linspace(x, y, 5), [(), ()]),
    (lambda np, x, y: np.linspace(x, y, 4, endpoint=False, axis=1), [(3,), (2, 1)]),
    (lambda np, x, y: np.linspace(x, y, 4, retstep=True)[1], [(), ()]),
    (lambda np, x, y: np.linspace(x, y, 1), [(), ()]),
    (lambda np, x, y: np.logspace(x, y, 4, base=1.5), [(), ()]),
    (lambda np, x: np.logspace(0, 1, 4, base=np.exp(x)), [()]),
    (lambda np, x, y: np.geomspace(np.exp(x), np.exp(y) + 1, 4, axis=-1), [(2,), ()]),
    (lambda np, x, y: np.geomspace(-np.exp(x), -np.exp(y) - 1, 4, endpoint=False), [(2,), ()]),
    (lambda np, x, y: np.meshgrid(x, y), [(2,), (3,)]),
    (lambda np, x, y: np.meshgrid(x, y, sparse=True, indexing="ij"), [(2,), (3,)]),
    (lambda np, x: np.array([x[0], 1.0, x[1]]), [(2,)]),
    (lambda np, x: np.astype(x, complex) * 1j, [(2,)]),
    (lambda np, x, y: np.r_[x, 0.0, 1:3, y], [(2,), ()]),
    (lambda np, x, y: np.c_[x, y], [(2,), (2, 3)]),
])
# fmt: on
def test_what_is_made_of_traced_values(function, shapes):
    arrays = [draw(shape, "float64", seed) for seed, shape in enumerate(shapes)]
    same(jit(lambda *arrays: function(vnp, *arrays))(*arrays), function(np, *arrays), tolerance=1e-14)
    check_derivatives(function, shapes)
    stacked = [np.stack([array, array + 1.5]) for array in arrays]
    looped = [function(np, *[array[i] for array in stacked]) for i in range(2)]
    batched = vmap(lambda *arrays: function(vnp, *arrays))(*stacked)
    if isinstance(batched, tuple):
        looped = [np.stack(each) for each in zip(*looped)]
    same(batched, looped if isinstance(batched, tuple) else np.stack(looped), tolerance=1e-14)


def test_view_reads_the_bits():
    x = draw((2, 4), "float32")
    for dtype in (np.int32, np.uint8, np.float64):
        same(vnp.view(x, dtype), x.view(dtype))
        same(jit(lambda x: x.view(dtype))(x), x.view(dtype))
        same(vmap(lambda row: row.view(dtype))(x), x.view(dtype))
    with pytest.raises(ShapeError, match="whole elements"):
        vnp.view(x[:, :3], np.float64)


def test_arange_needs_known_bounds():
    with pytest.raises(ConcretizationTypeError, match=r"arange: stop.*i64\[\]"):
        jit(lambda n: vnp.arange(0, n))(3)
    same(grad(lambda x: np.sum(vnp.arange(3) * x))(2.0), np.float64(3.0))


def test_arguments_that_make_no_array():
    with pytest.raises(TypeError, match="not an array of numbers"):
        vnp.array(["a"])
    with pytest.raises(ValueError, match="non-negative"):
        vnp.linspace(0, 1, -1)
    with pytest.raises(ValueError, match="indexing"):
        vnp.meshgrid([1], [2], indexing="yx")
