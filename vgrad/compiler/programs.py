"""Prepares a Jaxpr for the compiler: opens everything that is a call, then simplifies.

Relies on passes.
"""

from vgrad.compiler.machine import flops_per_byte
from vgrad.passes import inline
from vgrad.passes.apart import apart
from vgrad.passes.contractions import contracted
from vgrad.passes.loops import lift_from_loops
from vgrad.passes.pipeline import PIPELINE, Pass, run_passes
from vgrad.passes.windows import read_windows

# Operations that run one of the programs they hold, and the name of that param. Their other params are rules for
# transformations, which are over when a program is compiled.
CALLS = {
    "jit": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "function",
    "custom_vjp_call": "function",
    "custom_vmap_call": "function",
}


COMPILED = (  # what comes after the passes that every program goes through
    Pass("take out of loops what can be done at once", lift_from_loops),
    Pass("take concatenations apart", apart),
    Pass("read windows rather than add them up", read_windows),
    Pass("keep contractions", lambda jaxpr: contracted(jaxpr, flops_per_byte())),
)


def opened(jaxpr):
    """The program with all calls replaced by what they run, simplified. It is not kept: it is compiled once."""
    return run_passes(inline.opened(jaxpr, inner_program), (*PIPELINE, *COMPILED))


def inner_program(equation, operands):
    """(the program that an equation runs, its operands), or (None, operands)."""
    name = equation.primitive.name
    if name in CALLS:
        return equation.params[CALLS[name]], operands
    if name == "custom_linear_solve":  # operands: consts of matvec, of solve, of transpose_solve, right-hand sides
        first, second, third = equation.params["consts"]
        return equation.params["solve"], operands[first : first + second] + operands[first + second + third :]
    return None, operands
