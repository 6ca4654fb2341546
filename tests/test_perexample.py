"""Each statistic against NumPy on a loop of grad, what is formed for it, and what users are told."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest

import vgrad
from vgrad import grad, jit, lax, make_jaxpr, perexample, tree, vmap
from vgrad.compiler.programs import opened

RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}


def mlp(params, image, label):
    first, (second, bias) = params["first"], params["rest"]
    hidden = np.tanh(image @ first)
    scores = hidden @ second + bias
    return np.log(np.sum(np.exp(scores))) - scores[label]


def tied(params, one, other):
    """One weight used three times, once transposed."""
    hidden = np.tanh(one @ params["w"])
    return params["scale"] * np.sum(np.sin(hidden @ params["w"].T) * (other @ params["w"]).sum())


def recurrent(w, steps):
    last, _ = lax.scan(lambda state, step: (np.tanh(state @ w + step), None), np.zeros(w.shape[0], w.dtype), steps)
    return np.sum(last**2)


def long_short_term(params, steps):
    def step(state, row):
        h, c = state
        i, f, g, o = np.split(row @ params["w"] + h @ params["u"] + params["b"], 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        return (h, c), h

    start = np.zeros_like(params["b"], shape=len(params["u"]))
    return np.mean(lax.scan(step, (start, start), steps)[1] ** 2)


def convolutional(params, image, label):
    for kernel in params["kernels"]:
        layout = ("NHWC", "HWIO", "NHWC")
        image = lax.conv_general_dilated(image[None], kernel, (1, 1), "SAME", dimension_numbers=layout)[0]
        image = np.tanh(image)
    scores = np.mean(image, axis=(0, 1)) @ params["head"]
    return np.log(np.sum(np.exp(scores))) - scores[label]


def polynomial(x, point):
    """One number is the only parameter."""
    return np.sin(x * point) * x


def case(loss, params, batch, dtype):
    def convert(leaf):
        return leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf

    return loss, tree.map(convert, params), tree.map(convert, batch)


def model(name, dtype, B=6):
    normal = RNG.standard_normal
    if name == "mlp":
        params = {"first": normal((7, 5)) / 2, "rest": [normal((5, 4)), normal(4)]}
        return case(mlp, params, (normal((B, 7)), RNG.integers(0, 4, B)), dtype)
    if name == "tied":
        return case(tied, {"w": normal((4, 3)) / 2, "scale": np.asarray(1.5)}, (normal((B, 4)), normal((B, 4))), dtype)
    if name == "recurrent":
        return case(recurrent, normal((3, 3)) / 2, normal((B, 5, 3)), dtype)
    if name == "long short-term":
        params = {"w": normal((3, 16)) / 2, "u": normal((4, 16)) / 2, "b": normal(16)}
        return case(long_short_term, params, normal((B, 5, 3)), dtype)
    if name == "convolutional":
        params = {"kernels": [normal((3, 3, 2, 3)) / 4, normal((2, 2, 3, 4)) / 3], "head": normal((4, 3))}
        return case(convolutional, params, (normal((B, 5, 5, 2)), RNG.integers(0, 3, B)), dtype)
    return case(polynomial, np.asarray(0.7), (normal(B),), dtype)


MODELS = ("mlp", "tied", "recurrent", "long short-term", "convolutional", "polynomial")
every_model = pytest.mark.parametrize("name", MODELS)
both_floats = pytest.mark.parametrize("dtype", ["float32", "float64"])
sizes = pytest.mark.parametrize("B", [1, 6])


def one_by_one(loss, params, batch):
    """Gradients in float64 by a loop: leaves (B, ...)."""
    _, params, batch = case(loss, params, batch, "float64")
    batch = batch if isinstance(batch, tuple) else (batch,)
    gradients = [grad(loss)(params, *[leaf[number] for leaf in batch]) for number in range(len(batch[0]))]
    return tree.map(lambda *leaves: np.stack(leaves), *gradients)


def matrix(gradients):
    """(B, P)"""
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in tree.leaves(gradients)], axis=1)


def assert_close(got, wanted, dtype):
    """The same trees, of this dtype, close in units of each leaf's largest number."""
    assert tree.structure(got) == tree.structure(wanted)
    for one, other in zip(tree.leaves(got), tree.leaves(wanted)):
        assert one.dtype == dtype and np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE[dtype] * max(np.max(np.abs(other)), 1e-30))


@every_model
@both_floats
@sizes
def test_statistics_equal_those_of_gradients_one_by_one(name, dtype, B):
    loss, params, batch = model(name, dtype, B)
    gradients = one_by_one(loss, params, batch)
    rows = matrix(gradients)
    lengths = np.linalg.norm(rows, axis=1)
    mean = rows.mean(axis=0)

    assert_close(perexample.grads(loss, params, batch), gradients, dtype)
    assert_close(perexample.norms(loss, params, batch), lengths, dtype)
    assert_close(perexample.gram(loss, params, batch), rows @ rows.T, dtype)
    squares = tree.map(lambda g: np.mean(g**2, axis=0), gradients)
    assert_close(perexample.second_moment(loss, params, batch), squares, dtype)
    cosines = rows @ mean / (lengths * np.linalg.norm(mean))
    assert_close(perexample.cosine_to_mean(loss, params, batch), cosines, dtype)
    bound = np.median(lengths) * 0.9
    factors = np.minimum(1, bound / lengths)
    clipped = tree.map(lambda g: np.tensordot(factors, g, 1), gradients)
    assert_close(perexample.clipped_sum(loss, params, batch, bound), clipped, dtype)


@every_model
@both_floats
def test_variances_equal_those_of_gradients_one_by_one(name, dtype):
    loss, params, batch = model(name, dtype, 16)
    gradients = one_by_one(loss, params, batch)
    rows = matrix(gradients)
    for ddof in (0, 1):
        variances = tree.map(lambda g: np.var(g, axis=0, ddof=ddof), gradients)
        assert_close(perexample.variance(loss, params, batch, ddof=ddof), variances, dtype)
    ratios = tree.map(lambda g: np.mean(g, axis=0) ** 2 / np.var(g, axis=0), gradients)
    assert_close(perexample.snr(loss, params, batch), ratios, dtype)
    noise = np.sum(np.var(rows, axis=0, ddof=1))
    signal = np.sum(rows.mean(axis=0) ** 2) - noise / len(rows)
    assert_close(perexample.noise_scale(loss, params, batch), noise / signal, dtype)


def test_the_noise_scale_is_that_of_batches_of_one_and_b():
    loss, params, batch = model("mlp", "float64", 9)
    rows = matrix(one_by_one(loss, params, batch))
    small, big = np.mean(np.sum(rows**2, axis=1)), np.sum(rows.mean(axis=0) ** 2)  # expected |G|^2 at 1 and at 9
    noise, signal = (small - big) / (1 / 1 - 1 / 9), (9 * big - 1 * small) / (9 - 1)
    np.testing.assert_allclose(perexample.noise_scale(loss, params, batch), noise / signal, rtol=1e-10)


def test_each_leaf_is_clipped_by_its_own_bound():
    loss, params, batch = model("mlp", "float64")
    gradients = one_by_one(loss, params, batch)
    bounds = {"first": 0.3, "rest": [2.0, np.float64(0.1)]}

    def clipped(g, bound):
        lengths = np.linalg.norm(g.reshape(len(g), -1), axis=1)
        return np.tensordot(np.minimum(1, bound / lengths), g, 1)

    assert_close(perexample.clipped_sum(loss, params, batch, bounds), tree.map(clipped, gradients, bounds), "float64")


def test_the_gram_matrix_of_two_batches():
    loss, params, batch = model("tied", "float64")
    _, _, other = model("tied", "float64", 4)
    wanted = matrix(one_by_one(loss, params, batch)) @ matrix(one_by_one(loss, params, other)).T
    assert wanted.shape == (6, 4)
    assert_close(perexample.gram(loss, params, batch, other), wanted, "float64")


def test_complex_parameters_count_by_their_size():
    def loss(w, x):
        return np.sum(np.abs(np.tanh(x @ w)) ** 2)

    w, x = RNG.standard_normal((3, 2)) + 1j * RNG.standard_normal((3, 2)), RNG.standard_normal((5, 3))
    rows = vmap(grad(loss), (None, 0))(w, x).reshape(5, -1)
    assert_close(perexample.norms(loss, w, x), np.linalg.norm(rows, axis=1), "float64")
    assert_close(perexample.gram(loss, w, x), (rows @ rows.conj().T).real, "float64")
    assert_close(perexample.variance(loss, w, x), np.var(rows, axis=0).reshape(3, 2), "float64")
    assert perexample.clipped_sum(loss, w, x, 0.1).dtype == complex


def test_a_batch_that_is_no_tuple_is_one_argument():
    def loss(w, example):
        return np.sum(np.tanh(example["x"] * w)) * example["y"]

    w, batch = np.ones(3), {"x": RNG.standard_normal((4, 3)), "y": RNG.standard_normal(4)}
    wanted = perexample.norms(lambda w, x, y: loss(w, {"x": x, "y": y}), w, (batch["x"], batch["y"]))
    np.testing.assert_allclose(perexample.norms(loss, w, batch), wanted)
    assert perexample.check(loss, w, batch).worst.relative < 1e-12


def test_a_bound_of_another_dtype_does_not_change_the_result_s():
    loss, params, batch = model("mlp", "float32")
    for bound in (1, 0.5, np.float64(0.5), np.asarray(0.5)):
        total = perexample.clipped_sum(loss, params, batch, bound)
        assert {leaf.dtype for leaf in tree.leaves(total)} == {np.dtype("float32")}


def test_infinite_bounds_clip_nothing_and_zero_gradients_stay():
    def loss(w, x):
        return np.sum(w * x) ** 2

    w, x = np.ones(3), np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(perexample.clipped_sum(loss, w, x, np.inf), 12 * x[1])
    np.testing.assert_allclose(perexample.clipped_sum(loss, w, x, 0.5), 0.5 * x[1] / np.linalg.norm(x[1]))


def test_no_examples_give_nothing_and_zeros():
    loss, params, batch = model("mlp", "float32", 0)
    assert perexample.norms(loss, params, batch).shape == (0,)
    assert perexample.gram(loss, params, batch).shape == (0, 0)
    assert_close(perexample.clipped_sum(loss, params, batch, 1.0), tree.map(np.zeros_like, params), "float32")
    assert perexample.grads(loss, params, batch)["first"].shape == (0, 7, 5)


# ------------------------------------------------------------------------------------------------ as compiled programs

STATISTICS = {
    "norms": perexample.norms,
    "clipped_sum": lambda *args: perexample.clipped_sum(*args, 1.0),
    "clipped_sum by leaf": lambda loss, params, batch: perexample.clipped_sum(
        loss, params, batch, tree.map(lambda leaf: 1.0, params)
    ),
    "second_moment": perexample.second_moment,
    "variance": perexample.variance,
    "gram": perexample.gram,
    "cosine_to_mean": perexample.cosine_to_mean,
    "snr": perexample.snr,
    "noise_scale": perexample.noise_scale,
}
every_statistic = pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS)


@every_statistic
def test_on_an_mlp_no_gradient_of_an_example_is_formed(statistic):
    def loss(params, image, label):
        hidden = np.maximum(np.tanh(image @ params["a"]) @ params["b"], 0)
        scores = hidden @ params["c"] + params["bias"]
        return np.log(np.sum(np.exp(scores))) - scores[label]

    shapes = {"a": (40, 50), "b": (50, 60), "c": (60, 10), "bias": (10,)}
    params = {name: RNG.standard_normal(shape).astype("float32") / 8 for name, shape in shapes.items()}
    batch = RNG.standard_normal((24, 40)).astype("float32"), RNG.integers(0, 10, 24)
    program = opened(make_jaxpr(lambda params, batch: statistic(loss, params, batch))(params, batch))
    largest = max([output.type.size for equation in program.equations for output in equation.outputs])
    assert largest <= 50 * 60, "the smallest of B x a weight is 24 * 600"


@every_statistic
def test_statistics_can_be_part_of_a_jitted_function(statistic):
    loss, params, batch = model("mlp", "float64")
    inside = jit(lambda params, batch: statistic(loss, params, batch))(params, batch)
    tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-9), inside, statistic(loss, params, batch)
    )


def test_statistics_have_derivatives_and_can_be_mapped():
    loss, params, batch = model("polynomial", "float64")
    total = grad(lambda params: np.sum(perexample.norms(loss, params, batch) ** 2))(params)
    wanted = grad(lambda params: np.sum(vmap(grad(loss), (None, 0))(params, *batch) ** 2))(params)
    np.testing.assert_allclose(total, wanted)
    several = vmap(lambda params: perexample.norms(loss, params, batch))(np.array([params, 2 * params]))
    np.testing.assert_allclose(several[1], perexample.norms(loss, 2 * params, batch))


def test_a_second_call_with_the_same_loss_stages_nothing():
    calls = []

    def loss(w, x):
        calls.append(x)
        return np.sum(np.tanh(x @ w))

    w, x = RNG.standard_normal((3, 2)), RNG.standard_normal((4, 3))
    perexample.clipped_sum(loss, w, x, 1.0)
    perexample.variance(loss, w, x, ddof=1)
    count = len(calls)
    perexample.clipped_sum(loss, 2 * w, x + 1, 0.5)  # another bound too
    perexample.variance(loss, 2 * w, x, ddof=1)
    assert len(calls) == count
    perexample.variance(loss, w, x)
    assert len(calls) == count + 1


def test_bounds_may_be_traced():
    loss, params, batch = model("mlp", "float64")
    traced = jit(lambda bound: perexample.clipped_sum(loss, params, batch, bound))(0.5)
    assert_close(traced, perexample.clipped_sum(loss, params, batch, 0.5), "float64")


def test_the_functions_pickle_and_show_their_signatures():
    assert pickle.loads(pickle.dumps(perexample.norms)) is perexample.norms
    assert list(inspect.signature(perexample.clipped_sum).parameters) == ["loss", "params", "batch", "bound"]
    assert vgrad.perexample is perexample


# --------------------------------------------------------------------------------------------------------------- errors


def wrong(**changes):
    loss, params, batch = model("mlp", "float64")
    return {"loss": loss, "params": params, "batch": batch, **changes}


ERRORS = [
    (perexample.norms, {"batch": (np.ones((4, 7)), np.ones(3, int))}, r"batch\[0\] is f64\[4,7\], but batch\[1\]"),
    (perexample.norms, {"batch": (np.ones((4, 7)), 3)}, r"batch\[1\] is i64\[\]: it has no axis of examples"),
    (perexample.norms, {"batch": ()}, "batch holds no arrays"),
    (perexample.norms, {"params": {}}, "params holds no arrays"),
    (perexample.norms, {"loss": lambda p, x, y: x[:3]}, r"must return one number.*returned shape \(3,\)"),
    (perexample.norms, {"params": np.arange(3)}, "grad requires real- or complex-valued inputs"),
    (perexample.gram, {"other": ()}, "other holds no arrays"),
    (perexample.second_moment, {"batch": (np.ones((0, 7)), np.ones(0, int))}, "needs 1 or more examples, but .* has 0"),
    (perexample.noise_scale, {"batch": (np.ones((1, 7)), np.ones(1, int))}, "needs 2 or more examples, but .* has 1"),
    (perexample.variance, {"ddof": 6}, "needs 7 or more examples, but the batch has 6"),
    (perexample.check, {"batch": (np.ones((0, 7)), np.ones(0, int))}, "needs 1 or more examples"),
    (perexample.clipped_sum, {"bound": 0.0}, "bound must be positive, got 0.0"),
    (perexample.clipped_sum, {"bound": np.nan}, "bound must be positive, got nan"),
    (perexample.clipped_sum, {"bound": np.ones(3)}, r"bound must be one number, got f64\[3\]"),
    (perexample.clipped_sum, {"bound": [1.0]}, "bound must be a number or have the structure of params"),
    (perexample.clipped_sum, {"bound": {"first": 1.0, "rest": [1.0, -1.0]}}, r"bound\['rest'\]\[1\] must be positive"),
    (perexample.check, {"bound": -1}, "bound must be positive, got -1"),
]


@pytest.mark.parametrize("statistic, changes, message", ERRORS)
def test_errors_say_what_is_wrong(statistic, changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        statistic(**wrong(**changes))


# ---------------------------------------------------------------------------------------------------------------- check


@every_model
@both_floats
def test_the_three_ways_agree(name, dtype):
    report = perexample.check(*model(name, dtype))
    assert len(report.differences) == 6
    assert report.worst.relative < TOLERANCE[dtype]
    assert report.worst == max(report.differences, key=lambda difference: difference.relative)


def test_a_check_prints_as_a_table_that_names_leaf_and_example():
    report = perexample.check(*model("mlp", "float32"), bound=0.5)
    lines = str(report).splitlines()
    assert lines[0] == "mlp: 6 examples, 59 parameters, bound 0.5"
    assert len(lines) == 2 + len(report.differences)
    for way in ("formed", "contracted"):
        leaves, whole, total = [each for each in report.differences if each.way == way]
        assert leaves.leaf in ("params['first']", "params['rest'][0]", "params['rest'][1]")
        assert whole.leaf == "all leaves" and 0 <= whole.example < 6
        assert total.example is None and total.reference > 0
        assert f"{leaves.leaf}, example {leaves.example}" in str(leaves)


def test_a_check_finds_the_leaf_and_the_example_that_are_wrong():
    """A loss that is another function when it is batched: for the example 2, in one leaf."""

    @vgrad.custom_vmap
    def shift(x, number):
        return x * 1.0

    @shift.def_vmap
    def shift_all(axis_size, in_batched, x, number):
        return x * np.where(number == 2, 1.5, 1.0)[:, None], True

    def loss(params, x, number):
        return np.sum(params["a"] * np.sin(x)) + np.sum(params["b"] * shift(x, number))

    params = {"a": np.ones(3), "b": np.ones(3)}
    report = perexample.check(loss, params, (np.ones((4, 3)), np.arange(4)), bound=1e3)
    for difference in report.differences:
        assert difference.leaf in ("params['b']", "all leaves") and difference.example in (2, None)
        assert difference.relative > 0.05
    assert report.worst.example == 2 and report.worst.leaf == "params['b']"
    np.testing.assert_allclose((report.worst.value, report.worst.reference), (1.5 * 3**0.5, 3**0.5))


def test_a_check_counts_nan_that_one_way_alone_has_as_infinitely_far():
    def loss(w, x):
        return np.sum(np.sqrt(w * x))

    with_nan = perexample.check(loss, np.ones(2), np.array([[1.0, 2.0], [-1.0, 1.0]]))
    assert with_nan.worst.relative < 1e-12, "NaN in all ways is no difference"
    assert np.isinf(perexample.distance(np.array([np.nan]), np.array([1.0])))[0]


def test_nan_in_one_leaf_does_not_hide_what_is_wrong_in_another():
    leaves = {"a": np.array([np.nan]), "b": np.array([9.0])}, {"a": np.array([np.nan]), "b": np.array([1.0])}
    found = perexample.farthest_leaf("sum", "contracted", *leaves)
    assert (found.leaf, found.relative) == ("b", 8.0)


def test_reports_are_values():
    report = perexample.check(*model("polynomial", "float64"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.bound = 2
