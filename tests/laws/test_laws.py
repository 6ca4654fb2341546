"""Laws that hold for any function, on the models: transformations agree with loops, differences and each other."""

import copy

import numpy as np
import pytest

import vgrad
from tests.laws.models import EXAMPLES, MODELS
from vgrad import (
    checkpoint,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linear_transpose,
    linearize,
    make_jaxpr,
    tree,
    value_and_grad,
    vjp,
    vmap,
)
from vgrad.core.typecheck import typecheck
from vgrad.testing import check_grads

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def drawn(model):
    rng = np.random.default_rng(0)
    return model.params(rng), model.examples(rng)


def single(model):
    """(params, first example)"""
    params, batch = drawn(model)
    return params, tuple([each[0] for each in batch])


def loop(function, params, batch):
    """function(params, *example) for one example after the other, stacked."""
    results = [function(params, *[each[number] for each in batch]) for number in range(EXAMPLES)]
    return tree.map(lambda *leaves: np.stack(leaves), *results)


def mapped(function, batch):
    return vmap(function, (None,) + (0,) * len(batch))


def assert_trees_close(got, wanted, tolerance=1e-9):
    assert tree.structure(got) == tree.structure(wanted)
    for (path, one), other in zip(tree.leaves_with_path(got), tree.leaves(wanted)):
        one, other = np.asarray(one), np.asarray(other)
        where = tree.keystr(path)
        assert (one.shape, one.dtype) == (other.shape, other.dtype), where
        scale = max(1.0, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale, err_msg=where)


def random_like(value, seed=1):
    rng = np.random.default_rng(seed)
    return tree.map(lambda leaf: np.asarray(rng.normal(size=np.shape(leaf))), value)


@every_model
def test_values_under_every_transformation_are_the_functions(model):
    params, example = single(model)
    wanted = model.loss(params, *example)
    assert_trees_close(jit(model.loss)(params, *example), wanted)
    assert_trees_close(checkpoint(model.loss)(params, *example), wanted)
    assert_trees_close(value_and_grad(model.loss)(params, *example)[0], wanted)
    along = lambda p: model.loss(p, *example)
    assert_trees_close(jvp(along, (params,), (random_like(params),))[0], wanted)
    assert_trees_close(linearize(along, params)[0], wanted)
    assert_trees_close(vjp(along, params)[0], wanted)


@every_model
def test_derivatives_are_finite_differences(model):
    params, example = single(model)
    check_grads(lambda p: model.loss(p, *example), (params,), order=2, eps=1e-5, atol=1e-4, rtol=1e-5)


@every_model
def test_vmap_is_a_loop(model):
    params, batch = drawn(model)
    assert_trees_close(mapped(model.loss, batch)(params, *batch), loop(model.loss, params, batch))
    stacked = tree.map(lambda leaf: np.stack([np.asarray(leaf) * (1 + 0.1 * n) for n in range(EXAMPLES)]), params)
    got = vmap(model.loss)(stacked, *batch)
    wanted = [
        model.loss(tree.map(lambda leaf: leaf[n], stacked), *[each[n] for each in batch]) for n in range(EXAMPLES)
    ]
    assert_trees_close(got, np.stack(wanted))
    last = tuple([np.moveaxis(each, 0, -1) for each in batch])
    assert_trees_close(vmap(model.loss, (None,) + (-1,) * len(batch))(params, *last), loop(model.loss, params, batch))


@every_model
def test_per_example_gradients_are_a_loop_of_gradients(model):
    params, batch = drawn(model)
    wanted = loop(grad(model.loss), params, batch)
    assert_trees_close(mapped(grad(model.loss), batch)(params, *batch), wanted)
    assert_trees_close(jit(mapped(grad(model.loss), batch))(params, *batch), wanted)
    assert_trees_close(mapped(jit(grad(model.loss)), batch)(params, *batch), wanted)
    assert_trees_close(mapped(grad(checkpoint(model.loss)), batch)(params, *batch), wanted)


@every_model
def test_the_sum_of_per_example_gradients_is_the_gradient_of_the_sum(model):
    params, batch = drawn(model)
    total = grad(lambda p: np.sum(mapped(model.loss, batch)(p, *batch)))(params)
    per_example = mapped(grad(model.loss), batch)(params, *batch)
    assert_trees_close(tree.map(lambda leaf: np.sum(leaf, axis=0), per_example), total)


@every_model
def test_no_examples_have_no_gradients(model):
    params, batch = drawn(model)
    none = tuple([each[:0] for each in batch])
    gradients = mapped(grad(model.loss), batch)(params, *none)
    assert [leaf.shape for leaf in tree.leaves(gradients)] == [(0, *np.shape(leaf)) for leaf in tree.leaves(params)]


@every_model
def test_grad_and_jit_commute(model):
    params, example = single(model)
    wanted = grad(model.loss)(params, *example)
    for transformed in (
        jit(grad(model.loss)),
        grad(jit(model.loss)),
        jit(grad(jit(model.loss))),
        grad(checkpoint(model.loss)),
        grad(jit(checkpoint(model.loss))),
        jit(grad(checkpoint(jit(model.loss)))),
    ):
        assert_trees_close(transformed(params, *example), wanted)


@every_model
def test_vjp_is_the_transpose_of_linearize(model):
    params, example = single(model)
    along = lambda p: model.loss(p, *example)
    output, push = linearize(along, params)
    _, pull = vjp(along, params)
    direction, cotangent = random_like(params), random_like(output, seed=2)
    (pulled,) = pull(cotangent)
    (transposed,) = linear_transpose(push, params)(cotangent)
    assert_trees_close(pulled, transposed)
    products = tree.map(lambda u, v: np.sum(u * v), pulled, direction)
    assert_trees_close(np.asarray(sum(tree.leaves(products))), np.asarray(cotangent * push(direction)))
    assert_trees_close(push(direction), jvp(along, (params,), (direction,))[1])


@every_model
def test_hessians_by_all_ways_agree_and_are_symmetric(model):
    params, example = single(model)
    flat, unravel = vgrad.flatten_util.ravel_pytree(params)
    along = lambda v: model.loss(unravel(v), *example)
    wanted = hessian(along)(flat)
    scale = 1e-8 * max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(wanted, wanted.T, atol=scale)
    for by in (jacrev(jacfwd(along)), jacrev(jacrev(along)), jacfwd(jacfwd(along)), jit(hessian(along))):
        np.testing.assert_allclose(by(flat), wanted, atol=scale)
    v = random_like(flat)
    np.testing.assert_allclose(jvp(grad(along), (flat,), (v,))[1], wanted @ v, atol=10 * scale)
    np.testing.assert_allclose(grad(lambda x: np.dot(grad(along)(x), v))(flat), wanted @ v, atol=10 * scale)


def narrowed(value):
    return tree.map(lambda leaf: np.asarray(leaf, np.float32) if np.asarray(leaf).dtype == np.float64 else leaf, value)


@every_model
def test_float32_stays_float32(model):
    params, batch = drawn(model)
    params, batch = narrowed(params), narrowed(batch)
    example = tuple([each[0] for each in batch])
    results = (
        grad(model.loss)(params, *example),
        jit(grad(model.loss))(params, *example),
        mapped(grad(model.loss), batch)(params, *batch),
        value_and_grad(jit(model.loss))(params, *example),
        jvp(lambda p: model.loss(p, *example), (params,), (params,)),
    )
    assert {leaf.dtype for leaf in tree.leaves(results)} == {np.dtype(np.float32)}


@every_model
def test_programs_are_well_formed_and_staged_once(model):
    params, batch = drawn(model)
    example = tuple([each[0] for each in batch])
    for function, args in (
        (model.loss, example),
        (grad(model.loss), example),
        (mapped(grad(model.loss), batch), batch),
        (grad(lambda p, *e: np.sum(mapped(jit(model.loss), batch)(p, *e))), batch),
    ):
        typecheck(make_jaxpr(function)(params, *args))
    runs = []
    counted = jit(lambda p, *e: runs.append(1) or model.loss(p, *e))
    for scale in (1.0, 2.0):
        counted(tree.map(lambda leaf: leaf * scale, params), *example)
    assert runs == [1]


def writable(value):
    return tree.map(lambda leaf: np.array(leaf), value)


@every_model
def test_inputs_are_unchanged_and_share_no_memory_with_results(model):
    params, batch = drawn(model)
    params, batch = writable(params), writable(batch)
    before = copy.deepcopy((params, batch))
    example = tuple([each[0] for each in batch])
    for results in (
        value_and_grad(model.loss)(params, *example),
        jit(value_and_grad(model.loss))(params, *example),
        mapped(value_and_grad(model.loss), batch)(params, *batch),
        jvp(lambda p: (model.loss(p, *example), p), (params,), (params,)),
        jit(lambda p, *e: (p, e, p))(params, *example),
        vmap(lambda p, *e: (p, e, p), (None, *(0,) * len(batch)))(params, *batch),
    ):
        leaves = tree.leaves(results)
        for number, leaf in enumerate(leaves):
            for other in tree.leaves((params, batch)) + leaves[:number]:
                assert not np.shares_memory(leaf, other)
            if isinstance(leaf, np.ndarray):
                leaf[...] = 7  # results are writable
    for leaf, other in zip(tree.leaves((params, batch)), tree.leaves(before)):
        np.testing.assert_array_equal(leaf, other)
