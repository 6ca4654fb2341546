"""Checks of derivatives. Relies on vgrad.testing."""

import numpy as np
import pytest

import vgrad.test_util
from vgrad import custom_jvp, custom_vjp, jvp, lax, testing, vjp
from vgrad.testing import check_grads, check_jvp, check_vjp


def energy(params, x):
    return {"total": np.sum(np.sin(params["w"] * x) * params["b"]), "parts": [params["w"] ** 2]}


ARGS = {"w": np.arange(4.0).reshape(2, 2) + 0.5, "b": 2.0}, np.array([1.0, -0.5])


@pytest.mark.parametrize("modes", [("fwd", "rev"), ("fwd",), ["rev"], "fwd"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_derivatives_pass(order, modes):
    check_grads(energy, ARGS, order, modes)


@pytest.mark.parametrize(
    "f, args",
    [
        (lambda x, n: x**n, (2.0, 3)),
        (lambda x: (np.round(x), x * x), (np.ones(3) * 0.3,)),
        (lambda x: np.sum(np.abs(x) ** 2), (np.array([1 + 2j, 0.5j]),)),
        (lambda z: z * z, (np.array([1 + 2j, 0.5j]),)),
        (lambda x: x * 2, (np.ones((0, 3)),)),
        (lambda x: 3.0, (1.0,)),
        (lambda: 3.0, ()),
        (lambda x: np.sin(x) * 100, (np.ones(3, np.float32),)),
        (lambda x: np.exp(x), (np.ones(3, np.complex64),)),
        (np.tanh, ([0.5][0],)),
    ],
)
def test_integers_complex_and_empty_arrays_pass(f, args):
    check_grads(f, args, order=2)


def with_rule(rule):
    f = custom_jvp(lambda x, y: np.sin(x["a"]) * y)
    f.defjvp(rule)
    return f


def right(primals, tangents):
    (x, y), (v, u) = primals, tangents
    return np.sin(x["a"]) * y, np.cos(x["a"]) * v["a"] * y + np.sin(x["a"]) * u


def wrong_in_y(primals, tangents):
    (x, y), (v, u) = primals, tangents
    return np.sin(x["a"]) * y, np.cos(x["a"]) * v["a"] * y + np.sin(x["a"]) * u * np.array([1.0, 1.5])


POINT = {"a": np.array([0.5, 1.0])}, np.array([3.0, 4.0])


def test_a_right_rule_passes():
    check_grads(with_rule(right), POINT, order=2)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_rule_is_named_with_argument_element_and_both_numbers(mode):
    with pytest.raises(AssertionError) as caught:
        check_grads(with_rule(wrong_in_y), POINT, order=1, modes=(mode,))
    message = str(caught.value)
    assert "with respect to y[1]" in message
    numbers = np.sin(1.0) * 1.5, np.sin(1.0)
    if mode == "fwd":
        assert "output[1]: jvp gives" in message and all(f"{number:.6f}"[:-1] in message for number in numbers)
    else:
        assert "vjp gives" in message and "finite differences give" in message


def test_a_wrong_second_derivative_is_found_at_order_2():
    # the first derivative is right, but it is cut off from x for the next one
    f = custom_jvp(lambda x: x**3)
    f.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * lax.stop_gradient(primals[0]) ** 2 * tangents[0]))
    check_grads(f, (2.0,), order=1)
    with pytest.raises(AssertionError, match="jvp of jvp of <lambda> is wrong with respect to x: "):
        check_grads(f, (2.0,), order=2)


def test_a_wrong_value_is_found():
    f = custom_jvp(lambda x: x * 2)
    f.defjvp(lambda primals, tangents: (primals[0] * 2.5, tangents[0] * 2))
    with pytest.raises(AssertionError, match=r"returns another value than the function: output is 7.5, .* is 6.0"):
        check_grads(f, (3.0,), order=1)


def test_a_wrong_dtype_or_shape_is_found():
    def f(x):
        return x * 2

    with pytest.raises(AssertionError, match=r"the cotangents have f32\[\] at \[0\], but the arguments have f64\[\]"):
        check_vjp(f, lambda x: (f(x), lambda c: (np.float32(2) * np.float32(c),)), (3.0,))
    with pytest.raises(AssertionError, match=r"the tangents have f64\[1\] at the top, but the outputs have f64\[\]"):
        check_jvp(f, lambda args, tangents: (f(*args), np.ones(1) * tangents[0]), (3.0,))
    with pytest.raises(AssertionError, match="the cotangents have structure"):
        check_vjp(f, lambda x: (f(x), lambda c: 2 * c), (3.0,))


def test_rules_are_checked_without_vgrad():
    check_jvp(np.sin, lambda xs, vs: (np.sin(*xs), np.cos(*xs) * vs[0]), (np.ones(3),))
    check_vjp(np.sin, lambda x: (np.sin(x), lambda c: (c * np.cos(x),)), (np.ones(3),))
    with pytest.raises(AssertionError, match="my rule of sin is wrong with respect to"):
        check_jvp(np.sin, lambda xs, vs: (np.sin(*xs), np.sin(*xs) * vs[0]), (np.ones(3),), err_msg="my rule")


def test_tolerances_can_be_given():
    f = custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, c: (2.001 * x * c,))
    check_grads(f, (3.0,), order=1, modes=("rev",), atol=1e-2, rtol=1e-2)
    with pytest.raises(AssertionError, match=r"allowed: 1e-06 \+ 1e-06 \* size, step 0.0001"):
        check_grads(f, (3.0,), order=1, modes=("rev",), atol=1e-6, rtol=1e-6, eps=1e-4)


def test_a_derivative_that_is_nan_is_found():
    f = custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, c: (np.nan * c,))
    with pytest.raises(AssertionError, match="vjp gives nan"):
        check_grads(f, (3.0,), order=1, modes="rev")


def test_unknown_modes_are_refused():
    with pytest.raises(ValueError, match="modes must be 'fwd', 'rev' or both, got .'backward',."):
        check_grads(np.sin, (1.0,), 1, modes=("backward",))


def test_the_functions_of_jax_are_the_same():
    for name in ("check_grads", "check_jvp", "check_vjp"):
        assert getattr(vgrad.test_util, name) is getattr(testing, name)
    check_jvp(energy, lambda args, tangents: jvp(energy, args, tangents), ARGS)
    check_vjp(energy, lambda *args: vjp(energy, *args), ARGS)
