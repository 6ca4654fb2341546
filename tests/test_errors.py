"""The errors' classes, and that they quote the user's line. Relies on vgrad.errors."""

import pytest

from vgrad import errors


def test_a_message_has_what_where_and_what_to_do():
    message = str(errors.ShapeError("add: 3 is not 4.", "Write x.T."))
    what, where, advice = message.split("\n")
    assert what == "add: 3 is not 4." and advice == "  Write x.T."
    assert where.startswith("  at test_errors.py:") and "message = str(errors.ShapeError(" in where


def test_advice_may_be_left_out():
    assert len(str(errors.NotDifferentiable("no")).split("\n")) == 2


@pytest.mark.parametrize(
    "name, bases",
    [
        ("ShapeError", (TypeError, ValueError)),
        ("ConcretizationTypeError", (TypeError,)),
        ("TracerArrayConversionError", (errors.ConcretizationTypeError,)),
        ("TracerIntegerConversionError", (errors.ConcretizationTypeError,)),
        ("TracerBoolConversionError", (errors.ConcretizationTypeError,)),
        ("NonConcreteBooleanIndexError", (errors.ConcretizationTypeError, IndexError)),
        ("UnexpectedTracerError", (TypeError,)),
        ("NotDifferentiable", (TypeError,)),
        ("ReverseModeError", (errors.NotDifferentiable, ValueError)),
    ],
)
def test_classes_can_be_caught_as_python_would_name_them(name, bases):
    for base in bases:
        assert issubclass(getattr(errors, name), base)
