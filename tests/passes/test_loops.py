"""What leaves scans: invariants, products of inputs, accumulations of gradients; and what must stay."""

import numpy as np
import pytest

from vgrad import grad, jit, lax, make_jaxpr, tree, vmap
from vgrad.compiler.programs import opened
from vgrad.passes.loops import lift_from_loops
from vgrad.passes.pipeline import PIPELINE, run_passes

RNG = np.random.default_rng(0)
B, T, I, H = 6, 9, 20, 30
PARAMS = {"w": RNG.standard_normal((I, H)) / 5, "u": RNG.standard_normal((H, H)) / 6, "b": np.zeros(H)}
GATES = {"w": RNG.standard_normal((I, 4 * H)) / 5, "u": RNG.standard_normal((H, 4 * H)) / 6, "b": np.zeros(4 * H)}
X = RNG.standard_normal((B, T, I))


def recurrent(params, x):
    def step(h, row):
        h = np.tanh(row @ params["w"] + h @ params["u"] + params["b"])
        return h, None

    return np.sum(lax.scan(step, np.zeros(H), x)[0] ** 2)


def long_short_term(params, x):
    def step(state, row):
        h, c = state
        i, f, g, o = np.split(row @ params["w"] + h @ params["u"] + params["b"], 4)
        c = np.tanh(f) * c + np.exp(-(i**2)) * np.tanh(g)
        h = np.cos(o) * np.tanh(c)
        return (h, c), h

    return np.mean(lax.scan(step, (np.zeros(H), np.zeros(H)), x)[1] ** 2)


MODELS = {"recurrent": (recurrent, PARAMS), "long short-term": (long_short_term, GATES)}


def same(function, *args):
    got, wanted = tree.leaves(jit(function)(*args)), tree.leaves(function(*args))
    for mine, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)


def scans(jaxpr):
    return [equation for equation in jaxpr.equations if equation.primitive.name == "scan"]


def lifted(function, *args):
    return lift_from_loops(run_passes(make_jaxpr(function)(*args), PIPELINE))


def inside(equation):
    return [each.primitive.name for each in equation.params["jaxpr"].equations]


@pytest.mark.parametrize("model", MODELS)
def test_gradients_of_weights_are_products_after_the_loop(model):
    loss, params = MODELS[model]

    def mean(params, x):
        return np.mean(vmap(loss, (None, 0))(params, x))

    same(grad(mean), params, X)
    forward, backward = scans(lifted(grad(mean), params, X))
    assert inside(forward).count("contract") == inside(backward).count("contract") == 1  # of the state alone
    carried = [var.type.shape for var in backward.outputs[: backward.params["num_carry"]]]
    assert all(shape == (B, H) for shape in carried)


@pytest.mark.parametrize("model", MODELS)
def test_private_steps_form_no_gradient_of_an_example(model):
    loss, params = MODELS[model]

    def step(params, x):
        grads = vmap(grad(loss), (None, 0))(params, x)
        squares = sum(np.sum(g**2, axis=tuple(range(1, g.ndim))) for g in grads.values())
        return squares, {name: np.einsum("b,b...->...", 1 / np.sqrt(squares), g) for name, g in grads.items()}

    same(step, params, X)
    program = opened(make_jaxpr(step)(params, X))
    sizes = [output.type.size for equation in program.equations for output in equation.outputs]
    assert max(sizes) < B * params["u"].size


def test_steps_in_reverse_starts_and_few_steps():
    def total(w, x, start, reverse):
        def step(carry, row):
            return carry + np.outer(row, row) @ w, np.sum(row)

        return lax.scan(step, start, x, reverse=reverse)

    w, start = RNG.standard_normal((I, H)), RNG.standard_normal((I, H))
    for length in (0, 1, 4):
        for reverse in (False, True):
            same(lambda w, x, s, reverse=reverse: total(w, x, s, reverse), w, X[0, :length], start)


def test_outer_products_that_are_stacked_are_made_after_the_loop():
    def stacked(x, reverse, used):
        def step(carry, rows):
            product = np.einsum("bi,bj->bij", rows, np.tanh(rows + carry))
            other = np.einsum("bi,bj->bij", rows, rows)
            return carry + (np.sum(product) if used else 1.0), (product, other, other)

        return lax.scan(step, 0.0, x, reverse=reverse)

    for reverse in (False, True):
        for used in (False, True):
            same(lambda x, reverse=reverse, used=used: stacked(x, reverse, used), X)
    (loop,) = scans(lifted(lambda x: stacked(x, False, False), X))
    assert inside(loop).count("contract") == 1  # what is stacked twice


def test_what_a_map_takes_out_is_no_larger_than_its_slices():
    def mapped(w, x):
        return lax.map(lambda rows: np.sum(np.tanh(rows @ w), axis=1), x)

    for columns, count in ((I, 0), (I + 1, 1)):
        w = RNG.standard_normal((I, columns))
        same(mapped, w, X)
        (loop,) = scans(lifted(mapped, w, X))
        assert inside(loop).count("contract") == count


def test_a_carry_that_is_used_stays():
    def total(w, x):
        def step(carry, row):
            return carry + row @ w, carry

        return lax.scan(step, np.zeros(H), x)

    same(total, PARAMS["w"], X[0])
    (loop,) = scans(lifted(total, PARAMS["w"], X[0]))
    assert loop.params["num_carry"] == 1


def test_invariants_are_computed_once():
    def total(w, x):
        def step(carry, row):
            return np.tanh(carry + row @ np.exp(w).T[:, :I].T), None

        return lax.scan(step, np.zeros(I), x)[0]

    w = RNG.standard_normal((I, I)) / 9
    same(total, w, X[0])
    (loop,) = scans(lifted(total, w, X[0]))
    assert inside(loop) == ["add", "tanh"]


def test_products_that_fill_memory_stay():
    def total(w, x):
        return lax.scan(lambda carry, row: (carry + np.sum(np.tanh(row @ w)), None), 0.0, x)[0]

    w, x = RNG.standard_normal((2, 100)), RNG.standard_normal((T, 2))
    same(total, w, x)
    assert "contract" in inside(scans(lifted(total, w, x))[0])


def test_a_program_without_loops_is_itself():
    program = make_jaxpr(np.sin)(X)
    assert lift_from_loops(program) is program
