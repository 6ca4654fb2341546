import numpy as np
import pytest

from vgrad import grad, jit, jvp, make_jaxpr, vjp, vmap
from vgrad.errors import NonConcreteBooleanIndexError, ShapeError
from vgrad.numpy import at
from vgrad.numpy.subscripts import getitem
from vgrad.testing import check_grads

X = np.arange(60.0).reshape(4, 5, 3) + 1
ROWS, COLUMNS = np.array([2, 0, -1]), np.array([[1], [4], [-5]])
MASK = X[:, :, 0] % 2 == 0

INDICES = [
    1,
    -1,
    np.int64(2),
    np.array(3),
    slice(1, 3),
    slice(None, None, -1),
    slice(3, 0, -2),
    slice(-3, 100, 2),
    slice(2, 2),
    None,
    Ellipsis,
    (),
    (Ellipsis, 1),
    (1, Ellipsis, None, 2),
    (None, 0, slice(None), None),
    (slice(1, 3), slice(None, None, -2), slice(0, 1)),
    ROWS,
    [3, 1, 1],
    [],
    [[0, 1], [2, 3]],
    (ROWS, 2),
    (ROWS, slice(1, 4)),
    (slice(1, 3), ROWS, slice(None, None, 2)),
    (slice(None), ROWS, np.array([0, 1, 2])),
    (ROWS, slice(None), np.array([0, 1, 2])),
    (0, slice(None), np.array([0, 1, 2])),
    (slice(None), 0, np.array([0, 1, 2])),
    (slice(None), None, COLUMNS, np.array([0, -2])),
    (COLUMNS % 4, Ellipsis, np.array([0, -2])),
    (slice(1, 4), ROWS, Ellipsis, np.array([0, 1, 2])),  # an ellipsis for no axis separates
    np.arange(4) > 1,
    MASK,
    X > 30,
    (MASK, 1),
    (slice(None), np.arange(5) > 2, slice(1)),
    (np.arange(4) > 1, slice(None), np.array([0, 2])),
    True,
    False,
    (True, slice(None), ROWS),
]


def traced_parts(index):
    """(the integer parts of an index, a function that puts traced ones in their place)."""
    parts = index if isinstance(index, tuple) else (index,)
    positions = [
        number
        for number, part in enumerate(parts)
        if not isinstance(part, bool)
        and isinstance(part, (int, np.integer, np.ndarray))
        and np.asarray(part).dtype.kind == "i"
    ]

    def rebuilt(values):
        replaced = list(parts)
        for position, value in zip(positions, values):
            replaced[position] = value
        return tuple(replaced)

    return [np.asarray(parts[position]) for position in positions], rebuilt


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_reading_is_numpys(index):
    wanted = X[index]
    np.testing.assert_array_equal(jit(lambda x: x[index])(X), wanted)
    np.testing.assert_array_equal(vmap(lambda x: x[index])(np.stack([X, -X]))[1], -wanted)
    values, rebuilt = traced_parts(index)
    if not values:
        return
    np.testing.assert_array_equal(jit(lambda x, *i: x[rebuilt(i)])(X, *values), wanted)
    np.testing.assert_array_equal(jit(lambda *i: getitem(X, rebuilt(i)))(*values), wanted)
    stacked = [np.stack([value, np.zeros_like(value)]) for value in values]
    np.testing.assert_array_equal(vmap(lambda *i: getitem(X, rebuilt(i)))(*stacked)[0], wanted)
    both = vmap(lambda x, *i: x[rebuilt(i)])(np.stack([X, -X]), *stacked)
    np.testing.assert_array_equal(both[0], wanted)
    np.testing.assert_array_equal(both[1], -X[rebuilt([np.zeros_like(value) for value in values])])


@pytest.mark.parametrize("index", INDICES[::3], ids=str)
def test_derivatives_of_reading(index):
    weights = np.cos(np.arange(X[index].size)).reshape(X[index].shape)
    wanted = np.zeros_like(X)
    np.add.at(wanted, index, weights)
    np.testing.assert_allclose(grad(lambda x: (x[index] * weights).sum())(X), wanted)
    np.testing.assert_allclose(jvp(lambda x: x[index], (X,), (X * 2,))[1], 2 * X[index])


def test_a_basic_index_is_a_slice():
    assert "gather" not in str(make_jaxpr(lambda x: x[1:3, ::-2, None, 0])(X))
    assert "dynamic_update_slice" in str(make_jaxpr(lambda x: x.at[1:3, 0].set(1.0))(X))


@pytest.mark.parametrize(
    ("index", "match"),
    [
        (4, "index 4 is out of bounds for axis 0 with size 4"),
        ((0, -6), "index -6 is out of bounds for axis 1 with size 5"),
        ((slice(None), np.array([1, 7])), "index 7 is out of bounds for axis 1 with size 5"),
        ((0, 0, 0, 0), "too many indices for array: array is 3-dimensional, but 4 were indexed"),
        ((Ellipsis, Ellipsis), "single ellipsis"),
        (1.5, "only integers, slices"),
        ("a", "only integers, slices"),
        (np.array([0.5]), "must be of integer"),
        ((np.array([0, 1]), np.array([0, 1, 2])), r"could not be broadcast together with shapes \(2,\) \(3,\)"),
        (np.array([True, False]), "boolean index did not match indexed array along axis 0; size of axis is 4 but size"),
    ],
    ids=str,
)
def test_errors_of_known_indices_are_numpys(index, match):
    with pytest.raises(IndexError):
        X[index]
    with pytest.raises(IndexError, match=match):
        grad(lambda x: x[index].sum())(X)
    with pytest.raises(IndexError, match=match):
        at(X)[index].set(0.0)


def test_a_traced_mask_says_what_to_write_instead():
    with pytest.raises(
        NonConcreteBooleanIndexError, match=r"got bool\[4,5,3\](?s:.)*np.where\(mask, x, 0\)(?s:.)*nonzero"
    ):
        jit(lambda x: x[x > 3])(X)


def test_a_mask_is_known_under_grad():
    np.testing.assert_array_equal(grad(lambda x: (x[x > 30] ** 2).sum())(X), np.where(X > 30, 2 * X, 0))


def test_a_slice_with_traced_bounds_says_what_to_write_instead():
    with pytest.raises(IndexError, match="must have static start/stop/step(?s:.)*dynamic_slice"):
        jit(lambda x, n: x[:n])(X, 2)


def test_a_float_index_that_is_traced_is_refused():
    with pytest.raises(IndexError, match=r"must be of integer \(or boolean\) type, got f64\[\]"):
        jit(lambda x, i: x[i])(X, 1.0)


def test_traced_indices_out_of_bounds_read_the_nearest_and_are_dropped_on_writing():
    x, indices = np.array([1.0, 2.0, 3.0]), np.array([5, -9, -1])
    np.testing.assert_array_equal(jit(lambda x, i: x[i])(x, indices), [3, 1, 3])
    np.testing.assert_array_equal(jit(lambda x, i: x.at[i].set(7.0))(x, indices), [1, 2, 7])
    np.testing.assert_array_equal(jit(lambda x, i: x.at[i].add(7.0))(x, indices), [1, 2, 10])
    np.testing.assert_array_equal(jit(grad(lambda x, i: x[i].sum()))(x, indices), [0, 0, 1])


UPDATES = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "power": np.power}
UPDATES |= {"min": np.minimum, "max": np.maximum, "mul": np.multiply}


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_updates_are_numpys(index):
    values = np.sin(np.arange(X[index].size)).reshape(X[index].shape) + 1.5
    written = X.copy()
    written[index] = values
    np.testing.assert_array_equal(at(X)[index].set(values), written)
    np.testing.assert_array_equal(jit(lambda x, v: x.at[index].set(v))(X, values), written)
    batched = vmap(lambda x, v: x.at[index].set(v))(np.stack([X, -X]), np.stack([values, -values]))
    np.testing.assert_array_equal(batched[1], -written)
    for name in ("add", "max", "multiply"):
        wanted = X.copy()
        UPDATES[name].at(wanted, index, values)
        np.testing.assert_allclose(getattr(at(X)[index], name)(values), wanted, rtol=1e-14)
        parts, rebuilt = traced_parts(index)
        if parts:
            got = jit(lambda x, v, *i: getattr(x.at[rebuilt(i)], name)(v))(X, values, *parts)
            np.testing.assert_allclose(got, wanted, rtol=1e-14)
            stacked = [np.stack([part, part]) for part in parts]
            got = vmap(lambda v, *i: getattr(at(X)[rebuilt(i)], name)(v), (None,) + (0,) * len(parts))(values, *stacked)
            np.testing.assert_allclose(got[1], wanted, rtol=1e-14)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("index", [1, slice(1, 3), (ROWS, 1), (slice(None), slice(None, None, 2), -1)], ids=str)
def test_derivatives_of_updates(name, index):
    values = np.sin(np.arange(X[index].size)).reshape(X[index].shape) + 1.5
    wanted = X.copy()
    wanted[index] = UPDATES[name](wanted[index], values)

    def update(x, v):
        return getattr(at(x)[index], name)(v, unique_indices=True)

    np.testing.assert_allclose(update(X, values), wanted)
    check_grads(update, (X / 60 + 0.3, values / 3), order=1)


def test_of_several_sets_the_last_stays_and_gets_the_derivative():
    x, values, index = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]), np.array([1, 1, 2])
    output, pull = vjp(lambda x, v: at(x)[index].set(v), x, values)
    np.testing.assert_array_equal(output, [1, 20, 30])
    for got, wanted in zip(pull(np.array([5.0, 6.0, 7.0])), [[5, 0, 0], [0, 6, 7]]):
        np.testing.assert_array_equal(got, wanted)


def test_ties_of_min_and_max_share_the_derivative():
    x, values, index = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 3.0]), np.array([1, 1, 2])
    _, pull = vjp(lambda x, v: at(x)[index].min(v), x, values)
    for got, wanted in zip(pull(np.array([10.0, 11.0, 12.0])), [[10, 5.5, 6], [5.5, 0, 6]]):
        np.testing.assert_array_equal(got, wanted)


def test_product_at_an_index_that_may_occur_twice_has_no_derivative_in_its_values():
    def product(v, i):
        return at(np.ones(3))[i].multiply(v).sum()

    with pytest.raises(TypeError, match="places that differ(?s:.)*unique_indices=True"):
        grad(product)(np.array([2.0, 3.0]), np.array([1, 1]))
    np.testing.assert_array_equal(grad(product)(np.array([2.0, 3.0]), np.array([1, 2])), [1, 1])


OUTSIDE = np.array([7, -9, 1, -2])


@pytest.mark.parametrize(
    ("mode", "wrap", "read", "written"),
    [
        ("clip", True, [3, 1, 2, 2], [20, 40, 10]),
        ("clip", False, [3, 1, 2, 1], [40, 30, 10]),
        ("fill", True, [np.nan, np.nan, 2, 2], [1, 40, 3]),
        ("drop", True, [np.nan, np.nan, 2, 2], [1, 40, 3]),
        ("fill", False, [np.nan, np.nan, 2, np.nan], [1, 30, 3]),
    ],
)
def test_modes_of_indices_out_of_bounds(mode, wrap, read, written):
    x, values = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0, 40.0])
    for index in (OUTSIDE, OUTSIDE.astype(np.int8)):
        for run in (lambda f: f(x, index), lambda f: jit(f)(x, index)):
            np.testing.assert_array_equal(run(lambda x, i: at(x)[i].get(mode=mode, wrap_negative_indices=wrap)), read)
            got = run(lambda x, i: at(x)[i].set(values, mode=mode, wrap_negative_indices=wrap))
            np.testing.assert_array_equal(got, written)


def test_fill_values():
    for x, wanted in [
        (np.arange(3), np.iinfo(np.int64).min),
        (np.arange(3, dtype=np.uint8), 255),
        (np.zeros(3, bool), True),
        (np.zeros(3, np.float32), np.nan),
    ]:
        got = at(x)[np.array([5])].get(mode="fill")
        assert got.dtype == x.dtype
        np.testing.assert_array_equal(got, [wanted])
        np.testing.assert_array_equal(at(x)[5].get(mode="fill", fill_value=1), 1)
    assert at(np.arange(3))[7].get(mode="clip") == 2


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode must be one of clip, drop, fill, promise_in_bounds or None, got 'wrap'"):
        at(X)[0].get(mode="wrap")


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(
        ShapeError, match=r"could not broadcast values of shape \(2,\) into the indexed part, of shape \(5, 3\)"
    ):
        at(X)[0].set(np.zeros(2))


def test_dtypes_of_updates_are_the_arrays():
    assert at(np.arange(3))[0].add(2.7).dtype == np.int64
    assert at(np.zeros(3, np.float32))[0].set(1.0).dtype == np.float32
    assert at(np.arange(3))[0].divide(2).dtype == np.float64
    assert at(np.zeros(3, np.float32))[np.array([1, 1])].add(np.float64(1)).dtype == np.float32


def test_a_traced_mask_in_an_update_with_one_value():
    mask = np.array([True, False, True])
    x = np.arange(6.0).reshape(3, 2)
    for name, value in [("set", 7.0), ("add", np.array([1.0, 2.0])), ("max", 3.0)]:
        got = jit(lambda x, m: getattr(x.at[m], name)(value))(x, mask)
        np.testing.assert_array_equal(got, getattr(at(x)[mask], name)(value))
    with pytest.raises(NonConcreteBooleanIndexError):
        jit(lambda x, m: x.at[m].set(np.zeros((2, 2))))(x, mask)


def test_apply():
    np.testing.assert_array_equal(at(X)[1:3].apply(np.sqrt)[2], np.sqrt(X[2]))
    np.testing.assert_array_equal(at(X)[ROWS].apply(np.sqrt)[2], np.sqrt(X[2]))
    for run in (at(X)[np.array([1, 1])].apply, lambda f: jit(lambda i: at(X)[i].apply(f))(ROWS)):
        with pytest.raises(ValueError, match="unique_indices=True"):
            run(np.sqrt)


def test_a_table_that_vmap_does_not_map_is_indexed_by_mapped_integers():
    table, ids = np.arange(12.0).reshape(4, 3), np.array([3, 0, 3])
    np.testing.assert_array_equal(vmap(lambda t, i: t[i], in_axes=(None, 0))(table, ids), table[ids])
    gradients = vmap(grad(lambda t, i: (t[i] ** 2).sum()), in_axes=(None, 0))(table, ids)
    wanted = np.zeros((3, 4, 3))
    wanted[np.arange(3), ids] = 2 * table[ids]
    np.testing.assert_array_equal(gradients, wanted)
