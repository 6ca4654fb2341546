"""A result may lie where what it is made of was: only if nobody needs that any more, and element by element."""

import numpy as np
import pytest

from tests.compiler.workloads import planned, same
from vgrad import jit, lax
from vgrad.config import config

RNG = np.random.default_rng(5)
W, A, B = RNG.normal(size=(24, 24)), RNG.normal(size=(70, 24)), RNG.normal(size=(70, 24))


def product(a, b):
    return a.T @ b


def step(w, a, b):
    return w - 0.1 * product(a, b)


def two_steps(w, a, b):
    one = product(a, b)
    return w - one, w + one


def with_its_sum(w, a, b):
    one = product(a, b)
    return w - one, np.sum(one, axis=0)


def used_later(w, a, b):
    one = product(a, b)
    return w - one, np.linalg.inv(one)


def result_used_later(w, a, b):
    new = w - product(a, b)
    return new, new @ w


def transposed(w, a, b):
    return w - product(a, b).T


def reversed_rows(w, a, b):
    return w - product(a, b)[::-1]


def with_its_first_row(w, a, b):
    one = product(a, b)
    return w - one - one[0]


def rows_normed(w, a, b):
    one = product(a, b)
    return one / np.sqrt(np.sum(one**2, axis=1, keepdims=True)) + w


def cumulated(w, a, b):
    return np.cumsum(product(a, b), axis=0)


def narrower(w, a, b):
    return np.float32(1) * product(a, b).astype(np.float32)


PROGRAMS = [step, two_steps, with_its_sum, used_later, result_used_later, transposed, reversed_rows]
PROGRAMS += [with_its_first_row, rows_normed, cumulated, narrower]


def memory(function):
    """Bytes of the arena that the program needs."""
    return planned(function, W, A, B)[2].bytes


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda function: function.__name__)
def test_results_are_those_of_numpy(function):
    same(function, W, A, B)


def test_a_step_needs_no_memory_for_the_gradient():
    assert memory(step) == 0


@pytest.mark.parametrize("function", [used_later, transposed, reversed_rows], ids=lambda function: function.__name__)
def test_what_others_need_is_kept(function):
    assert memory(function) >= W.nbytes


def test_the_arguments_are_left_as_they_were():
    before = W.copy(), A.copy(), B.copy()
    jit(two_steps)(W, A, B)
    for mine, other in zip((W, A, B), before):
        np.testing.assert_array_equal(mine, other)


def summed(stack, old):
    return np.sum(stack, axis=1)


def updated(stack, old):
    return old - 0.1 * np.sum(stack, axis=1)


def multiplied(stack, old):
    return stack[0].T @ stack[1]


def moved(stack, old):
    return old - 0.1 * (stack[0].T @ stack[1])


@pytest.mark.parametrize("branches", [(summed, updated), (updated, summed), (multiplied, moved), (moved, multiplied)])
def test_branches_write_one_output_in_their_own_ways(branches):
    if summed in branches:
        args = RNG.normal(size=(6, 40, 50)), RNG.normal(size=(6, 50))
    else:
        args = RNG.normal(size=(2, 20_000, 24)), RNG.normal(size=(24, 24))
    with config(num_threads=2):
        chosen = jit(lambda number, *args: lax.switch(number, branches, *args))
        for number, branch in enumerate(branches):
            np.testing.assert_allclose(chosen(number, *args), branch(*args), rtol=1e-9, atol=1e-9)
