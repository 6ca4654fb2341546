import numpy as np

from vgrad import make_jaxpr
from vgrad.core.typecheck import typecheck
from vgrad.passes.prune import drop_unused


def test_what_no_output_needs_is_dropped_with_its_constants():
    unused, used = np.arange(3.0), np.arange(3.0) + 1

    def f(x):
        np.sin(x) * unused
        return np.cos(x) * used

    program = make_jaxpr(f)(np.ones(3))
    assert len(program.equations) == 4 and len(program.constants) == 2
    pruned = typecheck(drop_unused(program))
    assert [equation.primitive.name for equation in pruned.equations] == ["cos", "mul"]
    assert len(pruned.constants) == 1
    assert pruned.inputs == program.inputs


def test_inputs_stay_even_if_unused():
    program = drop_unused(make_jaxpr(lambda x, y: y)(1.0, 2.0))
    assert len(program.inputs) == 2 and not program.equations
