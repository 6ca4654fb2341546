import numpy as np
import pytest

from tests.control.compositions import ALL, FORWARD, check
from vgrad import config, grad, jit, jvp, lax, make_jaxpr, vmap
from vgrad.core.printer import summary
from vgrad.errors import ReverseModeError

rng = np.random.default_rng(0)
X = rng.normal(size=(5, 3))


def same(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------------------------------------------------------- scan


def test_pytrees_in_carry_xs_and_ys():
    def step(carry, x):
        total = {"sum": carry["sum"] + x["a"].sum(), "steps": (carry["steps"][0] + 1,)}
        return total, (x["a"] * 2, {"sum": carry["sum"]}, None)

    carry, (doubled, before, nothing) = lax.scan(step, {"sum": 0.0, "steps": (0,)}, {"a": X, "b": None})
    same(carry["sum"], X.sum())
    assert carry["steps"] == (5,) and nothing is None
    same(doubled, X * 2)
    same(before["sum"], np.concatenate([[0.0], X.sum(1).cumsum()[:-1]]))


def test_python_scalars_take_the_dtype_that_the_body_makes():
    xs = np.ones(3, np.float32)
    assert lax.scan(lambda c, x: (c + x, None), 0.0, xs)[0].dtype == np.float32
    assert lax.scan(lambda c, x: (c + x, None), 0, xs)[0].dtype == np.float32
    assert lax.scan(lambda c, x: (c + 1, c * x), 0, xs)[1].dtype == np.float32
    assert lax.scan(lambda c, x: (c + 1.5, None), 0, xs)[0].dtype == np.float64
    assert lax.scan(lambda c, x: (0.0, None), xs[0], xs)[0].dtype == np.float32
    assert lax.fori_loop(0, 3, lambda i, c: c * i, np.float32(1)).dtype == np.float32
    assert jit(lambda n, c: lax.fori_loop(0, n, lambda i, c: c * i, c))(3, np.float32(1)).dtype == np.float32
    assert lax.while_loop(lambda c: c < 3, lambda c: c + np.float32(1), 0).dtype == np.float32


def test_reverse_starts_from_the_last():
    carry, ys = lax.scan(lambda c, x: (c * 0.5 + x, c), 0.0, np.arange(4.0), reverse=True)
    same(ys, [2.75, 3.5, 3.0, 0.0])
    same(carry, 0.5 * 2.75)


def test_unroll_changes_nothing():
    sums = lambda **options: lax.scan(lambda c, x: (c + x, c), 0.0, X[:, 0], **options)[1]
    same(sums(unroll=2), sums())


@pytest.mark.parametrize("transform", [lambda f: f, jit, grad, vmap])
def test_arrays_closed_over_may_change_between_calls(transform):
    weights = np.ones(3)

    def f(x):
        return lax.scan(lambda c, w: (c * w * weights[0], None), x, np.ones(2))[0]

    x = np.ones(2) if transform is vmap else 1.0
    transform(lambda x: f(x))(x)
    weights[:] = 3.0
    same(transform(lambda x: f(x))(x), 9.0 * np.ones_like(x))


ERRORS = {
    "not callable": (lambda: lax.scan(3, 0.0, X), TypeError, "f argument should be a callable"),
    "no pair": (lambda: lax.scan(lambda c, x: c, 0.0, X), TypeError, "scan body output must be a pair, got"),
    "nothing": (lambda: lax.scan(lambda c, x: (c, x), 0.0), ValueError, "scan got no values to scan over and `length`"),
    "rank 0": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, {"a": X, "b": 1.0}),
        ValueError,
        r"no leading axis to scan over: x\['b'\] of type float64\[\]",
    ),
    "lengths": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, (X, X[:4])),
        ValueError,
        r"different leading axis sizes: 5, 4 \(x\[0\] has 5, x\[1\] has 4\)",
    ),
    "length": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, X, length=4),
        ValueError,
        r"`length` argument of 4 which disagrees with leading axis sizes \[5\]",
    ),
    "negative length": (lambda: lax.scan(lambda c, x: (c, x), 0.0, None, length=-1), ValueError, "negative length"),
    "carry type": (
        lambda: lax.scan(lambda c, x: ({"a": c["a"], "b": c["b"].astype(int)}, x), {"a": 1.0, "b": np.float64(2)}, X),
        TypeError,
        r"The input carry component c\['b'\] has type float64\[\] but the corresponding output carry component has "
        r"type int64\[\], so the dtypes do not match.",
    ),
    "carry shape": (
        lambda: lax.scan(lambda state, x: (state[:2], x), np.ones(3), X),
        TypeError,
        r"The input carry state has type float64\[3\] but the corresponding output carry component has type "
        r"float64\[2\], so the shapes do not match.",
    ),
    "carry structure": (
        lambda: lax.scan(lambda c, x: ((c, c), x), 0.0, X),
        TypeError,
        "carry input and carry output must have the same pytree structure, but they differ",
    ),
    "ys": (lambda: lax.scan(lambda c, x: (c, "y"), 0.0, X), TypeError, "output of the scan body function: value 'y'"),
    "init": (lambda: lax.scan(lambda c, x: (c, x), "0", X), TypeError, "lax.scan: argument c of <lambda>: value '0'"),
    "while type": (
        lambda: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[0]), (0.0, np.ones(2))),
        TypeError,
        r"(?s)while_loop body function carry .* component c\[1\] has type float64\[2\] but .* type float64\[\]",
    ),
    "while structure": (
        lambda: lax.while_loop(lambda c: c < 3, lambda c: (c, c), 0.0),
        TypeError,
        "while_loop body function carry input and carry output must have the same pytree structure",
    ),
    "condition pytree": (
        lambda: lax.while_loop(lambda c: (c < 3, c), lambda c: c, 0.0),
        TypeError,
        "cond_fun must return a boolean scalar, but got pytree",
    ),
    "condition type": (
        lambda: lax.while_loop(lambda c: c < 3, lambda c: c, np.ones(2)),
        TypeError,
        r"cond_fun must return a boolean scalar, but got output type bool\[2\]",
    ),
    "bounds": (
        lambda: lax.fori_loop(0, 3.0, lambda i, c: c, 0.0),
        TypeError,
        r"arguments to fori_loop must be integer scalars, got int64\[\] and float64\[\]",
    ),
    "fori type": (
        lambda: lax.fori_loop(0, 3, lambda i, total: total[:1], np.ones(2)),
        TypeError,
        r"(?s)fori_loop body function carry .* carry total has type float64\[2\] but .* type float64\[1\]",
    ),
    "pred shape": (
        lambda: lax.cond(np.array([True, False]), np.sin, np.cos, 1.0),
        TypeError,
        r"Pred must be a scalar, got \[ True False\] of shape \(2,\)",
    ),
    "pred text": (lambda: lax.cond("yes", np.sin, np.cos, 1.0), TypeError, "Pred must be a scalar, got 'yes' of type"),
    "pred complex": (
        lambda: lax.cond(1j, np.sin, np.cos, 1.0),
        TypeError,
        "Pred type must be either boolean or number",
    ),
    "branches not callable": (lambda: lax.cond(True, 1.0, np.cos, 1.0), TypeError, "arguments should be callable"),
    "operand twice": (
        lambda: lax.cond(True, np.sin, np.cos, 1.0, operand=2.0),
        TypeError,
        "if 'operand' keyword is passed then no positional operands can be passed",
    ),
    "branch structure": (
        lambda: lax.cond(True, lambda x: (x, x), lambda x: x, 1.0),
        TypeError,
        "cond branch outputs must have the same pytree structure, but they differ:\n\ntrue_fun is <lambda>",
    ),
    "branch types": (
        lambda: lax.cond(True, lambda x: {"u": x}, lambda x: {"u": 1}, 1.0),
        TypeError,
        r"The output of true_fun at path \['u'\] has type float64\[\] but the corresponding output of false_fun has "
        r"type int64\[\], so the dtypes do not match",
    ),
    "switch types": (
        lambda: lax.switch(0, [np.sin, np.cos, lambda x: np.ones(2)], 1.0),
        TypeError,
        r"branch 0 is sin\nbranch 2 is <lambda>\n\nThe output of branch 0 has type float64\[\] but .* float64\[2\]",
    ),
    "index float": (
        lambda: lax.switch(1.0, [np.sin, np.cos], 1.0),
        TypeError,
        "Index type must be an integer, got 1.0",
    ),
    "index shape": (
        lambda: lax.switch(np.array([1]), [np.sin, np.cos], 1.0),
        TypeError,
        r"Branch index must be scalar, got \[1\] of shape \(1,\)",
    ),
    "no branches": (lambda: lax.switch(0, [], 1.0), ValueError, "Empty branch sequence"),
    "map rank": (lambda: lax.map(np.sin, 3.0), ValueError, "no leading axis to scan over"),
    "associative lengths": (
        lambda: lax.associative_scan(lambda a, b: (a[0], b[1]), (X, X[:4])),
        ValueError,
        "Array inputs to associative_scan must have the same first dimension",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_what_disagrees(name):
    call, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        call()


# --------------------------------------------------------------------------------------------------- loops with a count


def test_fori_loop_is_a_for_loop():
    for lower, upper in ((0, 5), (2, 5), (-2, 1), (3, 3), (5, 2)):
        wanted = 0.5
        for i in range(lower, upper):
            wanted = wanted * 0.9 + i
        same(lax.fori_loop(lower, upper, lambda i, c: c * 0.9 + i, 0.5), wanted)
        same(jit(lambda a, b: lax.fori_loop(a, b, lambda i, c: c * 0.9 + i, 0.5))(lower, upper), wanted)


def test_known_bounds_have_reverse_mode():
    power = lambda x, n: lax.fori_loop(0, n, lambda i, c: c * x, 1.0)
    assert grad(lambda x: power(x, 5))(2.0) == 80.0
    assert grad(power)(2.0, 5) == 80.0
    assert vmap(grad(power), (0, None))(np.array([1.0, 2.0]), 5).tolist() == [5.0, 80.0]
    assert jit(grad(power), static_argnums=1)(2.0, 5) == 80.0
    with pytest.raises(ReverseModeError):
        jit(grad(power))(2.0, 5)
    assert jit(lambda x, n: jvp(lambda x: power(x, n), (x,), (1.0,))[1])(2.0, 5) == 80.0
    np.testing.assert_array_equal(vmap(power, (None, 0))(2.0, np.array([0, 3, 5])), [1.0, 8.0, 32.0])


@pytest.mark.parametrize("composition", ALL)
def test_fori_loop_with_a_tree(composition):
    def loop(x, y):
        return lax.fori_loop(1, 4, lambda i, c: {"a": c["b"] * x + i, "b": np.sin(c["a"])}, {"a": y, "b": x})["a"]

    def python(x, y):
        a, b = y, x
        for i in range(1, 4):
            a, b = b * x + i, np.sin(a)
        return a

    check(loop, python, (0.7, 0.2), composition)


# ----------------------------------------------------------------------------------------------------------- branches


def test_cond_takes_numbers_and_keywords():
    assert lax.cond(2, lambda x: x, lambda x: -x, 3.0) == 3.0
    assert lax.cond(0.0, lambda x: x, lambda x: -x, 3.0) == -3.0
    assert lax.cond(True, lambda o: o[0] + o[1], lambda o: o[0], operand=(1.0, 2.0)) == 3.0
    assert lax.cond(True, lambda o: 5.0, lambda o: 6.0, operand=None) == 5.0
    assert lax.cond(False, lambda: 5.0, lambda: 6.0) == 6.0
    assert lax.switch(1, [lambda o: o, lambda o: -o], operand=2.0) == -2.0


def test_switch_clamps_its_index():
    branches = [lambda x: x, lambda x: 10 * x, lambda x: 100 * x]
    wanted = [1.0, 1.0, 10.0, 100.0, 100.0]
    assert [lax.switch(i, branches, 1.0) for i in range(-1, 4)] == wanted
    np.testing.assert_array_equal(vmap(lambda i: lax.switch(i, branches, 1.0))(np.arange(-1, 4)), wanted)
    assert jit(lambda i: lax.switch(i, branches, 1.0))(7) == 100.0
    assert lax.switch(np.uint8(2), branches, 1.0) == 100.0
    assert lax.switch(7, branches[1:2], 1.0) == 10.0


# ---------------------------------------------------------------------------------------------------- map, prefixes


@pytest.mark.parametrize("batch_size", [None, 1, 2, 5, 7])
@pytest.mark.parametrize("composition", ["value", "jit", "grad", "vmap of grad", "hessian"])
def test_map_is_a_loop_over_slices(batch_size, composition):
    def mapped(x):
        out = lax.map(lambda r: {"a": np.tanh(r["x"]).sum(), "b": r["x"] * 2}, {"x": x}, batch_size=batch_size)
        return (out["a"] ** 2).sum() + out["b"].sum()

    check(mapped, lambda x: (np.tanh(x).sum(1) ** 2).sum() + 2 * x.sum(), (X,), composition)


def matrix_product(a, b):
    return np.einsum("...ij,...jk->...ik", a, b)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_gives_all_prefixes(length, reverse):
    xs = rng.normal(size=(length, 2, 2))
    got = lax.associative_scan(matrix_product, xs, reverse=reverse)
    wanted, product = np.zeros_like(xs), np.eye(2)
    for step in reversed(range(length)) if reverse else range(length):
        product = product @ xs[step]
        wanted[step] = product
    np.testing.assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("composition", ALL)
def test_associative_scan_of_a_tree_along_the_last_axis(composition):
    """The recurrence h = a h + b, whose steps compose associatively."""

    def compose(first, second):
        return {"a": first["a"] * second["a"], "b": first["b"] * second["a"] + second["b"]}

    def parallel(a, b):
        return (lax.associative_scan(compose, {"a": a, "b": np.sin(b)}, axis=-1)["b"] ** 2).sum()

    def sequential(a, b):
        h, total = 0.0, 0.0
        for step in range(3):
            h = a[:, step] * h + np.sin(b[:, step])
            total = total + (h**2).sum()
        return total

    check(parallel, sequential, (X[:2], X[2:4]), composition)


def test_associative_scan_takes_few_steps():
    counts = summary(make_jaxpr(lambda x: lax.associative_scan(np.multiply, x))(np.ones(1024)))
    assert counts["mul"] < 2 * 10


# ------------------------------------------------------------------------------------------- stop_gradient, disable_jit


def test_stop_gradient():
    assert grad(lambda x, y: x * lax.stop_gradient(y), argnums=1)(3.0, 4.0) == 0.0
    assert grad(lambda x: x * lax.stop_gradient(x * x))(3.0) == 9.0
    assert jit(grad(lambda x: x * lax.stop_gradient(x * x)))(3.0) == 9.0
    stopped = lambda x: lax.stop_gradient({"a": x, "b": (x * 2, 3, "text")})
    assert grad(lambda x: stopped(x)["a"] * x + stopped(x)["b"][0] * stopped(x)["b"][1])(3.0) == 3.0
    assert lax.stop_gradient("text") == "text"
    np.testing.assert_array_equal(vmap(grad(lambda x: x * lax.stop_gradient(x)))(np.arange(3.0)), np.arange(3.0))
    assert grad(grad(lambda x: x**3 * lax.stop_gradient(x)))(2.0) == 24.0


def test_disable_jit_runs_plain_python():
    seen = []

    def step(carry, x):
        seen.append(float(carry))
        return carry + x, {"y": carry * x}

    with config(disable_jit=True):
        carry, ys = lax.scan(step, 1.0, np.arange(3.0), reverse=True)
        assert seen == [1.0, 3.0, 4.0] and carry == 4.0
        np.testing.assert_array_equal(ys["y"], [0.0, 3.0, 2.0])
        assert lax.while_loop(lambda c: bool(c < 10), lambda c: c * 2, 1) == 16
        assert lax.fori_loop(0, 3, lambda i, c: c + [1, 2, 3][i], 0) == 6
        assert lax.cond(True, lambda x: float(x), lambda x: None, 1.0) == 1.0
        assert lax.switch(9, [lambda: 1, lambda: "last"]) == "last"
        np.testing.assert_array_equal(lax.map(lambda x: float(x) * 2, np.arange(3.0)), [0.0, 2.0, 4.0])
        assert grad(lambda x: lax.scan(lambda c, t: (c * x, c), 1.0, None, length=3)[0])(2.0) == 12.0
        np.testing.assert_array_equal(
            vmap(lambda f, x: lax.cond(f, np.negative, np.abs, x))(np.array([True, False]), np.ones(2)), [-1.0, 1.0]
        )
        assert lax.scan(lambda c, x: (c, x), 1.0, np.ones((0, 2)))[1].shape == (0, 2)


def test_nan_is_a_value():
    assert np.isnan(lax.scan(lambda c, x: (np.sqrt(c - x), None), 0.0, np.ones(2))[0])
    assert np.isnan(lax.while_loop(lambda c: c > 0, lambda c: np.log(c - 2), 1.0))


@pytest.mark.parametrize("composition", FORWARD)
def test_while_loop_inside_cond_inside_scan(composition):
    def program(x, y):
        def step(c, t):
            grow = lambda c: lax.while_loop(lambda d: d < y, lambda d: d * (1 + x * x) + 0.1, c)
            return lax.cond(c < 0.5, grow, lambda c: c * 0.3 * x, c), c

        return lax.scan(step, x * x, None, length=5)[1].sum()

    def python(x, y):
        c, total = x * x, 0.0
        for _ in range(5):
            total = total + c
            grown = c
            for _ in range(30):
                grown = np.where(grown < y, grown * (1 + x * x) + 0.1, grown)
            c = np.where(c < 0.5, grown, c * 0.3 * x)
        return total

    check(program, python, (0.7, 2.3), composition)


@pytest.mark.parametrize(
    "run",
    [
        lambda x: lax.fori_loop(0, 0, lambda i, v: v, x),
        lambda x: lax.scan(lambda carry, y: (carry, y), x, np.ones((2, 3)))[0],
        lambda x: lax.while_loop(lambda v: False, lambda v: v, x),
        lambda x: lax.cond(True, lambda v: v, lambda v: v * 2, x),
    ],
    ids=["fori_loop", "scan", "while_loop", "cond"],
)
def test_results_do_not_share_memory_with_arguments(run):
    x = np.ones(3)
    assert not np.shares_memory(run(x), x)
