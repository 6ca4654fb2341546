"""Gradient transformations: pairs of functions that make updates of gradients, and the optimisers made of them.

Every function here returns a GradientTransformation, but for apply_updates and global_norm. In all of them
params          any pytree of real floating-point arrays, or numbers
gradients       a pytree like params
updates         a pytree like params: what apply_updates adds to params
Dtypes: states are of the dtypes of params, and so are updates where moments are kept; without them (plain sgd, with a
        schedule too) updates are of the dtypes of gradients. apply_updates gives params of the dtypes they had.
Errors: ValueError where trees differ, ShapeError where shapes differ, naming the first path; TypeError for leaves of
        init that are not floats; ValueError for settings out of range.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from vgrad import tree
from vgrad.core.types import type_of
from vgrad.errors import ShapeError

__all__ = [
    "GradientTransformation",
    "MomentumState",
    "ScaleByAdamState",
    "ScaleByScheduleState",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip_by_global_norm",
    "global_norm",
    "scale",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "sgd",
    "trace",
]


class GradientTransformation(NamedTuple):
    """init(params) -> state; update(gradients, state, params=None) -> (updates, state). Nothing is changed in place."""

    init: Callable
    update: Callable


class MomentumState(NamedTuple):
    """trace: like params, the decaying sum of gradients."""

    trace: Any


class ScaleByAdamState(NamedTuple):
    """count: how many updates were made; mu, nu: like params, the decaying means of gradients and of their squares."""

    count: Any
    mu: Any
    nu: Any


class ScaleByScheduleState(NamedTuple):
    """count: how many updates were made."""

    count: Any


# ----------------------------------------------------------------------------------------------------------- the pieces


def apply_updates(params, updates):
    """params + updates, of the dtypes of params."""
    check_like("updates", updates, "params", params)
    return tree.map(lambda leaf, update: leaf + in_dtype_of(leaf, update), params, updates)


def chain(*transformations):
    """One transformation after the other, each on the updates of the one before. The state is the tuple of theirs."""

    def init(params):
        return tuple([each.init(params) for each in transformations])

    def update(gradients, state, params=None):
        if len(state) != len(transformations):
            raise ValueError(f"chain: the state is of {len(state)} transformations, not of {len(transformations)}.")
        states = []
        for each, own in zip(transformations, state):
            gradients, own = each.update(gradients, own, params)
            states.append(own)
        return gradients, tuple(states)

    return GradientTransformation(init, update)


def stateless(function):
    """The transformation function(gradients, params), whose state is ()."""

    def init(params):
        check_floats(params)
        return ()

    return GradientTransformation(init, lambda gradients, state, params=None: (function(gradients, params), state))


def scale(factor):
    """The gradients times a number."""
    return stateless(lambda gradients, params: scaled(gradients, factor))


def scale_by_schedule(schedule):
    """The gradients times schedule(the number of updates made before)."""

    def init(params):
        check_floats(params)
        return ScaleByScheduleState(np.zeros((), np.int64))

    def update(gradients, state, params=None):
        return scaled(gradients, schedule(state.count)), ScaleByScheduleState(state.count + 1)

    return GradientTransformation(init, update)


def scale_by_learning_rate(learning_rate):
    """The gradients times minus the learning rate, a number or a schedule: the last piece of an optimiser."""
    if callable(learning_rate):
        return scale_by_schedule(lambda step: -learning_rate(step))
    return scale(-learning_rate)


def trace(decay, nesterov=False):
    """The decaying sum of the gradients: t = g + decay * t. With nesterov, g + decay * t of that t."""
    decay = rate_of("trace", "decay", decay)

    def init(params):
        check_floats(params)
        return MomentumState(tree.map(np.zeros_like, params))

    def update(gradients, state, params=None):
        check_like("gradients", gradients, "params at init", state.trace)
        gradients = tree.map(in_dtype_of, state.trace, gradients)
        decayed = lambda gradients, sums: tree.map(lambda gradient, sum_: gradient + decay * sum_, gradients, sums)
        sums = decayed(gradients, state.trace)
        return decayed(gradients, sums) if nesterov else sums, MomentumState(sums)

    return GradientTransformation(init, update)


def scale_by_adam(b1=0.9, b2=0.999, eps=1e-8):
    """The decaying mean of the gradients by the root of that of their squares, both corrected for starting at 0.

    After t updates mu / (1 - b1^t) / (sqrt(nu / (1 - b2^t)) + eps), with mu = b1 mu + (1 - b1) g and nu alike of g^2.
    """
    b1, b2, eps = rate_of("scale_by_adam", "b1", b1), rate_of("scale_by_adam", "b2", b2), plain(eps)
    if not eps >= 0:
        raise ValueError(f"scale_by_adam: eps must not be negative, got {eps}.")

    def init(params):
        check_floats(params)
        return ScaleByAdamState(
            np.zeros((), np.int64), tree.map(np.zeros_like, params), tree.map(np.zeros_like, params)
        )

    def update(gradients, state, params=None):
        check_like("gradients", gradients, "params at init", state.mu)
        gradients = tree.map(in_dtype_of, state.mu, gradients)
        count = state.count + 1
        mu = tree.map(lambda mean, gradient: b1 * mean + (1 - b1) * gradient, state.mu, gradients)
        nu = tree.map(lambda mean, gradient: b2 * mean + (1 - b2) * gradient**2, state.nu, gradients)
        first, second = 1 / (1 - b1**count), 1 / (1 - b2**count)

        def direction(mean, square):
            return mean * in_dtype_of(mean, first) / (np.sqrt(square * in_dtype_of(square, second)) + eps)

        return tree.map(direction, mu, nu), ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init, update)


def add_decayed_weights(weight_decay):
    """The gradients and weight_decay times params."""
    if not weight_decay >= 0:
        raise ValueError(f"add_decayed_weights: weight_decay must not be negative, got {weight_decay}.")

    def decayed(gradients, params):
        if params is None:
            raise ValueError("add_decayed_weights needs the parameters: update(gradients, state, params).")
        check_like("gradients", gradients, "params", params)
        return tree.map(lambda gradient, leaf: gradient + in_dtype_of(gradient, weight_decay * leaf), gradients, params)

    return stateless(decayed)


def global_norm(pytree):
    """The L2 norm over all leaves."""
    return np.sqrt(sum([np.sum(np.square(leaf)) for leaf in tree.leaves(pytree)]))


def clip_by_global_norm(max_norm):
    """The gradients, scaled down to an L2 norm over all leaves of max_norm if it is larger.

    It bounds the gradient of a batch; for one bound on each example's gradient see perexample.clipped_sum.
    Edges: NaN in a gradient reaches all; if the norm is Inf, finite values become 0 and infinite ones NaN.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_by_global_norm: max_norm must be positive, got {max_norm}.")
    return stateless(lambda gradients, params: scaled(gradients, 1 / np.maximum(global_norm(gradients) / max_norm, 1)))


# ------------------------------------------------------------------------------------------------------- the optimisers


def sgd(learning_rate, momentum=None, nesterov=False):
    """Stochastic gradient descent: -learning_rate times the gradient, or times its decaying sum with momentum.

    learning_rate   a number, or a schedule of the number of updates made before
    momentum        None, or the decay, see trace
    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, for nesterov.
    """
    sums = [] if momentum is None else [trace(momentum, nesterov)]
    return chain(*sums, scale_by_learning_rate(learning_rate))


def adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8):
    """-learning_rate times scale_by_adam.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015, arXiv:1412.6980, algorithm 1.
    """
    return chain(scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamw(learning_rate, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4):
    """Adam with decoupled weight decay: -learning_rate times (scale_by_adam + weight_decay * params).

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2019, arXiv:1711.05101, algorithm 2.
    """
    return chain(scale_by_adam(b1, b2, eps), add_decayed_weights(weight_decay), scale_by_learning_rate(learning_rate))


# ---------------------------------------------------------------------------------------------------- dtypes and checks


def in_dtype_of(leaf, value):
    """The value in the dtype of the leaf; a Python number takes that by itself."""
    return value.astype(type_of(leaf).dtype) if hasattr(value, "dtype") else value


def scaled(gradients, factor):
    return tree.map(lambda leaf: leaf * in_dtype_of(leaf, factor), gradients)


def rate_of(name, what, value):
    if not 0 <= value < 1:
        raise ValueError(f"{name}: {what} must be at least 0 and less than 1, got {value}.")
    return plain(value)


def plain(number):
    """The number as one of Python, which gives way to the dtypes of params, if it is one of NumPy."""
    return number.item() if isinstance(number, np.generic) else number


def check_floats(params):
    for path, leaf in tree.leaves_with_path(params):
        if type_of(leaf).dtype.kind != "f":
            raise TypeError(f"params{tree.keystr(path)} is {type_of(leaf)}, not of real floats.")


def check_like(what, pytree, like, reference):
    """Error unless `pytree`, called `what`, has the structure and shapes of `reference`, called `like`."""
    leaves, structure = tree.flatten(pytree)
    expected, wanted = tree.flatten(reference)
    if structure != wanted:
        given = [path for path, _ in tree.leaves_with_path(pytree)]
        needed = [path for path, _ in tree.leaves_with_path(reference)]
        for path in needed:
            if path not in given:
                raise ValueError(f"{what} have no leaf at {what}{tree.keystr(path)}, which {like} have.")
        for path in given:
            if path not in needed:
                raise ValueError(f"{what} have a leaf at {what}{tree.keystr(path)}, which {like} do not have.")
        raise ValueError(f"{what} are {structure}, but {like} are {wanted}.")
    for number, (leaf, other) in enumerate(zip(leaves, expected)):
        if type_of(leaf).shape != type_of(other).shape:
            path = tree.leaves_with_path(pytree)[number][0]
            raise ShapeError(f"{what}{tree.keystr(path)} is {type_of(leaf)}, but {like} have {type_of(other)} there.")
