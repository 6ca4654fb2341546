"""Prepares a Jaxpr for the compiler: opens everything that is a call, then simplifies.

Relies on passes.
"""

from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var
from vgrad.passes.pipeline import simplified

# Operations that run one of the programs they hold, and the name of that param. Their other params are rules for
# transformations, which are over when a program is compiled.
CALLS = {
    "jit": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "function",
    "custom_vjp_call": "function",
    "custom_vmap_call": "function",
}


def opened(jaxpr):
    """The program with all calls replaced by what they run, simplified; kept with the Jaxpr."""
    return jaxpr.derived("opened", lambda: simplified(open_calls(jaxpr)))


def open_calls(jaxpr):
    equations, constants = [], list(jaxpr.constants)

    def open_program(program, environment):
        def atom(value):
            return value if isinstance(value, Literal) else environment.get(value, value)

        for equation in program.equations:
            operands = [atom(operand) for operand in equation.operands]
            inner, operands = inner_program(equation, operands)
            if inner is None:
                outputs = [Var(var.type) for var in equation.outputs]
                equations.append(Equation(equation.primitive, operands, equation.params, outputs, equation.source))
            else:
                inner_environment = dict(zip(inner.inputs, operands))
                for var, value in inner.constants:
                    inner_environment[var] = Var(var.type)  # the program may be called twice
                    constants.append((inner_environment[var], value))
                outputs = open_program(inner, inner_environment)
            environment.update(zip(equation.outputs, outputs))
        return [atom(output) for output in program.outputs]

    outputs = open_program(jaxpr, {})
    return Jaxpr(jaxpr.inputs, equations, outputs, constants)


def inner_program(equation, operands):
    """(the program that an equation runs, its operands), or (None, operands)."""
    name = equation.primitive.name
    if name in CALLS:
        return equation.params[CALLS[name]], operands
    if name == "custom_linear_solve":  # operands: consts of matvec, of solve, of transpose_solve, right-hand sides
        first, second, third = equation.params["consts"]
        return equation.params["solve"], operands[first : first + second] + operands[first + second + third :]
    return None, operands
