"""custom_jvp, custom_vjp and closure_convert: in every nesting."""

import numpy as np
import pytest

from vgrad import (
    closure_convert,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jit,
    jvp,
    vjp,
    vmap,
)
from vgrad.errors import NotDifferentiable

X = np.array([0.5, -1.0, 2.0])


def tenfold():
    """x * y whose forward rule says ten times the derivative with respect to x, a hundred times that to y."""

    @custom_jvp
    def product(x, y):
        return x * y

    @product.defjvp
    def product_jvp(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return product(x, y), 10.0 * dx * y + 100.0 * x * dy

    return product


def reverse_tenfold():
    @custom_vjp
    def product(x, y):
        return x * y

    product.defvjp(lambda x, y: (product(x, y), (x, y)), lambda saved, c: (10.0 * c * saved[1], 100.0 * c * saved[0]))
    return product


RULES = {"custom_jvp": tenfold, "custom_vjp": reverse_tenfold}


@pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())
def test_the_rule_is_used_in_every_nesting(make):
    f = make()
    assert f(2.0, 3.0) == 6.0 and jit(f)(2.0, 3.0) == 6.0
    for transformed in (grad(f, (0, 1)), jit(grad(f, (0, 1))), grad(jit(f), (0, 1)), jit(grad(jit(f), (0, 1)))):
        assert transformed(2.0, 3.0) == (30.0, 200.0)
    np.testing.assert_array_equal(vmap(f, (0, None))(X, 3.0), 3 * X)
    for transformed in (vmap(grad(f, (0, 1)), (0, None)), jit(vmap(grad(jit(f), (0, 1)), (0, None)))):
        by_x, by_y = transformed(X, 3.0)
        np.testing.assert_array_equal(by_x, np.full(3, 30.0))
        np.testing.assert_array_equal(by_y, 100 * X)


@pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["eager", "jit"])
def test_the_rule_is_used_when_vmap_is_inside_grad_and_unmapped_arguments_are_summed(make, wrap):
    f = make()
    by_x, by_y = grad(lambda x, y: np.sum(wrap(vmap(wrap(f), (0, None)))(x, y)), (0, 1))(X, 3.0)
    np.testing.assert_array_equal(by_x, np.full(3, 30.0))
    np.testing.assert_allclose(by_y, 100 * X.sum())


def test_forward_mode_uses_custom_jvp_and_refuses_custom_vjp():
    assert jvp(tenfold(), (2.0, 3.0), (1.0, 1.0)) == (6.0, 230.0)
    with pytest.raises(
        NotDifferentiable, match="can't apply forward-mode differentiation .jvp. to a custom_vjp function"
    ):
        jvp(reverse_tenfold(), (2.0, 3.0), (1.0, 1.0))


def test_second_derivatives_differentiate_the_rule():
    @custom_jvp
    def sine(x):
        return np.sin(x)

    sine.defjvp(lambda p, t: (sine(p[0]), np.cos(p[0]) * t[0]))
    np.testing.assert_allclose(grad(grad(sine))(0.3), -np.sin(0.3))
    np.testing.assert_allclose(hessian(lambda x: np.sum(sine(x)))(X), np.diag(-np.sin(X)))


def test_defjvps_takes_a_rule_per_argument():
    @custom_jvp
    def f(x, y):
        return np.sin(x) * y

    f.defjvps(lambda t, out, x, y: 2 * t * out, None)
    np.testing.assert_allclose(jvp(f, (0.5, 3.0), (1.0, 1.0))[1], 2 * 3 * np.sin(0.5))
    assert grad(f, argnums=1)(0.5, 3.0) == 0.0


def test_pytrees_keyword_arguments_defaults_and_python_control_flow():
    @custom_jvp
    def f(tree, scale=2.0):
        return {"out": (tree["a"] if scale > 0 else -tree["a"]) * scale}

    @f.defjvp
    def f_jvp(primals, tangents):
        (tree, scale), (moved, _) = primals, tangents
        return f(tree, scale), {"out": moved["a"] * 7.0}

    assert f({"a": 3.0}) == {"out": 6.0}
    assert grad(lambda a: f({"a": a}, scale=3.0)["out"])(1.0) == 7.0


def test_nondiff_argnums_come_first_and_as_they_are():
    primal_rule = custom_jvp(lambda f, x: f(x), nondiff_argnums=(0,))
    primal_rule.defjvp(lambda f, primals, tangents: (f(primals[0]), 5.0 * tangents[0]))
    assert grad(lambda x: primal_rule(np.sin, x))(0.2) == 5.0

    reverse_rule = custom_vjp(lambda f, x: f(x), nondiff_argnums=(0,))
    reverse_rule.defvjp(lambda f, x: (f(x), x), lambda f, saved, c: (c * saved,))
    assert grad(lambda x: reverse_rule(np.sin, x))(0.2) == 0.2


def test_integer_arguments_have_no_cotangent():
    @custom_vjp
    def pick(x, i):
        return x[i]

    pick.defvjp(lambda x, i: (x[i], (x.shape, i)), lambda saved, c: (np.full(3, c), None))
    np.testing.assert_array_equal(grad(pick)(X, 1), np.ones(3))


def test_a_custom_jvp_clips_gradients_inside_a_larger_function():
    @custom_vjp
    def clip_gradient(x):
        return x

    clip_gradient.defvjp(lambda x: (x, None), lambda _, c: (np.clip(c, -1.0, 1.0),))
    np.testing.assert_allclose(grad(lambda x: np.sum(clip_gradient(x) ** 2))(X), np.clip(2 * X, -1, 1))
    np.testing.assert_allclose(jit(vmap(grad(lambda x: clip_gradient(x) ** 2)))(X), np.clip(2 * X, -1, 1))


def test_missing_rules_are_named():
    with pytest.raises(AttributeError, match="No JVP defined for custom_jvp function nothing using defjvp"):

        @custom_jvp
        def nothing(x):
            return x

        grad(nothing)(1.0)
    with pytest.raises(AttributeError, match="No VJP defined for custom_vjp function silence using defvjp"):

        @custom_vjp
        def silence(x):
            return x

        grad(silence)(1.0)


def test_rules_of_the_wrong_form_are_named():
    f = custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, None), lambda _, c: (c,))
    with pytest.raises(TypeError, match=r"one cotangent per differentiated argument \(2\)"):
        grad(f)(2.0, 3.0)
    g = custom_jvp(lambda x: x)
    g.defjvp(lambda p, t: p[0])
    with pytest.raises(TypeError, match="must return a pair"):
        grad(g)(2.0)
    h = custom_vjp(np.sin)
    h.defvjp(lambda x: (np.sin(x), None), lambda _, c: (np.ones(5),))
    with pytest.raises(TypeError, match=r"f64\[3\].*f64\[5\]"):
        vjp(h, X)[1](X)


def test_closing_over_a_differentiated_value_is_an_error_not_a_wrong_answer():
    def outer(w):
        @custom_jvp
        def f(x):
            return w * x

        f.defjvp(lambda p, t: (f(p[0]), w * t[0]))
        return f(2.0) + jit(f)(2.0)

    with pytest.raises(TypeError):
        grad(outer)(3.0)


def test_closure_convert_takes_the_closure_out():
    def outer(w):
        converted, constants = closure_convert(lambda x: np.sin(w * x), 1.0)
        assert len(constants) == 1
        return converted(2.0, *constants)

    np.testing.assert_allclose(grad(outer)(0.3), 2 * np.cos(0.6))
