"""The record of an operation. Relies on vgrad.core.primitive."""

import dataclasses

import pytest

from vgrad.core.interpreter import Interpreter, interpreting, state
from vgrad.core.primitive import REGISTRY, Primitive, no_tangent, refuse
from vgrad.errors import NotDifferentiable
from vgrad.primitives.broadcasting import reshape
from vgrad.primitives.elementwise import mul

RULES = {"output_type": None, "evaluate": None, "jvp": None, "transpose": None, "batch": None, "lower": None}


def test_every_primitive_is_registered_under_its_name():
    assert all(name == primitive.name for name, primitive in REGISTRY.items())
    assert REGISTRY["mul"] is mul and repr(mul) == "mul"


@pytest.mark.parametrize("rule", RULES)
def test_a_missing_rule_is_an_error_when_the_record_is_made(rule):
    rest = {name: value for name, value in RULES.items() if name != rule}
    with pytest.raises(TypeError, match=f"missing 1 required positional argument: '{rule}'"):
        Primitive("half_made", **rest)
    assert "half_made" not in REGISTRY


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="a primitive named 'reshape' exists already"):
        Primitive(reshape.name, **RULES)


def test_records_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        mul.name = "other"


def test_a_refused_rule_raises_its_reason():
    rule = refuse("rounding the corner has no derivative")
    with pytest.raises(NotDifferentiable, match="rounding the corner has no derivative"):
        rule("cotangent", (), 0, axis=1)
    assert repr(rule) == "refuse('rounding the corner has no derivative')"


def test_no_tangent_is_none():
    assert no_tangent(1.0, (1.0,), (1.0,), axis=0) is None


def test_a_call_asks_the_current_interpreter():
    class Recorder(Interpreter):
        def process(self, primitive, operands, params):
            return primitive.name, operands, params

    with interpreting(Recorder(state.interpreter)):
        assert mul(3.0, 4.0, spin=2) == ("mul", (3.0, 4.0), {"spin": 2})
