import numpy as np
import pytest

from tests.control.compositions import ALL, check
from vgrad import checkpoint, custom_vjp, grad, jit, jvp, lax, linear_transpose, make_jaxpr, vmap
from vgrad.control.programs import reached_outputs, split_invariant
from vgrad.control.scan import scan
from vgrad.core.jaxpr import subprograms
from vgrad.core.typecheck import typecheck
from vgrad.errors import ShapeError

rng = np.random.default_rng(0)
W, H, X = rng.normal(size=(3, 3)) * 0.5, rng.normal(size=3) * 0.1, rng.normal(size=(4, 3))


def python_scan(f, carry, xs, length=None, reverse=False):
    """lax.scan as it is defined."""
    ys = []
    steps = range(len(xs) if xs is not None else length)
    for step in reversed(steps) if reverse else steps:
        carry, y = f(carry, None if xs is None else xs[step])
        ys.append(y)
    return carry, np.stack(ys[::-1] if reverse else ys)


def recurrent(scan):
    def loss(weights, state, xs):
        def step(h, x):
            h = np.tanh(weights @ h + x)
            return h, h * 2

        state, ys = scan(step, state, xs)
        return (ys**2).sum() + state.sum()

    return loss


def backwards(scan):
    def loss(weights, state, xs):
        def step(h, x):
            return np.tanh(weights @ h + x), h * x

        state, ys = scan(step, state, xs, reverse=True)
        return (ys * np.arange(4.0)[:, None]).sum() + state.prod()

    return loss


def counting(scan):
    """A carry without a tangent beside one that has it, and a constant y."""

    def loss(x):
        def step(carry, t):
            count, total = carry
            return (count + 1, total * x + count), total * count + np.exp(x)

        (count, total), ys = scan(step, (0, 1.0), np.arange(4))
        return total + ys.sum() + count

    return loss


def unused_carry(scan):
    return lambda x: scan(lambda carry, t: (carry, np.sin(t * x)), x, np.arange(3.0))[1].sum()


def fed_back(scan):
    """A tangent that reaches the second carry only after a step, and a carry that starts as a constant."""

    def loss(x):
        def step(carry, t):
            a, b, c = carry
            return (a * x, a + b, np.sin(b) + c), c

        (a, b, c), ys = scan(step, (2.0, 0.0, 0.0), np.arange(4.0))
        return c + (ys**2).sum() + a

    return loss


def nested(scan):
    def loss(weights, xs):
        def outer(c, row):
            c, _ = scan(lambda d, e: (np.tanh(d * e + (weights * d).sum()), d), c, row)
            return c, c * row[0]

        return scan(outer, 0.3, xs)[1].sum()

    return loss


def with_length(scan):
    return lambda x: scan(lambda c, _: (np.sin(c) * x, c), 0.5, None, length=4)[1].sum()


PROGRAMS = {
    "recurrent": (recurrent, (W, H, X)),
    "backwards": (backwards, (W, H, X)),
    "counting": (counting, (0.7,)),
    "unused carry": (unused_carry, (0.7,)),
    "fed back": (fed_back, (0.7,)),
    "nested": (nested, (W, X)),
    "with length": (with_length, (0.7,)),
}


@pytest.mark.parametrize("composition", ALL)
@pytest.mark.parametrize("program", PROGRAMS)
def test_scan_is_a_loop(program, composition):
    make, args = PROGRAMS[program]
    check(make(lax.scan), make(python_scan), args, composition)


# ------------------------------------------------------------------------------------------------------- residuals


def programs_of(jaxpr, name):
    for equation in jaxpr.equations:
        if equation.primitive.name == name:
            yield equation
        for _, inner in subprograms(equation):
            yield from programs_of(inner, name)


def test_consts_and_xs_are_not_stacked_as_residuals():
    jaxpr = make_jaxpr(grad(recurrent(lax.scan)))(W, H, X)
    forward, backward = programs_of(jaxpr, "scan")
    stacked = [var.type.shape for var in forward.outputs]
    assert (4, 3, 3) not in stacked
    # the last state, the ys; the states before each step and the derivative of tanh
    assert stacked == [(3,), (4, 3), (4, 3), (4, 3)]
    assert backward.params["reverse"] and backward.params["length"] == 4


def test_residuals_computed_from_consts_alone_are_computed_once():
    def loss(weights, xs):
        return lax.scan(lambda h, x: (np.sin(h * np.exp(weights)) + x, h), 0.1, xs)[0]

    jaxpr = make_jaxpr(grad(lambda w, x: loss(w, x).sum()))(np.float64(0.3), np.ones(4))
    forward = next(programs_of(jaxpr, "scan"))
    assert "exp" in [equation.primitive.name for equation in jaxpr.equations]
    assert "exp" not in [equation.primitive.name for equation in forward.params["jaxpr"].equations]


def test_xs_that_are_residuals_are_passed_on():
    jaxpr = make_jaxpr(grad(lambda h, xs: lax.scan(lambda h, x: (h * x, None), h, xs)[0]))(2.0, np.ones(4))
    forward, backward = programs_of(jaxpr, "scan")
    assert [var.type.shape for var in forward.outputs] == [()]


def test_equations_of_consts_are_split_off():
    jaxpr = make_jaxpr(lambda a, b: (np.exp(a) * b, np.sin(a)))(1.0, 2.0)
    before, inside = split_invariant(jaxpr, 1)
    assert [equation.primitive.name for equation in before.equations] == ["exp", "sin"]
    assert [equation.primitive.name for equation in inside.equations] == ["mul"]
    typecheck(before), typecheck(inside)


def test_reached_outputs():
    jaxpr = make_jaxpr(lambda a, b: (np.exp(a) * b, np.sin(a), 1.0))(1.0, 2.0)
    assert reached_outputs(jaxpr, [False, True]) == (True, False, False)


# ------------------------------------------------------------------------------------------- inside and around others


def test_per_example_gradients_of_a_recurrent_net():
    loss = recurrent(lax.scan)
    batch = rng.normal(size=(5, 4, 3))
    got = vmap(grad(loss), (None, None, 0))(W, H, batch)
    wanted = np.stack([grad(recurrent(python_scan))(W, H, xs) for xs in batch])
    np.testing.assert_allclose(got, wanted, rtol=1e-10)
    np.testing.assert_allclose(jit(vmap(grad(loss), (None, None, 0)))(W, H, batch), wanted, rtol=1e-10)


def test_checkpoint_and_jit_and_custom_rules_inside():
    @custom_vjp
    def halve(x):
        return x / 2

    halve.defvjp(lambda x: (x / 2, None), lambda _, cotangent: (cotangent * 10,))

    def loss(x, wrap):
        return lax.scan(lambda c, t: (wrap(lambda c: np.sin(c * x) + t)(c), None), 0.2, np.arange(3.0))[0]

    wanted = grad(loss)(0.7, lambda f: f)
    for wrap in (checkpoint, jit):
        np.testing.assert_allclose(grad(lambda x: loss(x, wrap))(0.7), wanted)
    assert grad(lambda x: lax.scan(lambda c, _: (halve(c), None), x, None, length=2)[0])(3.0) == 100.0


def test_linear_transpose_with_known_values_in_the_carry():
    def f(x):
        def step(carry, t):
            count, total = carry
            return (count + 1, total + count * x), total * t

        (_, total), ys = lax.scan(step, (0, x), np.arange(3.0))
        return total + ys.sum()

    x = np.array([1.0, 2.0])
    (got,) = linear_transpose(f, x)(np.array([1.0, -1.0]) * 1.0)
    wanted = grad(lambda x: (f(x) * np.array([1.0, -1.0])).sum())(x)
    np.testing.assert_allclose(got, wanted)


def test_a_known_number_of_steps_under_forward_mode_keeps_integers():
    outputs, tangents = jvp(lambda x: lax.scan(lambda c, t: (c + 1, c * x), 0, np.arange(3)), (2.0,), (1.0,))
    assert outputs[0] == 3 and tangents[0].dtype == np.dtype([("float0", np.void, 0)])
    np.testing.assert_array_equal(tangents[1], [0.0, 1.0, 2.0])


# ------------------------------------------------------------------------------------------------- edges and the record


def test_length_zero():
    def f(x):
        return lax.scan(lambda c, t: (c * t, c + t), x, np.ones((0, 2)))

    carry, ys = f(np.ones(2))
    np.testing.assert_array_equal(carry, np.ones(2))
    assert ys.shape == (0, 2)
    np.testing.assert_array_equal(grad(lambda x: f(x)[0].sum())(np.ones(2)), np.ones(2))
    assert vmap(f)(np.ones((3, 2)))[1].shape == (3, 0, 2)
    assert vmap(f)(np.ones((0, 2)))[0].shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.int32, bool])
def test_dtypes_are_kept(dtype):
    xs = np.ones((3, 2), dtype)
    carry, ys = lax.scan(lambda c, x: (c * x, x), xs[0], xs)
    assert carry.dtype == ys.dtype == dtype


def test_operands_are_not_written():
    init, xs = np.ones(2), np.ones((3, 2))
    init.flags.writeable = xs.flags.writeable = False
    carry, ys = jit(lambda c, x: lax.scan(lambda c, x: (c + x, x), c, x))(init, xs)
    assert carry.flags.writeable and ys.flags.writeable


def test_type_rule_checks_the_program():
    jaxpr = make_jaxpr(lambda c, x: (c + x, x))(1.0, 2.0)
    params = dict(jaxpr=jaxpr, length=3, reverse=False, num_consts=0, num_carry=1)
    types = make_jaxpr(lambda c, x: 0)(1.0, np.ones(3)).input_types
    assert [str(type_) for type_ in scan.output_type(*types, **params)] == ["f64[]", "f64[3]"]
    for wrong in ((1.0, np.ones(4)), (np.ones(2), np.ones(3)), (1.0, np.ones((3, 2)))):
        with pytest.raises(ShapeError, match="scan"):
            scan.output_type(*make_jaxpr(lambda c, x: 0)(*wrong).input_types, **params)
