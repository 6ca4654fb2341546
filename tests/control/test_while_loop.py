import numpy as np
import pytest

from tests.control.compositions import FORWARD, check
from vgrad import grad, hessian, jacfwd, jacrev, jit, jvp, lax, linearize, make_jaxpr, vmap
from vgrad.control.while_loop import while_loop
from vgrad.core.typecheck import typecheck
from vgrad.errors import ReverseModeError, ShapeError


def python_while(condition, body, value, most=20):
    """lax.while_loop as it is defined, for at most so many steps: what is done stays as it is."""
    tupled = isinstance(value, tuple)
    for _ in range(most):
        running = condition(value)
        new = body(value)
        pairs = zip(new, value) if tupled else [(new, value)]
        chosen = tuple([np.where(running, after, before) for after, before in pairs])
        value = chosen if tupled else chosen[0]
    return value


def counting(while_loop):
    return lambda x, n: while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, np.sin(c[1]) * x), (0.0, x))[1]


def closing_over(while_loop):
    return lambda x, n: while_loop(lambda c: c < n * n, lambda c: c * (1.5 + x * x) + 0.1, x * x) * x


def constant_start(while_loop):
    """The tangent reaches the carry from the body's constants alone."""
    return lambda x, n: while_loop(lambda c: c[0] < 3.0, lambda c: (c[0] + 1, c[1] + x * c[0], c[2]), (0.0, 1.0, n))[1]


def inside_scan(while_loop):
    def f(x, n):
        def step(c, t):
            return while_loop(lambda d: d < n * n, lambda d: d * 1.7 + x * x + 0.1, c) * 0.1, c * t

        return lax.scan(step, x * x, np.arange(4.0))[1].sum()

    return f


def scan_inside(while_loop):
    def f(x, n):
        def body(c):
            return lax.scan(lambda d, t: (d * 1.2 + t * x * x + 0.1, d), c, np.arange(3.0))[0]

        return while_loop(lambda c: c < n * n, body, x * x)

    return f


PROGRAMS = {
    "counting": counting,
    "closing over": closing_over,
    "constant start": constant_start,
    "inside scan": inside_scan,
    "scan inside": scan_inside,
}


@pytest.mark.parametrize("composition", FORWARD)
@pytest.mark.parametrize("program", PROGRAMS)
def test_while_loop_is_a_loop(program, composition):
    make = PROGRAMS[program]
    check(make(lax.while_loop), make(python_while), (0.7, 2.3), composition)


@pytest.mark.parametrize("program", PROGRAMS)
def test_reverse_mode_is_refused(program):
    f = PROGRAMS[program](lax.while_loop)
    message = "Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic"
    for transformed in (grad(f), jit(grad(f)), grad(jit(f)), jacrev(f), hessian(f)):
        with pytest.raises(ReverseModeError, match=message):
            transformed(0.7, 2.3)
    with pytest.raises(ReverseModeError, match=message):
        vmap(grad(f))(np.array([0.7, 0.8]), np.array([2.3, 2.4]))


def test_second_order_forward_mode():
    f = counting(lax.while_loop)
    wanted = hessian(lambda x: counting(python_while)(x, 2.3))(0.7)
    np.testing.assert_allclose(jacfwd(jacfwd(f))(0.7, 2.3), wanted)
    _, push = linearize(lambda x: jacfwd(f)(x, 2.3), 0.7)
    np.testing.assert_allclose(push(1.0), wanted)


def test_reverse_mode_beside_a_loop_that_is_not_differentiated():
    def f(x):
        steps = lax.while_loop(lambda c: c < 10, lambda c: c * 2, 1)
        return x * steps

    assert grad(f)(3.0) == 16.0
    assert jit(grad(f))(3.0) == 16.0


def test_integers_have_no_tangent():
    outputs, tangents = jvp(
        lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x), (0, 1.0)), (2.0,), (1.0,)
    )
    assert outputs == (3, 8.0) and tangents[1] == 12.0
    assert tangents[0].dtype == np.dtype([("float0", np.void, 0)])


def test_examples_that_are_done_keep_their_value():
    def collatz(n):
        def body(state):
            n, steps = state
            return np.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1

        return lax.while_loop(lambda state: state[0] != 1, body, (n, 0))[1]

    numbers = np.arange(1, 12)
    wanted = [collatz(n) for n in numbers]
    assert wanted == [0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14]
    np.testing.assert_array_equal(vmap(collatz)(numbers), wanted)
    np.testing.assert_array_equal(jit(vmap(collatz))(numbers), wanted)
    assert vmap(collatz)(numbers[:0]).shape == (0,)


def test_a_condition_that_is_the_same_for_all_examples_stays_so():
    def f(n, x):
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * x), (0, 1.0))[1]

    equations = make_jaxpr(vmap(f, (None, 0)))(3, np.ones(2)).equations
    (equation,) = [equation for equation in equations if equation.primitive.name == "while"]
    assert equation.params["cond_jaxpr"].output_types[0].shape == ()
    assert [var.type.shape for var in equation.outputs] == [(), (2,)]
    np.testing.assert_array_equal(vmap(f, (None, 0))(3, np.arange(3.0)), [0.0, 1.0, 8.0])


def test_no_step_at_all():
    assert lax.while_loop(lambda c: c < 0, lambda c: c * 2, 3.0) == 3.0


def test_type_rule_checks_the_programs():
    body, condition = make_jaxpr(lambda c: c * 2)(1.0), make_jaxpr(lambda c: c < 3)(1.0)
    params = dict(cond_jaxpr=condition, body_jaxpr=body, cond_consts=0, body_consts=0)
    scalar, vector = make_jaxpr(lambda x, v: 0)(1.0, np.ones(3)).input_types
    assert [str(type_) for type_ in while_loop.output_type(scalar, **params)] == ["f64[]"]
    with pytest.raises(ShapeError, match="while_loop"):
        while_loop.output_type(vector, **params)
    with pytest.raises(ShapeError, match="while_loop: conditions"):
        while_loop.output_type(scalar, **{**params, "cond_jaxpr": body})
    typecheck(make_jaxpr(lambda x: lax.while_loop(lambda c: c < 9.0, lambda c: c * 2, x))(1.0))
