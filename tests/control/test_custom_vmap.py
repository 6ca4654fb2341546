"""custom_vmap: alone, under jit, under forward and reverse mode."""

import numpy as np

from vgrad import custom_vmap, grad, jit, jvp, vmap

X = np.array([0.5, -1.0, 2.0])


def test_custom_vmap_rule_is_used_under_vmap_alone():
    calls = []

    @custom_vmap
    def f(x, y):
        return x + y

    @f.def_vmap
    def f_vmap(axis_size, in_batched, x, y):
        calls.append((axis_size, in_batched))
        return x + y + 100.0, True

    assert f(1.0, 2.0) == 3.0 and not calls
    np.testing.assert_array_equal(vmap(f, (0, None))(X, 1.0), X + 101)
    np.testing.assert_array_equal(jit(vmap(jit(f), (0, None)))(X, 1.0), X + 101)
    assert calls == [(3, [True, False])] * 2
    assert grad(f)(1.0, 2.0) == 1.0


def test_custom_vmap_under_forward_mode():
    @custom_vmap
    def f(x):
        return np.sin(x)

    f.def_vmap(lambda size, batched, x: (np.cos(x), batched[0]))
    np.testing.assert_allclose(vmap(lambda x: jvp(f, (x,), (1.0,))[1])(X), -np.sin(X))
