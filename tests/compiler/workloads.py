"""Functions whose compiled programs are golden-tested. The files quote their line numbers. What several tests use."""

import numpy as np

from vgrad import grad, jit, lax, make_jaxpr, tree, vmap
from vgrad.compiler.assemble import plan_program
from vgrad.compiler.programs import opened


def chain(x, shift, scale):
    y = np.tanh(x * scale + shift)
    return np.where(y > 0, y, 0.1 * y)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layer_norm_loss(scale, shift, x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    normal = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    return np.sum((normal * scale + shift) ** 2)


def mlp_loss(params, x, y):
    *hidden, (w, b) = params
    for weights, bias in hidden:
        x = np.maximum(x @ weights + bias, 0)
    return np.mean((x @ w + b - y) ** 2)


def private_step(params, x, y):
    """The sum of clipped gradients of the examples, as users write it."""
    grads = tree.leaves(vmap(grad(mlp_loss), (None, 0, 0))(params, x, y))
    norms = np.sqrt(sum([np.sum(g**2, axis=tuple(range(1, g.ndim))) for g in grads]))
    return [np.einsum("b,b...->...", np.minimum(1, 1 / norms), g) for g in grads]


def recurrent_loss(w, u, x):
    def step(h, row):
        return np.tanh(row @ w + h @ u), None

    return np.sum(lax.scan(step, np.zeros(len(u)), x)[0] ** 2)


def running(x):
    def step(state, row):
        state = np.tanh(0.5 * state + row)
        return state, np.sum(state)

    return lax.scan(step, np.zeros(x.shape[1]), x)


def planned(function, *args):
    """(the Jaxpr as it is compiled, Context, Block) for two threads."""
    jaxpr = opened(make_jaxpr(function)(*args))
    return jaxpr, *plan_program(jaxpr, 2)[:2]


def mlp_params(width=64):
    sizes = [(32, width), (width, width), (width, width), (width, 10)]
    return [(np.full(size, 0.01), np.zeros(size[1])) for size in sizes]


def mlp_data(batch):
    return np.linspace(-1.0, 1.0, batch * 32).reshape(batch, 32), np.ones((batch, 10))


X = np.ones((256, 512))
ROW = np.ones(512)
PROGRAMS = {
    "chain": (chain, (X, ROW, np.ones((256, 1)))),
    "softmax": (softmax, (X,)),
    "layer_norm_gradient": (grad(layer_norm_loss, (0, 1, 2)), (ROW, ROW, X)),
    "mlp_gradient": (grad(mlp_loss), (mlp_params(), *mlp_data(16))),
    "private_step": (private_step, (mlp_params()[2:], X[:16, :64], np.ones((16, 10)))),
    "recurrent_gradient": (grad(recurrent_loss, (0, 1)), (np.ones((8, 16)), np.ones((16, 16)), np.ones((20, 8)))),
    "scan": (running, (np.ones((20, 8)),)),
}


def same(function, *args):
    """Assert that the compiled function gives what the function itself gives."""
    for mine, other in zip(tree.leaves(jit(function)(*args)), tree.leaves(function(*args)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)
