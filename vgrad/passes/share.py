"""Shares equal equations: the same operation on the same operands is done once.

Relies on core. Before and after: well formed; order kept. Two equations are equal when primitive, params and operands
are; constants that are the same array, and literals of the same value and dtype, are the same operand.
"""

from vgrad.core.jaxpr import Equation, Jaxpr, Literal


def share_equal(jaxpr):
    replacement, known, constants = {}, {}, []

    for var, value in jaxpr.constants:
        first = known.setdefault(id(value), var)
        if first is var:
            constants.append((var, value))
        else:
            replacement[var] = first

    def atom(value):
        return value if isinstance(value, Literal) else replacement.get(value, value)

    equations = []
    for equation in jaxpr.equations:
        operands = tuple([atom(operand) for operand in equation.operands])
        key = key_of(equation.primitive, operands, equation.params)
        first = known.get(key) if key is not None else None
        if first is not None:
            replacement.update(zip(equation.outputs, first.outputs))
            continue
        kept = equation
        if operands != equation.operands:
            kept = Equation(equation.primitive, operands, equation.params, equation.outputs, equation.source)
        equations.append(kept)
        if key is not None:
            known[key] = kept
    return Jaxpr(jaxpr.inputs, equations, [atom(output) for output in jaxpr.outputs], constants)


def key_of(primitive, operands, params):
    """What equal equations have in common; None when a param cannot be hashed."""
    atoms = tuple(
        [
            (repr(operand.value), type(operand.value), operand.type) if isinstance(operand, Literal) else operand
            for operand in operands
        ]
    )
    key = (primitive, atoms, tuple(sorted(params.items(), key=lambda item: item[0])))
    try:
        hash(key)
    except TypeError:
        return None
    return key
