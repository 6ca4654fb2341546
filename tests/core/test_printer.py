"""How programs print. Relies on vgrad.core.printer; whole functions are in tests/golden."""

import numpy as np
import pytest

from vgrad.api import grad, jit, make_jaxpr
from vgrad.config import config
from vgrad.core.printer import letters, show, summary
from vgrad.primitives.broadcasting import convert, reduce_sum, reshape
from vgrad.primitives.elementwise import add, mul, sin


def words(text):
    return " ".join(str(text).split())


@pytest.mark.parametrize("number, name", [(0, "a"), (25, "z"), (26, "ba"), (27, "bb"), (675, "zz"), (676, "baa")])
def test_names_count_in_letters(number, name):
    assert letters(number) == name


@pytest.mark.parametrize("default, text", [("float64", "f64"), ("float32", "f32")])
def test_the_gradient_of_a_product(default, text):
    product = lambda x, y: mul(x, y)
    with config(default_float=default):
        first, second = (words(make_jaxpr(grad(product, argnums=number))(3.0, 4.0)) for number in (0, 1))
    head = f"{{ lambda ; a:{text}[] b:{text}[]. let _:{text}[] = mul a b; c:{text}[] = "
    assert first == head + "mul 1.0 b in (c,) }"
    assert second == head + "mul a 1.0 in (c,) }"


def test_params_are_sorted_and_none_is_left_out():
    text = words(make_jaxpr(lambda x: reshape(convert(x, dtype=np.dtype(np.float32)), shape=(2, 1)))(np.ones(2)))
    assert "convert_element_type[dtype=float32] a" in text and "reshape[shape=(2, 1)] b" in text


def test_array_constants_stand_before_the_inputs():
    table = np.arange(3.0)
    assert (
        words(make_jaxpr(lambda x: mul(x, table))(1.0))
        == "{ lambda a:f64[3]; b:f64[]. let c:f64[3] = mul b a in (c,) }"
    )


def test_outputs_without_equations():
    assert words(make_jaxpr(lambda x, y: (y, 1.0))(1.0, 2)) == "{ lambda ; a:f64[] b:i64[]. let in (b, 1.0) }"
    assert words(make_jaxpr(lambda: ())()) == "{ lambda ; . let in () }"


def test_programs_inside_are_indented():
    text = str(make_jaxpr(lambda x: add(jit(lambda y: sin(y))(x), 1.0))(1.0))
    assert words(text).startswith("{ lambda ; a:f64[]. let b:f64[] = jit[")
    assert "sin" in text and max(len(line) - len(line.lstrip()) for line in text.splitlines()) > 4


def test_sources_can_be_shown():
    text = show(make_jaxpr(lambda x: sin(x))(1.0), sources=True)
    assert "# test_printer.py:" in text


def test_summary_counts_operations_inside_programs_too():
    counts = summary(make_jaxpr(lambda x: jit(lambda y: sin(sin(y)))(mul(x, 2.0)))(1.0))
    assert counts["sin"] == 2 and counts["mul"] == 1 and list(counts)[0] == "sin"


def test_printing_is_the_str_of_a_program():
    jaxpr = make_jaxpr(lambda x: reduce_sum(x, axes=(0,)))(np.ones(2))
    assert str(jaxpr) == show(jaxpr)
