"""lax's operations on shapes, against the same written with NumPy."""

import numpy as np
import pytest

from tests.numpy.agreement import check_derivatives, draw, same
from vgrad import grad, jit, lax, vmap
from vgrad.errors import ShapeError


def dilated(x):
    """x with two 9 between neighbours of the last axis, one 9 before, and the last element cut off."""
    out = np.full((x.shape[0], 3 * x.shape[1] - 2), 9, x.dtype)
    out[:, ::3] = x
    return np.concatenate([np.full((x.shape[0], 1), 9, x.dtype), out[:, :-1]], axis=1)


# fmt: off
ROWS = [
    ("reshape", lambda x: lax.reshape(x, (3, 2)), lambda x: x.reshape(3, 2)),
    ("reshape dimensions", lambda x: lax.reshape(x, (6,), (1, 0)), lambda x: x.T.reshape(6)),
    ("broadcast", lambda x: lax.broadcast(x, (2, 4)), lambda x: np.broadcast_to(x, (2, 4, 2, 3))),
    ("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 5, 3), (0, 2)),
     lambda x: np.broadcast_to(x[:, None], (2, 5, 3))),
    ("broadcast_in_dim of length 1", lambda x: lax.broadcast_in_dim(x[:, :1], (4, 2, 3), (1, 2)),
     lambda x: np.broadcast_to(x[:, :1], (4, 2, 3))),
    ("broadcast_to_rank", lambda x: lax.broadcast_to_rank(x, 4), lambda x: x[None, None]),
    ("expand_dims", lambda x: lax.expand_dims(x, (0, 2)), lambda x: x[None, :, None]),
    ("squeeze", lambda x: lax.squeeze(x[:1], (0,)), lambda x: x[0]),
    ("transpose", lambda x: lax.transpose(x, (1, 0)), lambda x: x.T),
    ("concatenate", lambda x: lax.concatenate([x, x], 1), lambda x: np.concatenate([x, x], 1)),
    ("pad", lambda x: lax.pad(x, 9, ((0, 0, 0), (1, -1, 2))), dilated),
    ("pad both", lambda x: lax.pad(x, 0, [(1, 0, 0), (0, 2, 0)]), lambda x: np.pad(x, ((1, 0), (0, 2)))),
    ("rev", lambda x: lax.rev(x, (1,)), lambda x: x[:, ::-1]),
    ("collapse", lambda x: lax.collapse(x[None], 1), lambda x: x.reshape(1, 6)),
    ("collapse some", lambda x: lax.collapse(x[None], 0, 2), lambda x: x),
    ("collapse from the end", lambda x: lax.collapse(x[None], -2, -1), lambda x: x[None]),
    ("split", lambda x: lax.split(x, (1, 0, 2), axis=1), lambda x: [x[:, :1], x[:, 1:1], x[:, 1:]]),
    ("tile", lambda x: lax.tile(x, (2, 1)), lambda x: np.tile(x, (2, 1))),
    ("full_like", lambda x: lax.full_like(x, 2), lambda x: np.full_like(x, 2)),
    ("convert_element_type None", lambda x: lax.convert_element_type(x, None), lambda x: x),
    # from here on without derivatives in float64
    ("full_like of a shape", lambda x: lax.full_like(x, 2, np.int32, (3,)), lambda x: np.full(3, 2, np.int32)),
    ("convert_element_type", lambda x: lax.convert_element_type(x, np.float32), lambda x: x.real.astype(np.float32)),
    ("convert to int", lambda x: lax.convert_element_type(x, int), lambda x: x.real.astype(int)),
]
# fmt: on


@pytest.mark.parametrize("ours, theirs", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_functions_agree_with_numpy(ours, theirs):
    for dtype in ("float64", "float32", "int64", "complex128"):
        x = draw((2, 3), dtype)
        same(ours(x), theirs(x))
        same(jit(ours)(x), theirs(x))
    many = draw((2, 3, 3), "float64")
    expected = [theirs(many[:, :, i]) for i in range(3)]
    batched = vmap(ours, in_axes=2)(many)
    same(batched, [np.stack(each) for each in zip(*expected)] if isinstance(batched, list) else np.stack(expected))


@pytest.mark.parametrize("ours", [row[1] for row in ROWS[:-3]], ids=[row[0] for row in ROWS[:-3]])
def test_functions_have_derivatives(ours):
    check_derivatives(lambda _, x: ours(x), [(2, 3)])


def test_filling():
    same(lax.iota(np.int32, 4), np.arange(4, dtype=np.int32))
    same(lax.iota(float, 3), np.arange(3.0))
    same(lax.broadcasted_iota(np.int64, (2, 3), 0), np.array([[0, 0, 0], [1, 1, 1]]))
    same(lax.broadcasted_iota(np.float32, (2, 3), -1), np.array([[0, 1, 2], [0, 1, 2]], np.float32))
    same(lax.full((2,), 3.0), np.full(2, 3.0))
    same(jit(lambda x: lax.full((2,), x, np.float32))(3.0), np.full(2, 3, np.float32))
    assert lax.broadcast_shapes((2, 1), (3,)) == (2, 3)


def test_pad_by_a_traced_value():
    def f(x, value):
        return lax.pad(x, value, ((1, 1, 1),))

    same(jit(f)(np.ones(2), 5.0), np.array([5.0, 1.0, 5.0, 1.0, 5.0]))
    same(vmap(f, (None, 0))(np.ones(2), np.array([5.0, np.inf]))[1], np.array([np.inf, 1.0, np.inf, 1.0, np.inf]))
    same(grad(lambda v: np.sum(f(np.ones(2), v) ** 2))(5.0), np.float64(30.0))


def test_bitcast():
    x = np.array([1.0, -2.0], np.float32)
    same(jit(lambda x: lax.bitcast_convert_type(x, np.int32))(x), x.view(np.int32))
    same(lax.bitcast_convert_type(x, np.uint8), x.view(np.uint8).reshape(2, 4))
    same(lax.bitcast_convert_type(x.view(np.uint8).reshape(2, 4), np.float32), x)
    same(vmap(lambda row: lax.bitcast_convert_type(row, np.float32), 1)(x.view(np.uint8).reshape(2, 4).T), x)
    same(grad(lambda x: lax.bitcast_convert_type(x, np.float64) * 0.0 + x)(2.0), np.float64(1.0))


# fmt: off
@pytest.mark.parametrize("call, message", [
    (lambda: lax.reshape(np.ones((2, 3)), (4,)), r"reshape.*\(2, 3\).*\(4,\)"),
    (lambda: lax.broadcast_in_dim(np.ones((2, 3)), (2, 4), (0, 1)), r"\(2, 3\).*\(0, 1\).*\(2, 4\)"),
    (lambda: lax.broadcast_to_rank(np.ones((2, 3)), 1), r"broadcast_to_rank.*\(2, 3\)"),
    (lambda: lax.pad(np.ones(3), 0.0, ((1, -5, 0),)), r"pad.*\(1, -5, 0\).*\(3,\)"),
    (lambda: lax.pad(np.ones(3), 0.0, ((1, 1, 0), (0, 0, 0))), r"pad.*\(3,\)"),
    (lambda: lax.split(np.ones(5), (2, 4)), r"split.*\(2, 4\).*\(5,\)"),
    (lambda: lax.bitcast_convert_type(np.ones((2, 3), np.uint8), np.int16), r"bitcast.*u8\[2,3\].*int16"),
])
# fmt: on
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=message):
        call()
