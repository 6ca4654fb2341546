"""No pass changes a result, and each earns its place: without it some program is longer."""

import numpy as np
import pytest

from tests.laws.models import MODELS
from vgrad import grad, jit, make_jaxpr, tree
from vgrad.core.typecheck import typecheck
from vgrad.passes.pipeline import PIPELINE, run_passes, simplified
from vgrad.transforms.evaluate import evaluate


def program():
    square = jit(lambda x: x * x)

    def f(x, w):
        y = np.sin(x) @ w
        np.cos(x)
        return np.sum(square(y - (-y)) * 1.0 + np.sum(np.sin(x)))

    x, w = np.linspace(0, 1, 6).reshape(2, 3), np.linspace(-1, 1, 12).reshape(3, 4)
    return make_jaxpr(grad(f, argnums=(0, 1)))(x, w), (x, w)


def count(jaxpr):
    return len(jaxpr.equations) + 100 * sum(equation.primitive.name == "jit" for equation in jaxpr.equations)


@pytest.mark.parametrize("removed", PIPELINE, ids=lambda each: each.name)
def test_without_one_pass_results_are_equal_and_the_program_is_longer(removed):
    jaxpr, args = program()
    shorter = typecheck(run_passes(jaxpr, [each for each in PIPELINE if each is not removed]))
    for mine, other in zip(evaluate(shorter, *args), evaluate(jaxpr, *args)):
        np.testing.assert_allclose(mine, other, rtol=1e-13)
    assert count(shorter) > count(simplified(jaxpr))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 2, 1, 1, 0, 3)])
def test_any_order_gives_equal_results(order):
    jaxpr, args = program()
    other = typecheck(run_passes(jaxpr, [PIPELINE[number] for number in order]))
    for mine, expected in zip(evaluate(other, *args), evaluate(jaxpr, *args)):
        np.testing.assert_allclose(mine, expected, rtol=1e-13)


def test_the_simplified_program_is_kept():
    jaxpr, _ = program()
    assert simplified(jaxpr) is simplified(jaxpr)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_gradients_of_models_are_equal_after_the_passes_and_programs_well_formed(model):
    rng = np.random.default_rng(0)
    params, examples = model.params(rng), model.examples(rng)
    example = [column[0] for column in examples]
    jaxpr = make_jaxpr(grad(model.loss))(params, *example)
    leaves = tree.leaves((params, *example))
    for mine, expected in zip(evaluate(typecheck(simplified(jaxpr)), *leaves), evaluate(jaxpr, *leaves)):
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-14)
