import numpy as np

from vgrad import make_jaxpr
from vgrad.passes.rewrite import Rewrite, with_rules
from vgrad.primitives.elementwise import add, exp, log, mul, neg, sin


def rule(before, after, when=None):
    return Rewrite("a rule", before, after, when, "a test", {})


def names(jaxpr):
    return [equation.primitive.name for equation in jaxpr.equations]


def rewritten(function, *rules, x=1.5):
    return with_rules(rules)(make_jaxpr(function)(x))


def test_an_argument_that_stands_twice_must_be_the_same_operand():
    double = rule(lambda x: add(x, x), lambda x: mul(2.0, x))
    assert names(rewritten(lambda x: add(sin(x), neg(x)), double)) == ["sin", "neg", "add"]
    assert names(rewritten(lambda x: add(x, x), double)) == ["mul"]


def test_a_rule_sees_what_other_rules_leave():
    undo = rule(lambda x: exp(log(x)), lambda x: x)
    program = rewritten(lambda x: sin(exp(log(exp(log(x))))), undo)
    assert names(program)[-1] == "sin"
    assert program.equations[-1].operands == program.inputs


def test_when_decides():
    never = rule(lambda x: neg(x), lambda x: x, when=lambda x: False)
    assert names(rewritten(neg, never)) == ["neg"]


def test_a_number_in_the_pattern_matches_that_number_alone():
    by_two = rule(lambda x: mul(x, 2.0), lambda x: add(x, x))
    assert names(rewritten(lambda x: mul(x, 2.0), by_two)) == ["add"]
    assert names(rewritten(lambda x: mul(x, 3.0), by_two)) == ["mul"]


def test_a_rule_that_would_change_the_type_is_not_applied():
    drop = rule(lambda x, y: add(x, y), lambda x, y: x)
    program = make_jaxpr(add)(np.ones(3), np.ones((2, 3)))
    assert names(with_rules([drop])(program)) == ["add"]


def test_constants_are_computed_once_while_rewriting():
    program = make_jaxpr(lambda x: mul(x, np.arange(3.0)))(np.ones(3))
    again = with_rules([])(program)
    assert names(again) == ["mul"] and len(again.constants) == 1


def test_one_number_spread_over_an_array_counts_as_that_number():
    times_one = rule(lambda x: mul(x, 1.0), lambda x: x)
    program = make_jaxpr(lambda x: mul(sin(x), np.broadcast_to(1.0, (3,))))(np.ones(3))
    assert names(program) == ["sin", "broadcast_in_dim", "mul"]
    assert names(with_rules([times_one])(program)) == ["sin"]
    wider = make_jaxpr(lambda x: mul(sin(x), np.broadcast_to(1.0, (2, 3))))(np.ones(3))
    assert "mul" in names(with_rules([times_one])(wider))  # the product has another shape
