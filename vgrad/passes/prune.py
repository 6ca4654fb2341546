"""Drops equations and constants that no output needs.

Relies on core. Before and after: well formed; order kept.
"""

from vgrad.core.jaxpr import Jaxpr, Literal


def drop_unused(jaxpr):
    needed = {output for output in jaxpr.outputs if not isinstance(output, Literal)}
    kept = []
    for equation in reversed(jaxpr.equations):
        if any([var in needed for var in equation.outputs]):
            kept.append(equation)
            needed.update([operand for operand in equation.operands if not isinstance(operand, Literal)])
    constants = [(var, value) for var, value in jaxpr.constants if var in needed]
    return Jaxpr(jaxpr.inputs, reversed(kept), jaxpr.outputs, constants)
