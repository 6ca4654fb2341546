"""Random programs under random stacks of transformations, compared with plain NumPy, loops and finite differences.

A program is a list of steps on a pool of arrays, all of small random shapes (0 and 1 among the lengths); hypothesis
draws it, derandomized: every run tests the same programs.
"""

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vgrad import checkpoint, custom_jvp, grad, jit, jvp, lax, make_jaxpr, vjp, vmap
from vgrad.core.typecheck import typecheck
from vgrad.core.types import FLOAT0
from vgrad.numpy import at

BATCH = 3
STEP = 2e-3
STENCIL = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))  # central differences of order 6: truncation error about 1e-16

# Smooth, bounded operations, so that any program of them has derivatives that differences resolve.
UNARY = {
    "sin": np.sin,
    "tanh": np.tanh,
    "negative": np.negative,
    "arctan": np.arctan,
    "square": lambda x: np.square(np.tanh(x)),
    "logistic": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "root": lambda x: np.sqrt(x * x + 1.0),
    "log": lambda x: np.log1p(x**2),
    "half": lambda x: 0.5 * x,
    "where": lambda x: np.where(np.arange(x.size).reshape(x.shape) % 2 == 0, x, 0.3 * x),
    "flip": lambda x: np.flip(x) if x.ndim else x,
    "transpose": lambda x: x.T,
    "ravel": lambda x: np.ravel(x),
    "new axis": lambda x: x[None] if x.ndim < 3 else x,
    "last first": lambda x: np.moveaxis(x, -1, 0) if x.ndim else x,
    "roll": lambda x: np.roll(x, 1, axis=-1) if x.ndim else x,
    "cumsum": lambda x: np.cumsum(x, axis=0) if x.ndim else x,
    "tail": lambda x: x[1:] if x.ndim else x,
    "every other": lambda x: x[..., ::2] if x.ndim else x,
    "pad": lambda x: np.pad(x, [(1, 0)] + [(0, 0)] * (x.ndim - 1)) if 0 < x.ndim < 3 else x,
    "rows": lambda x: x[np.array([0, -1, 0])] if x.ndim and x.shape[0] else x,
    "sum of all": lambda x: np.tanh(np.sum(x)),
    "sum": lambda x: np.tanh(np.sum(x, axis=-1)) if x.ndim else x,
    "mean": lambda x: np.mean(x, axis=0, keepdims=True) if x.ndim and x.shape[0] else x,
    "norm": lambda x: np.sqrt(np.sum(x * x, axis=-1) + 1.0) if x.ndim else x,
    "softmax": lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))) if x.size else x,
    "einsum": lambda x: np.tanh(np.einsum("...i,...i->...", x, x)) if x.ndim else x,
    "take": lambda x: np.take(x, [-1, 0], axis=-1) if x.ndim and x.shape[-1] else x,
    "assign": lambda x: at(x)[..., 0].set(0.5) if x.ndim and x.shape[-1] else x,
    "fourier": lambda x: np.real(np.fft.fft(x)) / x.shape[-1] if x.ndim and x.shape[-1] else x,
    "solve": lambda x: np.linalg.solve(3 * np.eye(len(x)) + np.tanh(x), x) if is_square(x) else x,
    "jit": jit(lambda x: np.sin(x) * x),
    "checkpoint": checkpoint(lambda x: np.tanh(np.sin(x) + x)),
    "vmap": lambda x: vmap(lambda row: np.tanh(np.sum(row)) * row)(x) if x.ndim else x,
    "grad": lambda x: grad(lambda y: np.sum(np.sin(y) * np.cos(x)))(x),
    "scan": lambda x: lax.scan(lambda c, row: (np.tanh(c + np.sum(row)), c * row), 0.5, x)[1] if x.ndim else x,
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, y: np.sin(y) + 0.1 * i, x),
    "cond": lambda x: lax.cond(np.sum(x) * 0.0 < 1.0, np.sin, np.cos, x),
    "switch": lambda x: lax.switch(x.ndim, [np.sin, np.tanh, np.cos], x),
    "soft": lambda x: soft(x),
}


@custom_jvp
def soft(x):
    return np.log1p(np.exp(np.tanh(x)))


@soft.defjvp
def soft_jvp(primals, tangents):
    (x,), (v,) = primals, tangents
    y = np.tanh(x)
    return soft(x), v * (1.0 - y * y) / (1.0 + np.exp(-y))


BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": lambda x, y: x / (2.0 + np.tanh(y)),
    "hypot": lambda x, y: np.sqrt(1.0 + x * x + y * y),
    "logaddexp": np.logaddexp,
    "outer": lambda x, y: np.tanh(np.multiply(x[..., None], y)) if x.ndim == y.ndim == 1 else np.add(x, np.sum(y)),
    "matmul": lambda x, y: np.tanh(x @ y) if fits_matmul(x, y) else np.multiply(x, np.mean(y) if y.size else 1.0),
    "join": lambda x, y: np.concatenate([x, y]) if joins(x, y) else x,
}


def is_square(x):
    return x.ndim == 2 and x.shape[0] == x.shape[1] > 0


def fits_matmul(x, y):
    return x.ndim in (1, 2) and y.ndim in (1, 2) and x.shape[-1] == y.shape[0]


def joins(x, y):
    return x.ndim == y.ndim > 0 and x.shape[1:] == y.shape[1:] and x.shape[0] + y.shape[0] < 8


def broadcasts(x, y):
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return len(shape) <= 3 and np.prod(shape) <= 60


def run(program, *inputs):
    """A scalar: every step takes arrays of the pool and adds one; all of the pool counts in the end."""
    pool = list(inputs)
    for name, first, second in program:
        x = pool[first % len(pool)]
        if name in UNARY:
            pool.append(UNARY[name](x))
            continue
        y = pool[second % len(pool)]
        pool.append(BINARY[name](x, y) if broadcasts(x, y) or name in ("matmul", "join", "outer") else np.sin(x))
    return sum([np.sum(np.tanh(value)) * (1.0 / (1 + number)) for number, value in enumerate(pool)], 0.0)


steps = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 30), st.integers(0, 30))
programs = st.lists(steps, min_size=1, max_size=24)
shapes = st.lists(st.sampled_from([0, 1, 2, 3]), min_size=0, max_size=2).map(tuple)
stacks = st.lists(st.sampled_from(["jit", "vmap", "grad", "jvp", "checkpoint"]), min_size=1, max_size=4)
seeds = st.integers(0, 1000)

# no shrinking: a failure prints its program at once, and the suite stays quick
examples = settings(
    phases=[Phase.generate],
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def draw(shapes, seed, batch=()):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(*batch, *shape)) for shape in shapes]


def close(got, wanted, tolerance=1e-9):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * max(1.0, np.abs(wanted).max(initial=0)))


def difference(function, inputs, directions):
    """Derivative of `function` along `directions`, by evaluating it alone."""
    total = 0.0
    for count, weight in STENCIL:
        for sign in (1, -1):
            moved = [x + sign * count * STEP * v for x, v in zip(inputs, directions)]
            total = total + sign * weight / STEP * np.asarray(function(*moved))
    return total


def evenly(inputs):
    """The direction in which all elements move together, of length that does not grow with their number."""
    size = sum([np.size(x) for x in inputs])
    return [np.full(np.shape(x), 1.0 / (1 + size)) for x in inputs]


@examples
@given(programs, st.lists(shapes, min_size=1, max_size=3), seeds)
def test_derivatives_are_finite_differences(program, shapes, seed):
    inputs = draw(shapes, seed)
    directions = [v * w for v, w in zip(draw(shapes, seed + 1), evenly(inputs))]
    f = lambda *values: run(program, *values)
    _, tangent = jvp(f, inputs, directions)
    close(tangent, difference(f, inputs, directions), 1e-8)
    value, pull = vjp(f, *inputs)
    close(value, f(*inputs))
    close(sum([np.sum(g * v) for g, v in zip(pull(1.0), directions)], 0.0), tangent)
    typecheck(make_jaxpr(grad(f))(*inputs))


@examples
@given(programs, st.lists(st.tuples(shapes, st.sampled_from(["f4", "f8", "i8", "b1"])), min_size=1, max_size=3), seeds)
def test_dtypes_are_those_of_numpy(program, inputs, seed):
    """Whatever the inputs' dtypes, results have the dtype that plain NumPy gives, gradients that of their inputs."""
    values = [(2 * x).astype(dtype) for x, (_, dtype) in zip(draw([shape for shape, _ in inputs], seed), inputs)]
    f = lambda *values: run(program, *[1.5 * x for x in values])
    wanted = np.asarray(f(*values))
    tolerance = 1e-4 if any(dtype == "f4" for _, dtype in inputs) else 1e-9
    close(jit(f)(*values), wanted, tolerance)
    close(vmap(f)(*[np.stack([x, x]) for x in values]), np.stack([wanted, wanted]), tolerance)
    floats = tuple([number for number, x in enumerate(values) if x.dtype.kind == "f"])
    if floats:
        gradients = jit(grad(f, floats))(*values)
        assert [g.dtype for g in gradients] == [values[number].dtype for number in floats]
        value, pull = vjp(f, *values)
        assert (value.dtype, value.shape) == (wanted.dtype, ())
        directions = [x if x.dtype.kind == "f" else np.zeros(x.shape, FLOAT0) for x in values]
        assert jvp(f, values, directions)[1].dtype == wanted.dtype
        pulled = pull(wanted.dtype.type(1))
        assert [pulled[number].dtype for number in floats] == [g.dtype for g in gradients]


@examples
@given(programs, st.lists(shapes, min_size=1, max_size=2), stacks, seeds)
def test_each_transformation_of_a_stack_means_what_it_says(program, shapes, stack, seed):
    """jit and checkpoint change nothing, vmap is a loop, grad and jvp are differences of the function below them."""
    function, batch = lambda *values: run(program, *values), ()
    for name in stack:
        if name == "vmap":
            batch = (BATCH, *batch)
        inputs = draw(shapes, seed, batch)
        transformed, meaning = MEANINGS[name](function)
        close(transformed(*inputs), meaning(*inputs), 1e-8 if name in ("grad", "jvp") else 1e-9)
        function = transformed


def looped(function):
    return lambda *values: np.stack([np.asarray(function(*rows)) for rows in zip(*values)])


def total(function):
    return lambda *values: np.sum(function(*values))


def slope_by_grad(function):
    def slope(*values):
        gradients = grad(total(function), tuple(range(len(values))))(*values)
        return sum([np.sum(g * v) for g, v in zip(gradients, evenly(values))], 0.0)

    return slope


def slope_by_jvp(function):
    return lambda *values: jvp(total(function), values, evenly(values))[1]


def slope_by_difference(function):
    return lambda *values: difference(total(function), values, evenly(values))


MEANINGS = {
    "jit": lambda f: (jit(f), f),
    "checkpoint": lambda f: (checkpoint(f), f),
    "vmap": lambda f: (vmap(f), looped(f)),
    "grad": lambda f: (slope_by_grad(f), slope_by_difference(f)),
    "jvp": lambda f: (slope_by_jvp(f), slope_by_difference(f)),
}
