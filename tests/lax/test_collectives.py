import numpy as np
import pytest

from vgrad import checkpoint, grad, jacfwd, jacrev, jit, jvp, lax, linearize, make_jaxpr, vmap
from vgrad.core.printer import summary
from vgrad.core.typecheck import typecheck
from vgrad.errors import NotDifferentiable

rng = np.random.default_rng(0)
N = 4
X = rng.normal(size=(N, N, 3))  # examples; one example has shape (N, 3)
PERM = [(0, 1), (1, 3), (3, 0)]


def taken(x, order):
    return np.stack([x[source] if source is not None else 0 * x[0] for source in order])


# name -> (per example, with lax; of all examples at once, with NumPy)
COLLECTIVES = {
    "psum": (lambda x: lax.psum(np.sin(x), "i") * x, lambda x: np.sin(x).sum(0) * x),
    "psum of what is the same for all": (lambda x: x * lax.psum(np.arange(3.0), "i"), lambda x: x * N * np.arange(3.0)),
    "pmean": (lambda x: (x - lax.pmean(x, "i")) ** 2, lambda x: (x - x.mean(0)) ** 2),
    "axis_index": (
        lambda x: x * (1.0 + lax.axis_index("i")),
        lambda x: x * (1.0 + np.arange(N))[:, None, None],
    ),
    "all_gather": (
        lambda x: np.tanh(lax.all_gather(x, "i")).sum(0) * x,
        lambda x: np.tanh(x).sum(0) * x,
    ),
    "all_gather along the last axis": (
        lambda x: np.cumsum(lax.all_gather(x, "i", axis=-1), -1)[..., 2] * x,
        lambda x: x[:3].sum(0) * x,
    ),
    "all_gather tiled": (
        lambda x: lax.all_gather(x**2, "i", axis=1, tiled=True)[:, 2:5] * x,
        lambda x: np.concatenate(list(x**2), axis=1)[:, 2:5] * x,
    ),
    "ppermute": (
        lambda x: lax.ppermute(np.sin(x), "i", PERM) * x,
        lambda x: taken(np.sin(x), [3, 0, None, 1]) * x,
    ),
    "pshuffle": (
        lambda x: lax.pshuffle(np.sin(x), "i", [2, 0, 3, 1]) * x,
        lambda x: taken(np.sin(x), [2, 0, 3, 1]) * x,
    ),
    "all_to_all": (
        lambda x: lax.all_to_all(np.sin(x), "i", 0, 0) * x,
        lambda x: np.sin(np.swapaxes(x, 0, 1)) * x,
    ),
    "all_to_all to another axis": (
        lambda x: lax.all_to_all(np.sin(x), "i", 0, 1) * x.T,
        lambda x: np.sin(np.moveaxis(x, (1, 0), (0, 2))) * np.swapaxes(x, 1, 2),
    ),
    "all_to_all tiled": (
        lambda x: lax.all_to_all(np.sin(x), "i", 0, 1, tiled=True).reshape(N, 3) * x,
        lambda x: np.sin(np.swapaxes(x, 0, 1)) * x,
    ),
    "psum_scatter": (
        lambda x: lax.psum_scatter(x**2, "i") * x,
        lambda x: (x**2).sum(0)[:, None, :] * x,
    ),
    "psum_scatter tiled": (
        lambda x: lax.psum_scatter(np.concatenate([x, x * 2]) ** 2, "i", tiled=True).sum(0) * x,
        lambda x: (np.concatenate([x, x * 2], 1) ** 2).sum(0).reshape(N, 2, 3).sum(1)[:, None, :] * x,
    ),
    "in scan": (
        lambda x: lax.scan(lambda c, r: (lax.psum(np.sin(c * r), "i") + lax.axis_index("i"), c), x[0], x)[1] * x,
        lambda x: in_loop(x) * x,
    ),
    "in cond": (
        lambda x: lax.cond(lax.psum(x.sum(), "i") < 1e9, lambda x: lax.psum(x, "i"), lambda x: x, x) * x,
        lambda x: x.sum(0) * x,
    ),
}


def in_loop(x):
    c, ys = x[:, 0], []
    for step in range(N):
        ys.append(c)
        c = np.sin(c * x[:, step]).sum(0) + np.arange(N)[:, None]
    return np.stack(ys, 1)


every_collective = pytest.mark.parametrize("name", COLLECTIVES)


def named(f, **options):
    return vmap(f, axis_name="i", **options)


def total(f):
    """Per example: the gradient, with respect to the own example, of the sum of what all examples make."""
    return grad(lambda x: f(x).sum())


def same(got, wanted):
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


@every_collective
def test_values(name):
    f, whole = COLLECTIVES[name]
    wanted = whole(X)
    for mapped in (named(f), jit(named(f)), named(jit(f)), jit(named(jit(f))), named(checkpoint(f))):
        same(mapped(X), wanted)
    same(named(f, in_axes=2, out_axes=1)(np.moveaxis(X, 0, 2)), np.moveaxis(wanted, 0, 1))
    typecheck(make_jaxpr(named(jit(f)))(X))


@every_collective
def test_what_is_the_same_for_all_examples(name):
    f, whole = COLLECTIVES[name]
    wanted = whole(np.stack([X[0]] * N))
    same(named(f, in_axes=None, axis_size=N)(X[0]), wanted)
    same(named(jit(f), in_axes=None, axis_size=N)(X[0]), wanted)


@every_collective
def test_other_vmaps_inside_and_outside(name):
    f, whole = COLLECTIVES[name]
    stacked = np.stack([X, X * 0.5])
    wanted = np.stack([whole(x) for x in stacked])
    same(vmap(named(f))(stacked), wanted)
    same(jit(vmap(named(jit(f))))(stacked), wanted)
    same(named(vmap(f, axis_name="j"), in_axes=1, out_axes=1)(stacked), wanted)
    same(named(vmap(f, in_axes=2), out_axes=1)(np.moveaxis(stacked, 0, -1)), wanted)


@every_collective
def test_derivatives_of_the_whole(name):
    f, whole = COLLECTIVES[name]
    wanted = jacfwd(whole)(X)
    for mapped in (named(f), named(jit(f))):
        same(jacfwd(mapped)(X), wanted)
        same(jacrev(mapped)(X), wanted)
    same(jit(jacrev(named(f)))(X), wanted)


@every_collective
def test_derivatives_per_example(name):
    f, whole = COLLECTIVES[name]
    gradient = lambda x: grad(lambda x: whole(x).sum())(x)
    for mapped in (named(total(f)), jit(named(total(f))), named(jit(total(jit(f)))), named(total(checkpoint(f)))):
        same(mapped(X), gradient(X))
    _, tangent = jvp(whole, (X,), (X * 2,))
    same(named(lambda x: jvp(f, (x,), (x * 2,))[1])(X), tangent)
    same(named(jit(lambda x: jvp(jit(f), (x,), (x * 2,))[1]))(X), tangent)
    same(named(lambda x: linearize(f, x)[1](x * 2))(X), tangent)
    _, second = jvp(gradient, (X,), (X * 2,))
    same(named(lambda x: jvp(total(f), (x,), (x * 2,))[1])(X), second)


def test_pytrees_and_python_numbers():
    def f(x):
        sums = lax.psum({"a": x, "b": (1, x * 2), "c": x > 0, "d": 0.5}, "i")
        assert sums["b"][0] == 3 and type(sums["b"][0]) is int and sums["d"] == 1.5
        assert lax.axis_size("i") == 3 and sums["c"].dtype == np.int64
        return sums["a"] + sums["b"][1], sums["c"], lax.pmax((x, -x), "i"), lax.pmin(x, "i")

    total, positive, (largest, smallest), least = named(f)(np.array([1.0, -2.0, 5.0]))
    np.testing.assert_array_equal(total, [12.0] * 3)
    np.testing.assert_array_equal(positive, [2] * 3)
    assert largest.tolist() == [5.0] * 3 and smallest.tolist() == [2.0] * 3 and least.tolist() == [-2.0] * 3


def test_several_names():
    x = rng.normal(size=(2, 3))

    def f(x):
        return (
            lax.psum(x, ("i", "j")),
            lax.psum(x, "j"),
            lax.axis_index(("i", "j")),
            lax.all_gather(x, ("i", "j")),
            lax.all_gather(x, ("j", "i")),
            lax.pmax(x, ("j", "i")),
            lax.psum(1, ("i", "j")),
        )

    both, inner, index, gathered, turned, largest, size = vmap(vmap(f, axis_name="j"), axis_name="i")(x)
    np.testing.assert_allclose(both, np.full((2, 3), x.sum()))
    np.testing.assert_allclose(inner, np.repeat(x.sum(1, keepdims=True), 3, 1))
    np.testing.assert_array_equal(index, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(gathered, np.broadcast_to(x.ravel(), (2, 3, 6)))
    np.testing.assert_array_equal(turned, np.broadcast_to(x.T.ravel(), (2, 3, 6)))
    np.testing.assert_array_equal(largest, np.full((2, 3), x.max()))
    np.testing.assert_array_equal(size, np.full((2, 3), 6))


def test_the_innermost_of_equal_names_counts():
    x = rng.normal(size=(2, 3))
    got = vmap(vmap(lambda x: lax.psum(x, "i"), axis_name="i"), axis_name="i")(x)
    np.testing.assert_allclose(got, np.repeat(x.sum(1, keepdims=True), 3, 1))


def test_a_cached_program_is_not_used_for_another_axis_size():
    f = jit(lambda x: x * lax.psum(1, "i"))
    np.testing.assert_array_equal(named(f)(np.ones(3)), [3.0] * 3)
    np.testing.assert_array_equal(named(f)(np.ones(5)), [5.0] * 5)
    with pytest.raises(NameError, match="unbound axis name: i"):
        f(1.0)


def test_batch_normalisation_stages_to_plain_operations():
    f = named(lambda x: (x - lax.pmean(x, "i")) / np.sqrt(lax.pmean(x**2, "i") - lax.pmean(x, "i") ** 2))
    x = rng.normal(size=(5, 2))
    same(f(x), (x - x.mean(0)) / x.std(0))
    assert "psum" not in summary(make_jaxpr(f)(x))


@pytest.mark.parametrize("extremum", [lax.pmax, lax.pmin])
def test_extrema_have_no_derivative_of_their_own(extremum):
    with pytest.raises(NotDifferentiable, match="Differentiation rule for 'pm.*' not implemented; write all_gather"):
        named(grad(lambda x: extremum(x, "i")))(np.ones(3))
    np.testing.assert_array_equal(grad(lambda x: named(lambda x: extremum(x, "i"))(x)[0])(np.arange(2.0)).sum(), 1.0)


ERRORS = {
    "psum": (lambda: lax.psum(1.0, "rows"), NameError, "unbound axis name: rows"),
    "axis_index": (lambda: lax.axis_index("rows"), NameError, "unbound axis name: rows"),
    "axis_size": (lambda: lax.axis_size("rows"), NameError, "unbound axis name: rows"),
    "pmax": (lambda: lax.pmax(np.ones(2), "rows"), NameError, "unbound axis name: rows"),
    "jit": (lambda: jit(lambda x: lax.psum(x, "rows"))(1.0), NameError, "unbound axis name: rows"),
    "second name": (lambda: named(lambda x: lax.psum(x, ("i", "rows")))(np.ones(2)), NameError, "axis name: rows"),
    "after the vmap": (
        lambda: [named(lambda x: x)(np.ones(2)), lax.psum(np.ones(2), "i")],
        NameError,
        "unbound axis name: i",
    ),
    "twice": (
        lambda: named(lambda x: lax.ppermute(x, "i", [(0, 1), (1, 1)]))(np.ones(3)),
        ValueError,
        r"sources and destinations must be unique, got \[\(0, 1\), \(1, 1\)\]",
    ),
    "out of range": (
        lambda: named(lambda x: lax.ppermute(x, "i", [(0, 3)]))(np.ones(3)),
        ValueError,
        r"must be in range\(3\), got \[\(0, 3\)\]",
    ),
    "no permutation": (
        lambda: named(lambda x: lax.pshuffle(x, "i", [0, 0, 1]))(np.ones(3)),
        ValueError,
        "does not represent a permutation",
    ),
    "all_to_all": (
        lambda: named(lambda x: lax.all_to_all(x, "i", 0, 0))(np.ones((3, 4))),
        ValueError,
        r"to equal x.shape\[split_axis\], but they are 3 and 4 respectively",
    ),
    "psum_scatter": (
        lambda: named(lambda x: lax.psum_scatter(x, "i"))(np.ones((3, 4))),
        ValueError,
        "but they are 4 and 3 respectively",
    ),
    "psum_scatter tiled": (
        lambda: named(lambda x: lax.psum_scatter(x, "i", tiled=True))(np.ones((3, 4))),
        ValueError,
        "dimension size 4 must be divisible by the axis size 3",
    ),
    "groups": (
        lambda: named(lambda x: lax.psum(x, "i", axis_index_groups=[[0], [1]]))(np.ones(2)),
        NotImplementedError,
        "psum: axis_index_groups is not supported",
    ),
    "two names": (
        lambda: vmap(named(lambda x: lax.ppermute(x, ("i", "j"), [])), axis_name="j")(np.ones((2, 2))),
        NotImplementedError,
        "ppermute takes one axis name",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_is_wrong(name):
    call, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        call()
