"""Optimisers against formulas written out by hand; dtypes, trees, transformations; what users are told."""

import numpy as np
import pytest

from vgrad import grad, jit, lax, optim, tree, vmap
from vgrad.errors import ShapeError

RNG = np.random.default_rng(0)
PARAMS = {"layers": [{"w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}], "scale": np.float64(1.5)}
STEPS = [tree.map(lambda leaf: RNG.normal(size=np.shape(leaf)), PARAMS) for _ in range(4)]
ALL = {
    "sgd": optim.sgd(0.1),
    "momentum": optim.sgd(0.1, momentum=0.9),
    "nesterov": optim.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": optim.adam(0.1, b1=0.8, b2=0.9, eps=1e-3),
    "adamw": optim.adamw(0.1, b1=0.8, b2=0.9, eps=1e-3, weight_decay=0.05),
    "scheduled": optim.adam(optim.cosine_decay_schedule(0.1, 4), b1=0.8, b2=0.9, eps=1e-3),
    "clipped": optim.chain(optim.clip_by_global_norm(1.3), optim.sgd(0.1)),
}


def by_hand(name, param, gradients, all_gradients):
    """One leaf after these gradients of it; all_gradients are those of all leaves at each step."""
    sum = mu = nu = 0.0
    for count, g in enumerate(gradients):
        if name == "sgd":
            param = param - 0.1 * g
        elif name in ("momentum", "nesterov"):
            sum = g + 0.9 * sum
            param = param - 0.1 * (sum if name == "momentum" else g + 0.9 * sum)
        elif name == "clipped":
            norm = np.sqrt(np.sum([np.sum(leaf**2) for leaf in tree.leaves(all_gradients[count])]))
            param = param - 0.1 * g * min(1, 1.3 / norm)
        else:
            mu, nu = 0.8 * mu + 0.2 * g, 0.9 * nu + 0.1 * g**2
            direction = mu / (1 - 0.8 ** (count + 1)) / (np.sqrt(nu / (1 - 0.9 ** (count + 1))) + 1e-3)
            decay = 0.05 * param if name == "adamw" else 0.0
            rate = 0.1 * (1 + np.cos(np.pi * count / 4)) / 2 if name == "scheduled" else 0.1
            param = param - rate * (direction + decay)
    return param


def run(optimizer, params, steps, wrap=lambda step: step):
    @wrap
    def step(params, state, gradients):
        updates, state = optimizer.update(gradients, state, params)
        return optim.apply_updates(params, updates), state

    state = optimizer.init(params)
    for gradients in steps:
        params, state = step(params, state, gradients)
    return params, state


@pytest.mark.parametrize("wrap", [lambda step: step, jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", ALL)
def test_four_steps_are_those_of_the_formula(name, wrap):
    params, _ = run(ALL[name], PARAMS, STEPS, wrap)
    expected = tree.map(lambda leaf, *gradients: by_hand(name, leaf, gradients, STEPS), PARAMS, *STEPS)
    assert tree.structure(params) == tree.structure(PARAMS)
    tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-12), params, expected)


@pytest.mark.parametrize("wrap", [lambda step: step, jit], ids=["eager", "jit"])
@pytest.mark.parametrize("given", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_single_precision_stays_and_states_keep_their_types(name, given, wrap):
    params = tree.map(lambda leaf: np.asarray(leaf, np.float32), PARAMS)
    steps = [tree.map(lambda leaf: np.asarray(leaf, given), gradients) for gradients in STEPS]
    after, state = run(ALL[name], params, steps, wrap)
    assert {leaf.dtype for leaf in tree.leaves(after)} == {np.dtype("float32")}
    for before, leaf in zip(tree.leaves(ALL[name].init(params)), tree.leaves(state), strict=True):
        assert before.dtype == leaf.dtype and before.shape == leaf.shape


def test_nothing_is_changed_in_place():
    params, gradients = tree.map(np.array, PARAMS), tree.map(np.array, STEPS[0])
    for optimizer in ALL.values():
        state = optimizer.init(params)
        kept = tree.map(np.array, state)
        optimizer.update(gradients, state, params)
        for one, other in ((params, PARAMS), (gradients, STEPS[0]), (state, kept)):
            tree.map(np.testing.assert_array_equal, one, other)


def test_numbers_are_parameters_too():
    after, _ = run(optim.adam(0.1), {"x": 1.0}, [{"x": 3.0}])
    assert abs(after["x"] - 0.9) < 1e-8


def test_in_a_scan_it_trains_as_in_a_loop():
    optimizer = ALL["adamw"]
    start = np.array([3.0, -2.0])

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(grad(lambda x: np.sum(x**4))(params), state, params)
        return (optim.apply_updates(params, updates), state), None

    (scanned, _), _ = jit(lambda x: lax.scan(step, (x, optimizer.init(x)), None, length=50))(start)
    carry = start, optimizer.init(start)
    for _ in range(50):
        carry, _ = step(carry, None)
    np.testing.assert_allclose(scanned, carry[0], rtol=1e-9)
    assert np.abs(scanned).max() < 0.5


def test_the_learning_rate_can_be_differentiated_and_batched():
    def after_one_step(rate):
        optimizer = optim.sgd(rate, momentum=0.5)
        updates, _ = optimizer.update(np.array([2.0, 3.0]), optimizer.init(np.zeros(2)))
        return np.sum(updates)

    assert grad(after_one_step)(0.1) == -5
    np.testing.assert_allclose(vmap(after_one_step)(np.array([0.1, 0.2])), [-0.5, -1.0])


def test_the_global_norm_is_over_all_leaves_and_a_short_gradient_is_left_alone():
    assert optim.global_norm({"a": np.array([3.0, 0.0]), "b": [np.array(4.0)]}) == 5
    clip = optim.clip_by_global_norm(10.0)
    short = {"a": np.array([3.0]), "b": np.array(4.0)}
    for gradients in (short, tree.map(np.zeros_like, short)):
        clipped, _ = clip.update(gradients, clip.init(gradients))
        tree.map(np.testing.assert_array_equal, clipped, gradients)


WRONG_TREES = {
    "a leaf is missing": ({"w": np.ones(3)}, ValueError, r"gradients have no leaf at gradients\['b'\], which params"),
    "a leaf too many": (
        {"w": np.ones(3), "b": np.ones(2), "c": np.ones(1)},
        ValueError,
        r"gradients have a leaf at gradients\['c'\], which params at init do not have",
    ),
    "another container": (
        [np.ones(3), np.ones(2)],
        ValueError,
        r"gradients have no leaf at gradients\['b'\]",
    ),
    "another shape": (
        {"w": np.ones(3), "b": np.ones(4)},
        ShapeError,
        r"gradients\['b'\] is f64\[4\], but params at init have f64\[2\] there",
    ),
}


@pytest.mark.parametrize("name", WRONG_TREES)
def test_wrong_trees_name_the_path(name):
    gradients, error, message = WRONG_TREES[name]
    params = {"w": np.ones(3), "b": np.ones(2)}
    for optimizer in (ALL["momentum"], ALL["adam"]):
        with pytest.raises(error, match=message):
            optimizer.update(gradients, optimizer.init(params), params)
    with pytest.raises(error, match=message.replace("gradients", "updates").replace(" at init", "")):
        optim.apply_updates(params, gradients)


def test_lists_and_tuples_are_different_trees():
    with pytest.raises(ValueError, match=r"updates are .*\(\*, \*\).*, but params are .*\[\*, \*\]"):
        optim.apply_updates([1.0, 2.0], (1.0, 2.0))


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: optim.sgd(0.1, momentum=1.0), ValueError, "trace: decay must be at least 0 and less than 1, got 1.0"),
        (lambda: optim.adam(0.1, b1=-0.1), ValueError, "b1 must be at least 0 and less than 1, got -0.1"),
        (lambda: optim.adam(0.1, b2=2), ValueError, "b2 must be at least 0 and less than 1, got 2"),
        (lambda: optim.adam(0.1, eps=-1.0), ValueError, "eps must not be negative, got -1.0"),
        (lambda: optim.adamw(0.1, weight_decay=-1.0), ValueError, "weight_decay must not be negative, got -1.0"),
        (lambda: optim.clip_by_global_norm(0.0), ValueError, "max_norm must be positive, got 0.0"),
        (lambda: optim.sgd(0.1).init({"n": [np.arange(3)]}), TypeError, r"params\['n'\]\[0\] is i64\[3\], not of real"),
        (lambda: optim.adamw(0.1).update(1.0, optim.adamw(0.1).init(1.0)), ValueError, "needs the parameters"),
        (lambda: optim.chain().update(1.0, ((),)), ValueError, "the state is of 1 transformations, not of 0"),
    ],
)
def test_wrong_settings_and_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_infinite_bound_clips_nothing():
    clip = optim.clip_by_global_norm(np.inf)
    updates, _ = clip.update({"a": np.array([3.0, 4.0])}, clip.init({"a": np.zeros(2)}))
    np.testing.assert_array_equal(updates["a"], [3, 4])


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.sgd(0.1, momentum=np.float64(0.9)),
        optim.adam(0.1, b1=np.float64(0.9), b2=np.float64(0.99), eps=np.float64(1e-8)),
    ],
)
def test_settings_of_numpy_widen_nothing(optimizer):
    params = {"a": np.ones(3, np.float32)}
    updates, state = optimizer.update(params, optimizer.init(params), params)
    floats = [leaf for leaf in tree.leaves((updates, state)) if np.asarray(leaf).dtype.kind == "f"]
    assert {np.asarray(leaf).dtype for leaf in floats} == {np.dtype(np.float32)}
