"""checkpoint: the same derivatives, fewer residuals."""

import numpy as np

from vgrad import checkpoint, grad, hessian, jit, make_jaxpr, vmap

X = np.array([0.5, -1.0, 2.0])


def test_checkpoint_changes_no_derivative():
    def f(x, y):
        return np.sum(np.sin(np.sin(x)) * y)

    g = checkpoint(f)
    for transform in (
        lambda f: f,
        grad,
        lambda f: grad(f, 1),
        lambda f: jit(grad(jit(f))),
        hessian,
        lambda f: grad(lambda x, y: np.sum(grad(f)(x, y) ** 2)),
    ):
        np.testing.assert_allclose(transform(g)(X, X + 1), transform(f)(X, X + 1), rtol=1e-12)
    np.testing.assert_allclose(
        vmap(grad(g))(np.stack([X, X]), np.ones((2, 3))), vmap(grad(f))(np.stack([X, X]), np.ones((2, 3)))
    )


def test_checkpoint_keeps_its_arguments_only():
    program = make_jaxpr(grad(checkpoint(lambda x: np.sin(np.sin(np.sin(x))))))(1.0)
    forward, backward = program.equations
    assert len(forward.outputs) == 1  # the value, no residuals
    assert [e.primitive.name for e in backward.params["jaxpr"].equations].count("sin") == 3  # run again


def test_checkpoint_with_static_arguments():
    f = checkpoint(lambda n, x: x**n if n > 2 else x, static_argnums=(0,))
    assert grad(lambda x: f(3, x))(2.0) == 12.0


def test_results_do_not_share_memory_with_arguments():
    assert not np.shares_memory(checkpoint(lambda x: x)(X), X)
