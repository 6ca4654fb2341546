"""Plain NumPy on tracers: functions, ufuncs and their methods, operators, methods, and what is refused."""

import numpy as np
import pytest

from vgrad import grad, jit, make_jaxpr, vmap
from vgrad.errors import ConcretizationTypeError, TracerArrayConversionError

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])
Y = np.array([[1.5, 0.2, -0.3], [0.4, 2.2, 0.9]])

PLAIN = {
    "ufunc": lambda x, y: np.sin(x) + np.hypot(x, y),
    "ufunc with lists": lambda x, y: np.multiply([1.0, 2.0, 3.0], x),
    "ufunc dtype": lambda x, y: np.add(x, y, dtype=np.float32).astype(float),
    "reduce": lambda x, y: np.add.reduce(x) + np.multiply.reduce(y, axis=0),
    "reduce with keepdims": lambda x, y: np.maximum.reduce(x, axis=1, keepdims=True) * np.minimum.reduce(y, axis=None),
    "accumulate": lambda x, y: np.add.accumulate(x) + np.multiply.accumulate(y, axis=1),
    "outer": lambda x, y: np.multiply.outer(x[0], y[1]) + np.add.outer(x[0], y[0]),
    "array functions": lambda x, y: np.concatenate([np.sum(x, axis=0), np.mean(y, axis=0)]),
    "linalg": lambda x, y: np.linalg.inv(x @ x.T + np.eye(2)) @ y,
    "fft": lambda x, y: np.abs(np.fft.rfft(x)) + np.real(np.fft.fft(y))[:, :2],
    "ndarray on the left": lambda x, y: np.ones((2, 3)) * x + np.float64(2.0) / (y * y + 1),
    "scalars": lambda x, y: 2 * x - 1 / (2 + y**2) + (-x) ** 2 + abs(y) // 1 + x % 3,
    "matmul": lambda x, y: (x @ y.T) @ np.ones(2),
    "comparisons": lambda x, y: np.where((x > y) & ~(x == 0) | (y <= 0.1), x, y),
    "methods": lambda x, y: x.sum(axis=0) + y.mean(axis=0) * x.max() - y.std(axis=0).clip(0, 1) + x.T.dot(y[:, 0]),
    "shapes": lambda x, y: x.reshape(3, 2).transpose(1, 0).ravel() + y.flatten()[::-1] + x.swapaxes(0, 1).reshape(-1),
    "reshape by keyword": lambda x, y: np.reshape(x, (3, 2), order="F") + x.reshape((3, 2), order="F"),
    "indexing": lambda x, y: x[0, ::-1] * y[..., [0, 2, 1]][1] + x[:, None][1, 0] + x[np.array([True, False])][0],
    "iteration": lambda x, y: sum(row * other[0] for row, other in zip(x, y)),
    "unpacking": lambda x, y: (lambda a, b: a * b)(*x),
    "attributes": lambda x, y: x.T.T * x.ndim + y.size * len(y) + x.shape[0] + x.real - x.imag,
    "complex": lambda x, y: np.real(np.conj(x + 1j * y) * (x - 1j * y)),
    "astype": lambda x, y: x.astype(np.float32).astype(np.float64) * y.astype(int),
    "divmod": lambda x, y: divmod(x, 0.77)[1] + np.divmod(y, 0.31)[1],
    "round": lambda x, y: np.round(x, 1) + x.round(1) + x * y,
    "cumulative": lambda x, y: x.cumsum(axis=1) * np.cumprod(y, axis=0),
    "sorting": lambda x, y: np.sort(x, axis=1) + np.take_along_axis(y, np.argsort(y, axis=1), axis=1),
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y) + np.tensordot(x, y.T, axes=1),
}


@pytest.mark.parametrize("function", PLAIN.values(), ids=PLAIN.keys())
def test_plain_numpy_gives_what_numpy_gives(function):
    expected = function(X, Y)
    np.testing.assert_allclose(jit(function)(X, Y), expected, rtol=1e-12)
    stacks = np.stack([X, X + 0.5]), np.stack([Y, Y - 0.5])
    loop = np.stack([function(*each) for each in zip(*stacks)])
    np.testing.assert_allclose(vmap(function)(*stacks), loop, rtol=1e-6)
    by_x, by_y = grad(lambda x, y: np.sum(np.cos(function(x, y))), (0, 1))(X, Y)
    assert by_x.shape == X.shape and by_y.shape == Y.shape
    step = 1e-6
    rng = np.random.default_rng(0)
    dx, dy = rng.normal(size=X.shape), rng.normal(size=Y.shape)
    if function is not PLAIN["astype"] and function is not PLAIN["ufunc dtype"]:  # float32 has no room for differences
        up, down = (np.sum(np.cos(function(X + s * dx, Y + s * dy))) for s in (step, -step))
        np.testing.assert_allclose(
            np.sum(by_x * dx) + np.sum(by_y * dy), (up - down) / (2 * step), rtol=1e-5, atol=1e-7
        )


def test_a_table_that_is_not_mapped_is_indexed_by_traced_ids():
    table, ids = np.arange(12.0).reshape(4, 3), np.array([2, 0, 3])
    np.testing.assert_array_equal(vmap(lambda t, i: t[i], in_axes=(None, 0))(table, ids), table[ids])
    np.testing.assert_array_equal(
        vmap(grad(lambda t, i: np.sum(t[i] ** 2)), in_axes=(None, 0))(table, ids)[0, 2], 2 * table[2]
    )
    np.testing.assert_array_equal(vmap(lambda t, i: (t * 2)[i, 1], in_axes=(None, 0))(table, ids), 2 * table[ids, 1])


def test_results_are_numpy_arrays_that_may_be_written_to():
    gradient = grad(np.sum)(X)
    assert type(gradient) is np.ndarray
    gradient += 1.0
    one, other = grad(lambda x, y: np.sum(x + y), (0, 1))(X, Y)
    one[:] = 7.0
    assert other[0, 0] == 1.0
    same = jit(lambda x: x)(X)
    assert same is not X and not np.shares_memory(same, X)


IN_PLACE = {
    "out": (lambda x: np.sin(x, out=np.zeros((2, 3))), TypeError, "out="),
    "out of an array function": (lambda x: np.sum(x, out=np.zeros(())), TypeError, "out="),
    "augmented ndarray": (lambda x: np.ones((2, 3)).__iadd__(x), TypeError, "a = a \\+ x"),
    "at": (lambda x: np.add.at(x, 0, 1.0), TypeError, "vgrad.numpy.at"),
    "setitem": (lambda x: x.__setitem__(0, 1.0), TypeError, r"x.at\[idx\].set"),
    "setitem into ndarray": (lambda x: np.zeros(3).__setitem__(0, x[0, 0]), ConcretizationTypeError, r"\.set\(x\)"),
    "sort": (lambda x: x.sort(), TypeError, r"np\.sort"),
    "fill": (lambda x: x.fill(1.0), TypeError, r"np\.full_like"),
    "copyto": (lambda x: np.copyto(np.zeros((2, 3)), x), TypeError, "np.where"),
    "setitem of a row": (lambda x: np.zeros((2, 3)).__setitem__(0, x[0]), TracerArrayConversionError, r"\.set\(x\)"),
    "array of tracers": (lambda x: np.array([x[0, 0], x[0, 1]]), TracerArrayConversionError, "np.stack"),
    "asarray": (lambda x: np.asarray(x), TracerArrayConversionError, "__array__"),
    "float": (lambda x: float(x[0, 0]), ConcretizationTypeError, "stop_gradient"),
    "where keyword": (lambda x: np.sin(x, where=X > 0), TypeError, "np.where"),
    "no rule": (lambda x: np.busday_count(x, x), TypeError, "no rule|cannot"),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 1]), TypeError, "cannot trace np.add.reduceat"),
}


@pytest.mark.parametrize("transform", [jit, grad, vmap], ids=["jit", "grad", "vmap"])
@pytest.mark.parametrize("function, error, text", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_what_cannot_be_traced_says_what_to_write_instead(function, error, text, transform):
    args = (np.stack([X, X]),) if transform is vmap else (X,)
    with pytest.raises(error, match=text):
        transform(function)(*args)


def test_errors_quote_the_users_line():
    def f(x):
        return float(x) * 2  # the line that is quoted

    with pytest.raises(ConcretizationTypeError, match=r"test_dispatch\.py:\d+ +return float\(x\) \* 2"):
        jit(f)(1.0)


def test_one_numpy_call_is_one_equation():
    program = make_jaxpr(lambda x, y: np.tanh(x) * y)(X, Y)
    assert [equation.primitive.name for equation in program.equations] == ["tanh", "mul"]
