"""Shape functions: NumPy's results in all dtypes, eager, staged, batched; derivatives; errors."""

import numpy as np
import pytest

import vgrad.numpy as vnp
from tests.numpy.agreement import check_agreement, check_batches, check_derivatives, draw, rows, same
from vgrad import grad, jit, vmap
from vgrad.errors import ConcretizationTypeError, ShapeError, TracerIntegerConversionError

# fmt: off
ONE = rows(
    ("reshape", lambda np, x: np.reshape(x, (3, 2)), (2, 3)),
    ("reshape -1", lambda np, x: np.reshape(x, (-1, 2)), (2, 3)),
    ("reshape to int", lambda np, x: np.reshape(x, -1), (2, 3)),
    ("reshape F", lambda np, x: np.reshape(x, (3, 4), order="F"), (2, 6)),
    ("reshape F of 3 axes", lambda np, x: np.reshape(x, (4, -1), order="F"), (2, 3, 4)),
    ("reshape A", lambda np, x: np.reshape(x, (3, 2), order="A"), (2, 3)),
    ("reshape empty", lambda np, x: np.reshape(x, (3, 0, 2)), (0, 4)),
    ("reshape rank 0", lambda np, x: np.reshape(x, ()), (1, 1)),
    ("reshape of rank 0", lambda np, x: np.reshape(x, (1, 1)), ()),
    ("ravel", lambda np, x: np.ravel(x), (2, 3)),
    ("ravel F", lambda np, x: np.ravel(x, order="F"), (2, 3, 2)),
    ("ravel A", lambda np, x: np.ravel(x, order="A"), (2, 3)),
    ("ravel K", lambda np, x: np.ravel(x, order="K"), (2, 3)),
    ("ravel empty", lambda np, x: np.ravel(x), (0, 3)),
    ("ravel of rank 0", lambda np, x: np.ravel(x), ()),
    ("transpose", lambda np, x: np.transpose(x), (2, 3, 4)),
    ("transpose axes", lambda np, x: np.transpose(x, (1, -1, 0)), (2, 3, 4)),
    ("transpose of rank 0", lambda np, x: np.transpose(x), ()),
    ("permute_dims", lambda np, x: np.permute_dims(x, (1, 0)), (2, 3)),
    ("matrix_transpose", lambda np, x: np.matrix_transpose(x), (2, 3, 4)),
    ("moveaxis", lambda np, x: np.moveaxis(x, 0, -1), (2, 3, 4)),
    ("moveaxis of two", lambda np, x: np.moveaxis(x, (0, -1), (-1, 0)), (2, 3, 4)),
    ("swapaxes", lambda np, x: np.swapaxes(x, 0, -1), (2, 3, 4)),
    ("rollaxis", lambda np, x: np.rollaxis(x, 2), (2, 3, 4)),
    ("rollaxis start", lambda np, x: np.rollaxis(x, 0, 2), (2, 3, 4)),
    ("rollaxis end", lambda np, x: np.rollaxis(x, -3, 3), (2, 3, 4)),
    ("rollaxis negative start", lambda np, x: np.rollaxis(x, 2, -2), (2, 3, 4)),
    ("squeeze", lambda np, x: np.squeeze(x), (1, 3, 1)),
    ("squeeze axis", lambda np, x: np.squeeze(x, axis=-1), (1, 3, 1)),
    ("squeeze axes", lambda np, x: np.squeeze(x, axis=(0, 2)), (1, 3, 1)),
    ("expand_dims", lambda np, x: np.expand_dims(x, -1), (2, 3)),
    ("expand_dims axes", lambda np, x: np.expand_dims(x, (0, -2)), (2, 3)),
    ("atleast_1d", lambda np, x: np.atleast_1d(x), ()),
    ("atleast_2d", lambda np, x: np.atleast_2d(x), (3,)),
    ("atleast_3d", lambda np, x: np.atleast_3d(x), (3,)),
    ("atleast_3d matrix", lambda np, x: np.atleast_3d(x), (2, 3)),
    ("atleast_2d enough", lambda np, x: np.atleast_2d(x), (2, 3, 4)),
    ("broadcast_to", lambda np, x: np.broadcast_to(x, (2, 4, 3)), (4, 1)),
    ("broadcast_to of rank 0", lambda np, x: np.broadcast_to(x, 3), ()),
    ("broadcast_to empty", lambda np, x: np.broadcast_to(x, (0, 3)), (1, 3)),
    ("concatenate one", lambda np, x: np.concatenate([x]), (2, 3)),
    ("concatenate of an array", lambda np, x: np.concatenate(x, axis=1), (2, 3, 2)),
    ("concatenate with a constant", lambda np, x: np.concatenate([x, [[1], [2]]], axis=1), (2, 3)),
    ("stack of an array", lambda np, x: np.stack(x, axis=1), (2, 3)),
    ("stack with scalars", lambda np, x: np.stack([x[0], x[1] * x[0], 1]), (2,)),
    ("split", lambda np, x: np.split(x, 3), (6, 2)),
    ("split at", lambda np, x: np.split(x, [1, 1, 4, 9], axis=1), (2, 6)),
    ("split at negative", lambda np, x: np.split(x, [2, -1]), (6,)),
    ("split at nowhere", lambda np, x: np.split(x, []), (6,)),
    ("array_split", lambda np, x: np.array_split(x, 4, axis=-1), (2, 6)),
    ("array_split more", lambda np, x: np.array_split(x, 4), (2,)),
    ("vsplit", lambda np, x: np.vsplit(x, 2), (4, 3)),
    ("hsplit", lambda np, x: np.hsplit(x, 3), (4, 3)),
    ("hsplit vector", lambda np, x: np.hsplit(x, [1]), (4,)),
    ("dsplit", lambda np, x: np.dsplit(x, 2), (2, 1, 4)),
    ("unstack", lambda np, x: np.unstack(x, axis=1), (2, 3)),
    ("tile", lambda np, x: np.tile(x, 2), (2, 3)),
    ("tile more axes", lambda np, x: np.tile(x, (2, 1, 3)), (2, 3)),
    ("tile fewer axes", lambda np, x: np.tile(x, (2,)), (2, 3)),
    ("tile none", lambda np, x: np.tile(x, (2, 0)), (2, 3)),
    ("tile of rank 0", lambda np, x: np.tile(x, (2, 2)), ()),
    ("repeat", lambda np, x: np.repeat(x, 2), (2, 3)),
    ("repeat axis", lambda np, x: np.repeat(x, 3, axis=-1), (2, 3)),
    ("repeat none", lambda np, x: np.repeat(x, 0, axis=0), (2, 3)),
    ("repeat of rank 0", lambda np, x: np.repeat(x, 3), ()),
    ("repeat each", lambda np, x: np.repeat(x, [1, 0, 3], axis=1), (2, 3)),
    ("repeat many", lambda np, x: np.repeat(x, [2] * 20), (20,)),
    ("repeat length 1", lambda np, x: np.repeat(x, [2], axis=0), (2, 3)),
    ("flip", lambda np, x: np.flip(x), (2, 3)),
    ("flip axes", lambda np, x: np.flip(x, (0, -1)), (2, 3, 2)),
    ("fliplr", lambda np, x: np.fliplr(x), (2, 3)),
    ("flipud", lambda np, x: np.flipud(x), (2, 3)),
    ("roll", lambda np, x: np.roll(x, 2), (2, 3)),
    ("roll axis", lambda np, x: np.roll(x, -4, axis=1), (2, 3)),
    ("roll axes", lambda np, x: np.roll(x, (1, 2), axis=(0, 1)), (2, 3)),
    ("roll one shift", lambda np, x: np.roll(x, 1, axis=(0, 1)), (2, 3)),
    ("roll same axis", lambda np, x: np.roll(x, (1, 1), axis=(0, 0)), (3, 2)),
    ("roll empty", lambda np, x: np.roll(x, 1), (0, 2)),
    ("roll of rank 0", lambda np, x: np.roll(x, 1), ()),
    ("rot90", lambda np, x: np.rot90(x), (2, 3)),
    ("rot90 twice", lambda np, x: np.rot90(x, 2), (2, 3)),
    ("rot90 back", lambda np, x: np.rot90(x, -1, (1, 2)), (2, 3, 4)),
    ("rot90 none", lambda np, x: np.rot90(x, 4), (2, 3)),
    ("resize", lambda np, x: np.resize(x, (3, 4)), (5,)),
    ("resize smaller", lambda np, x: np.resize(x, 2), (2, 3)),
    ("resize empty", lambda np, x: np.resize(x, (2, 2)), (0,)),
    ("append number", lambda np, x: np.append(x, x[0, 0]), (2, 3)),
    ("insert number", lambda np, x: np.insert(x, 1, x[0, 0]), (2, 3)),
    ("insert row", lambda np, x: np.insert(x, 1, x[0], axis=0), (2, 3)),
    ("insert column", lambda np, x: np.insert(x, -1, x[:, 0], axis=1), (2, 3)),
    ("insert columns", lambda np, x: np.insert(x, [1], x[:, :2], axis=1), (2, 3)),
    ("insert several", lambda np, x: np.insert(x, [0, 3, 3], x[:, 1:], axis=1), (2, 4)),
    ("insert slice", lambda np, x: np.insert(x, slice(0, 3, 2), x[0]), (4, 2)),
    ("insert nothing", lambda np, x: np.insert(x, [], []), (4,)),
    ("insert mask", lambda np, x: np.insert(x, np.array([True, False, True]), x[0]), (3,)),
    ("delete", lambda np, x: np.delete(x, 1, axis=1), (2, 3)),
    ("delete flat", lambda np, x: np.delete(x, [0, -1]), (2, 3)),
    ("delete slice", lambda np, x: np.delete(x, slice(None, None, 2), axis=0), (5, 2)),
    ("delete all", lambda np, x: np.delete(x, [0, 1]), (2,)),
    ("delete mask", lambda np, x: np.delete(x, [True, False, True], axis=0), (3, 2)),
    ("block", lambda np, x: np.block([[x, x], [x, x]]), (2, 3)),
    ("block of ranks", lambda np, x: np.block([x, x[0]]), (2,)),
    ("block alone", lambda np, x: np.block(x), (2,)),
)

TWO = rows(
    ("concatenate", lambda np, x, y: np.concatenate([x, y]), (2, 3), (1, 3)),
    ("concatenate axis", lambda np, x, y: np.concatenate((x, y, x), axis=-1), (2, 3), (2, 0)),
    ("concatenate flat", lambda np, x, y: np.concatenate([x, y], axis=None), (2, 3), (2,)),
    ("concat", lambda np, x, y: np.concat([x, y]), (2,), (3,)),
    ("concatenate dtype", lambda np, x, y: np.concatenate([x, y], dtype=complex), (2,), (3,)),
    ("stack", lambda np, x, y: np.stack([x, y], axis=-1), (2, 3), (2, 3)),
    ("stack rank 0", lambda np, x, y: np.stack([x, y]), (), ()),
    ("stack dtype", lambda np, x, y: np.stack([x, y], dtype=complex), (2,), (2,)),
    ("vstack", lambda np, x, y: np.vstack([x, y]), (3,), (2, 3)),
    ("vstack numbers", lambda np, x, y: np.vstack([x, y]), (), ()),
    ("hstack", lambda np, x, y: np.hstack([x, y]), (3,), (2,)),
    ("hstack matrices", lambda np, x, y: np.hstack([x, y]), (2, 3), (2, 1)),
    ("dstack", lambda np, x, y: np.dstack([x, y]), (2, 3), (2, 3)),
    ("dstack vectors", lambda np, x, y: np.dstack([x, y]), (3,), (3,)),
    ("column_stack", lambda np, x, y: np.column_stack([x, y]), (3,), (3, 2)),
    ("atleast_2d", lambda np, x, y: np.atleast_2d(x, y), (3,), ()),
    ("broadcast_arrays", lambda np, x, y: np.broadcast_arrays(x, y), (2, 1), (3,)),
    ("append", lambda np, x, y: np.append(x, y, axis=0), (2, 3), (1, 3)),
    ("append flat", lambda np, x, y: np.append(x, y), (2, 3), (2,)),
    ("insert", lambda np, x, y: np.insert(x, [1, 3], y, axis=0), (3, 2), (2,)),
    ("insert blocks", lambda np, x, y: np.insert(x, 1, y, axis=1), (3, 2), (2, 3)),
    ("block", lambda np, x, y: np.block([[x, y], [x, y]]), (2, 3), (2, 1)),
    ("block of numbers", lambda np, x, y: np.block([[x, 0], [y, 1]]), (1, 3), (1, 3)),
    ("block of 3 axes", lambda np, x, y: np.block([[[x], [y]]]), (2,), (2,)),
)
# fmt: on


@ONE
def test_functions_of_one_array_agree_with_numpy(function, shapes):
    check_agreement(function, shapes)


@ONE
def test_functions_of_one_array_map_over_any_axis(function, shapes):
    check_batches(function, shapes)


@ONE
def test_functions_of_one_array_have_derivatives(function, shapes):
    check_derivatives(function, shapes)


@TWO
def test_functions_of_two_arrays_agree_with_numpy(function, shapes):
    check_agreement(function, shapes)


@TWO
def test_functions_of_two_arrays_map_over_any_axis(function, shapes):
    check_batches(function, shapes)


@TWO
def test_functions_of_two_arrays_have_derivatives(function, shapes):
    check_derivatives(function, shapes)


def test_shape_ndim_size_take_lists_and_traced_arrays():
    assert (vnp.shape([[1, 2]]), vnp.ndim([[1, 2]]), vnp.size([[1, 2]])) == ((1, 2), 2, 2)
    assert vnp.shape(3.0) == () and vnp.size(3.0) == 1

    def check(x):
        assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)
        return x

    jit(check)(np.ones((2, 3)))


def test_broadcast_shapes():
    assert vnp.broadcast_shapes((2, 1), 3, ()) == (2, 3)
    with pytest.raises(ShapeError, match=r"\(2,\), \(3,\)"):
        vnp.broadcast_shapes((2,), (3,))


def test_order_a_and_k_follow_the_memory_of_an_ndarray():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    same(vnp.reshape(x, (3, 2), order="A"), np.reshape(x, (3, 2), order="A"))
    same(vnp.ravel(x, "K"), np.ravel(x, "K"))
    permuted = np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2)
    same(vnp.ravel(permuted, "K"), np.arange(24))


def test_promotion_of_joined_arrays_is_numpys():
    x, y = np.ones(2, np.float32), np.ones(2, np.int64)
    for arrays in ([x, y], [x, x], [y, y == 1], [x, [1.0, 2.0]]):
        same(vnp.stack(arrays), np.stack(arrays))
        same(vnp.hstack(arrays), np.hstack(arrays))
        same(jit(lambda *a: np.concatenate(a))(*arrays), np.concatenate(arrays))


def test_roll_by_a_traced_shift():
    x = draw((3, 4), "float64")
    for shift in (0, 1, -5, 7):
        same(jit(lambda s: vnp.roll(x, s))(shift), np.roll(x, shift))
        same(jit(lambda s: vnp.roll(x, s, axis=-1))(shift), np.roll(x, shift, axis=-1))
        same(jit(lambda s: vnp.roll(x, s, axis=(0, 1)))(np.array([shift, 1])), np.roll(x, (shift, 1), axis=(0, 1)))
    shifts = np.arange(3)
    same(vmap(np.roll)(x, shifts), np.stack([np.roll(row, shift) for row, shift in zip(x, shifts)]))
    weights = np.arange(4.0)
    same(grad(lambda row: np.sum(jit(np.roll)(row, 1) * weights))(x[0]), np.roll(weights, -1))


@pytest.mark.parametrize("total", [3, 6, 8])
def test_repeat_to_a_given_length(total):
    x, counts = draw((3, 2), "float64"), np.array([2, 0, 4])
    repeated = np.repeat(x, counts, axis=0)[:total]
    expected = np.concatenate([repeated, np.repeat(x[-1:], total - len(repeated), axis=0)])
    same(vnp.repeat(x, counts, axis=0, total_repeat_length=total), expected)
    traced = jit(lambda x, counts: vnp.repeat(x, counts, axis=0, total_repeat_length=total))
    same(traced(x, counts), expected)
    every = np.array([[2, 0, 4], [1, 1, 1], [0, 0, 0]])
    batched = vmap(lambda counts: vnp.repeat(x[:, 0], counts, total_repeat_length=total))(every)
    same(batched[0], expected[:, 0])
    same(batched[2], np.full(total, x[-1, 0]))


def test_repeat_by_traced_counts_needs_a_length():
    with pytest.raises(ConcretizationTypeError, match="total_repeat_length"):
        jit(lambda x, n: np.repeat(x, n))(np.ones(3), np.array([1, 2, 3]))


def test_lists_with_traced_values_are_arrays():
    def f(x):
        return vnp.concatenate([[x, 1.0], [2.0]]) * vnp.hstack([x, [x, 3.0]])

    same(jit(f)(2.0), np.array([4.0, 2.0, 6.0]))
    same(grad(lambda x: np.sum(f(x)))(2.0), np.float64(7.0 - 2.0))


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: vnp.reshape(np.ones((2, 3)), (4, 2)), r"reshape.*\(2, 3\) \(size 6\).*\(4, 2\)"),
    (lambda: vnp.reshape(np.ones((2, 3)), (4, -1)), r"reshape.*\(2, 3\).*\(4, -1\)"),
    (lambda: vnp.reshape(np.ones((2, 3)), (-1, -1)), r"reshape.*\(-1, -1\)"),
    (lambda: vnp.squeeze(np.ones((2, 1)), 0), r"squeeze: axis 0.*\(2, 1\)"),
    (lambda: vnp.transpose(np.ones((2, 1)), (0,)), r"transpose: axes \(0,\).*\(2, 1\)"),
    (lambda: vnp.broadcast_to(np.ones((2, 4)), (3, 4)), r"broadcast_to.*\(2, 4\).*\(3, 4\)"),
    (lambda: vnp.broadcast_arrays(np.ones(2), np.ones(3)), r"broadcast_arrays.*\(2,\), \(3,\)"),
    (lambda: vnp.concatenate([np.ones((2, 3)), np.ones((4, 5))]), r"concatenate.*\(2, 3\).*\(4, 5\)"),
    (lambda: vnp.concatenate([1.0, 2.0]), r"concatenate.*rank 0"),
    (lambda: vnp.stack([np.ones(2), np.ones(3)]), r"stack.*\(2,\), \(3,\)"),
    (lambda: vnp.split(np.ones(5), 2), r"split.*length 5.*2 equal parts"),
    (lambda: vnp.dsplit(np.ones((2, 2)), 2), r"dsplit.*\(2, 2\)"),
    (lambda: vnp.fliplr(np.ones(3)), r"fliplr.*\(3,\)"),
    (lambda: vnp.matrix_transpose(np.ones(3)), r"matrix_transpose.*\(3,\)"),
])
# fmt: on
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize("call", [
    lambda x: np.flip(x, 2), lambda x: np.moveaxis(x, 0, 5), lambda x: np.stack([x, x], 4), lambda x: np.squeeze(x, 7),
    lambda x: np.swapaxes(x, 0, 3), lambda x: np.roll(x, 1, axis=2), lambda x: np.concatenate([x], axis=-3),
])  # fmt: skip
def test_axes_out_of_range(call):
    with pytest.raises(np.exceptions.AxisError):
        jit(call)(np.ones((2, 3)))


def test_shapes_must_be_known():
    with pytest.raises(TracerIntegerConversionError, match="static_argnums"):
        jit(lambda n: vnp.reshape(np.ones(4), (n, 2)))(2)
    with pytest.raises(TypeError):
        vnp.reshape(np.ones(4), (2.0, 2))


def test_out_is_refused():
    with pytest.raises(TypeError, match="concatenate: out= is not supported"):
        vnp.concatenate([np.ones(2)], out=np.ones(2))
