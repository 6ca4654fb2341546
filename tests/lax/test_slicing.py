import numpy as np
import pytest

from vgrad import jit, lax, vjp, vmap
from vgrad.errors import ShapeError
from vgrad.lax import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers
from vgrad.testing import check_grads

X = np.cos(np.arange(60.0)).reshape(4, 5, 3)
UPDATE = np.sin(np.arange(12.0)).reshape(2, 2, 3)


def test_static_slices():
    np.testing.assert_array_equal(lax.slice(X, (1, 0, 0), (3, 5, 2)), X[1:3, :, :2])
    np.testing.assert_array_equal(lax.slice(X, (1, 0, 0), (3, 5, 2), (1, 2, 1)), X[1:3, ::2, :2])
    np.testing.assert_array_equal(lax.slice_in_dim(X, -3, None, 2, axis=1), X[:, -3::2])
    np.testing.assert_array_equal(lax.slice_in_dim(X, None, -1), X[:-1])
    np.testing.assert_array_equal(lax.index_in_dim(X, -1, 1), X[:, -1:])
    np.testing.assert_array_equal(lax.index_in_dim(X, 2, 1, keepdims=False), X[:, 2])
    np.testing.assert_array_equal(
        lax.slice(operand=X, start_indices=(1, 0, 0), limit_indices=(2, 1, 1)), X[1:2, :1, :1]
    )


# asked start, start after wrapping and clamping for a slice of 2 of 4
STARTS = [(0, 0), (2, 2), (3, 2), (9, 2), (-1, 2), (-3, 1), (-9, 0)]


@pytest.mark.parametrize(("start", "place"), STARTS)
def test_dynamic_slices_are_clamped(start, place):
    wanted = X[place : place + 2, :, 1:]
    for starts in ((start, 0, 1), np.array([start, 0, 1])):
        np.testing.assert_array_equal(lax.dynamic_slice(X, starts, (2, 5, 2)), wanted)
    np.testing.assert_array_equal(jit(lambda x, i: lax.dynamic_slice(x, (i, 0, 1), (2, 5, 2)))(X, start), wanted)
    np.testing.assert_array_equal(lax.dynamic_slice_in_dim(X, start, 2), X[place : place + 2])
    written = X.copy()
    written[place : place + 2, 1:3] = UPDATE
    np.testing.assert_array_equal(lax.dynamic_update_slice(X, UPDATE, (start, 1, 0)), written)
    got = jit(lambda x, u, i: lax.dynamic_update_slice(x, u, (i, 1, 0)))(X, UPDATE, start)
    np.testing.assert_array_equal(got, written)
    written = X.copy()
    written[place : place + 2] = 1.0
    np.testing.assert_array_equal(lax.dynamic_update_slice_in_dim(X, np.ones((2, 5, 3)), start, 0), written)


def test_negative_starts_may_be_refused_their_meaning():
    got = lax.dynamic_slice(X, (-1, 0, 0), (2, 5, 3), allow_negative_indices=False)
    np.testing.assert_array_equal(got, X[:2])


def test_dynamic_indices():
    for index in (2, -1):
        np.testing.assert_array_equal(jit(lambda i: lax.dynamic_index_in_dim(X, i, 1))(index), X[:, [index]])
        np.testing.assert_array_equal(lax.dynamic_index_in_dim(X, index, 1, keepdims=False), X[:, index])
        written = X.copy()
        written[:, index] = 1.0
        for update in (np.ones((4, 3)), np.ones((4, 1, 3))):
            np.testing.assert_array_equal(lax.dynamic_update_index_in_dim(X, update, index, 1), written)
    got = lax.index_take(X, (np.array([1, -1, 6]), np.array([0, 2, 5])), (0, 2))
    np.testing.assert_array_equal(got, X[[1, 3, 2], :, [0, 2, 2]])


def test_dynamic_slices_under_vmap():
    starts = np.array([0, -1, 9])
    got = vmap(lambda i: lax.dynamic_slice(X, (i, i, 0), (2, 2, 3)))(starts)
    np.testing.assert_array_equal(got, [X[:2, :2], X[2:, 3:], X[2:, 3:]])
    got = vmap(lambda x, i: lax.dynamic_update_slice(x, UPDATE, (i, 0, 0)), in_axes=(None, 0))(X, starts)
    for one, place in zip(got, [0, 2, 2]):
        np.testing.assert_array_equal(one[place : place + 2, :2], UPDATE)
    # the start of an axis that is taken whole makes no difference
    np.testing.assert_array_equal(vmap(lambda i: lax.dynamic_slice(X, (i, 0, 0), (4, 2, 3)))(starts)[2], X[:, :2])


def test_errors_of_slices():
    with pytest.raises(ShapeError, match=r"dynamic_slice: a slice of sizes \(5, 5, 3\).*shape \(4, 5, 3\)"):
        lax.dynamic_slice(X, (0, 0, 0), (5, 5, 3))
    with pytest.raises(ShapeError, match=r"dynamic_slice: got 2 start indices for an operand of rank 3"):
        lax.dynamic_slice(X, (0, 0), (1, 1, 1))
    with pytest.raises(ShapeError, match=r"start indices must be integer scalars, got f64\[\]"):
        lax.dynamic_slice(X, (0.5, 0, 0), (1, 1, 1))
    with pytest.raises(ShapeError, match=r"same rank as operand, got shapes \(2, 3\) and \(4, 5, 3\)"):
        lax.dynamic_update_slice(X, np.ones((2, 3)), (0, 0, 0))
    with pytest.raises(ShapeError, match=r"same dtypes, got i64\[3\] and f64\[1\](?s:.)*astype\('int64'\)"):
        lax.dynamic_update_slice(np.arange(3), np.ones(1), (0,))
    with pytest.raises(ShapeError, match=r"slice \(0, 0, 0\):\(5, 5, 3\).*shape \(4, 5, 3\)"):
        lax.slice(X, (0, 0, 0), (5, 5, 3))
    with pytest.raises(ShapeError, match=r"slice 3:2:1 does not fit axis 0"):
        lax.slice_in_dim(X, 3, 2)
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 1 with size 5"):
        lax.index_in_dim(X, 5, 1)


# ---------------------------------------------------------------------------------------- gather and scatter by a loop

# window_dims, left_out, index_map, batching, indices_batching, sizes, index vectors
INSIDE, PARTLY = np.array([[0, 1], [2, 0], [1, 3]]), np.array([[0, 1], [3, -1], [1, 4]])
PATTERNS = {
    "windows": ((1, 2, 3), (), (0, 1), (), (), (2, 2, 3)),
    "left out": ((0, 2), (1,), (0, 1), (), (), (2, 1, 3)),
    "part of a whole axis": ((1, 2), (0,), (0, 1), (), (), (1, 2, 2)),
    "points": ((1,), (0, 1), (0, 1), (), (), (1, 1, 3)),
    "turned": ((1, 2), (1,), (1, 0), (), (), (2, 1, 3)),
}


def placed(starts, sizes, shape, mode):
    """Start of the window after clipping, or None if it is lost."""
    fits = all(0 <= s <= n - size for s, size, n in zip(starts, sizes, shape))
    if mode == "clip":
        return [min(max(s, 0), n - size) for s, size, n in zip(starts, sizes, shape)]
    return starts if fits else None


def windows_by_loop(vectors, sizes, index_map, mode):
    """For each index vector the slices of X, or None where the window is lost."""
    for vector in vectors:
        starts = [0] * X.ndim
        for axis, component in zip(index_map, vector):
            starts[axis] = component
        starts = placed(starts, sizes, X.shape, mode)
        yield None if starts is None else tuple([slice(s, s + size) for s, size in zip(starts, sizes)])


@pytest.mark.parametrize("mode", ["clip", "fill"])
@pytest.mark.parametrize("vectors", [INSIDE, PARTLY], ids=["inside", "partly"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_gather_is_a_loop(pattern, vectors, mode):
    window_dims, left_out, index_map, batching, indices_batching, sizes = PATTERNS[pattern]
    numbers = GatherDimensionNumbers(window_dims, left_out, index_map, batching, indices_batching)
    wanted = []
    for place in windows_by_loop(vectors, sizes, index_map, mode):
        window = np.full(sizes, np.nan) if place is None else X[place]
        wanted.append(np.squeeze(window, left_out))
    batch_place = next(axis for axis in range(len(window_dims) + 1) if axis not in window_dims)
    wanted = np.stack(wanted, batch_place)

    def gathered(x, i):
        return lax.gather(x, i, numbers, sizes, mode=mode)

    np.testing.assert_array_equal(gathered(X, vectors), wanted)
    np.testing.assert_array_equal(jit(gathered)(X, vectors), wanted)
    np.testing.assert_array_equal(vmap(gathered)(np.stack([X, -X]), np.stack([vectors, vectors]))[1], -wanted)
    if mode == "clip":
        np.testing.assert_array_equal(lax.gather(X, vectors, numbers, sizes), wanted)
        check_grads(lambda x: gathered(x, vectors), (X,), order=1)


UFUNCS = {"scatter_add": np.add, "scatter_sub": np.subtract, "scatter_mul": np.multiply}
UFUNCS |= {"scatter_min": np.minimum, "scatter_max": np.maximum, "scatter": lambda old, new: new}


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.parametrize("mode", ["clip", "drop"])
@pytest.mark.parametrize("vectors", [INSIDE, PARTLY], ids=["inside", "partly"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_scatter_is_a_loop(pattern, vectors, mode, name):
    window_dims, left_out, index_map, batching, indices_batching, sizes = PATTERNS[pattern]
    numbers = ScatterDimensionNumbers(window_dims, left_out, index_map, batching, indices_batching)
    batch_place = next(axis for axis in range(len(window_dims) + 1) if axis not in window_dims)
    window = [size for axis, size in enumerate(sizes) if axis not in left_out]
    updates = np.sin(np.arange(3 * np.prod(window))).reshape(3, *window)
    wanted = X.copy()
    for place, update in zip(windows_by_loop(vectors, sizes, index_map, mode), updates):
        if place is not None:
            wanted[place] = UFUNCS[name](wanted[place], np.expand_dims(update, left_out))
    updates = np.moveaxis(updates, 0, batch_place)

    def scattered(x, i, u):
        return getattr(lax, name)(x, i, u, numbers, mode=mode)

    np.testing.assert_allclose(scattered(X, vectors, updates), wanted, rtol=1e-13)
    np.testing.assert_allclose(jit(scattered)(X, vectors, updates), wanted, rtol=1e-13)
    if name in ("scatter", "scatter_add"):
        check_grads(lambda x, u: scattered(x, vectors, u), (X, updates), order=1)
        doubled = vmap(scattered)(*[np.stack([value] * 2) for value in (X, vectors, updates)])
        np.testing.assert_allclose(doubled[1], wanted, rtol=1e-13)


def test_batching_dimensions_run_together():
    indices = np.array([[[0], [1]], [[2], [3]], [[4], [1]], [[2], [0]]])
    got = lax.gather(X, indices, GatherDimensionNumbers((2,), (1,), (1,), (0,), (0,)), (1, 1, 2))
    wanted = X[np.arange(4)[:, None], indices[..., 0], :2]
    np.testing.assert_array_equal(got, wanted)
    got = lax.scatter_add(X, indices, wanted, ScatterDimensionNumbers((2,), (1,), (1,), (0,), (0,)))
    added = X.copy()
    np.add.at(added, (np.arange(4)[:, None], indices[..., 0], slice(0, 2)), wanted)
    np.testing.assert_array_equal(got, added)


def test_a_window_that_is_the_whole_array():
    numbers = GatherDimensionNumbers((1, 2, 3), (), (0,))
    got = lax.gather(X, np.array([[0], [1]]), numbers, X.shape, mode="fill", fill_value=7.0)
    np.testing.assert_array_equal(got, [X, np.full(X.shape, 7.0)])
    numbers = ScatterDimensionNumbers((0, 1, 2), (), (0,))
    for start, wanted in [(0, X + 1), (1, X)]:
        np.testing.assert_array_equal(lax.scatter_add(X, np.array([start]), np.ones(X.shape), numbers), wanted)


def test_scatter_apply():
    numbers = ScatterDimensionNumbers((1, 2), (0,), (0,))
    got = lax.scatter_apply(X, np.array([[0], [2]]), np.exp, numbers, update_shape=(2, 5, 3))
    np.testing.assert_array_equal(got[[1, 3]], X[[1, 3]])
    np.testing.assert_array_equal(got[[0, 2]], np.exp(X[[0, 2]]))


def test_products_have_a_derivative_where_places_differ():
    numbers = ScatterDimensionNumbers((), (0,), (0,))
    x, u = np.array([2.0, 3.0, 5.0]), np.array([7.0, 11.0])
    _, pull = vjp(
        jit(lambda x, i, u: lax.scatter_mul(x, i, u, numbers, unique_indices=True)), x, np.array([[2], [0]]), u
    )
    x_cotangent, _, u_cotangent = pull(np.ones(3))
    np.testing.assert_array_equal(x_cotangent, [11, 1, 7])
    np.testing.assert_array_equal(u_cotangent, [5, 2])
    with pytest.raises(TypeError, match="unique_indices=True"):
        vjp(lambda u: lax.scatter_mul(x, np.array([[2], [2]]), u, numbers), u)


def test_modes_by_name():
    assert GatherScatterMode.from_any("clip") is GatherScatterMode.from_any(GatherScatterMode.CLIP)
    assert GatherScatterMode.from_any("drop") is GatherScatterMode.from_any(None) is GatherScatterMode.FILL_OR_DROP
    with pytest.raises(ValueError, match="Unknown gather or scatter mode 'wrap'"):
        GatherScatterMode.from_any("wrap")


def test_errors_of_gather_and_scatter():
    numbers = GatherDimensionNumbers((1, 2, 3), (), (0, 1))
    with pytest.raises(
        ShapeError, match=r"index vectors of length 1 \(indices of shape \(2, 1\)\) for 2 axes \(0, 1\)"
    ):
        lax.gather(X, np.array([[0], [1]]), numbers, (1, 1, 1))
    with pytest.raises(ShapeError, match=r"windows of sizes \(5, 1, 1\) do not fit an array of shape \(4, 5, 3\)"):
        lax.gather(X, INSIDE, numbers, (5, 1, 1))
    with pytest.raises(ShapeError, match=r"indices must be integers, got f64\[3,2\]"):
        lax.gather(X, INSIDE * 1.0, numbers, (1, 1, 1))
    with pytest.raises(ShapeError, match=r"updates of shape \(2, 1, 1, 1\) do not fit indices of shape"):
        lax.scatter(X, INSIDE, np.zeros((2, 1, 1, 1)), ScatterDimensionNumbers((1, 2, 3), (), (0, 1)))
