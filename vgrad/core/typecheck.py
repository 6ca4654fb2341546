"""Checks a Jaxpr: every variable bound once before its use, every declared type what the type rule gives.

Relies on jaxpr. Run between passes when config.check is set, and in tests.
"""

from vgrad.core.jaxpr import Literal, subprograms


class JaxprError(TypeError):
    """A Jaxpr is not well formed: a transform or pass has a defect."""


def typecheck(jaxpr):
    """Raise JaxprError unless the Jaxpr and all programs inside it are well formed; return it."""
    bound = set()

    def bind(var):
        if var in bound:
            raise JaxprError(f"{var} is bound twice in\n{jaxpr}")
        bound.add(var)

    for var, value in jaxpr.constants:
        bind(var)
        if var.type.shape != value.shape or var.type.dtype != value.dtype:
            raise JaxprError(f"constant {var} holds an array of shape {value.shape} and dtype {value.dtype}")
    for var in jaxpr.inputs:
        bind(var)
    for equation in jaxpr.equations:
        for operand in equation.operands:
            if not isinstance(operand, Literal) and operand not in bound:
                raise JaxprError(f"{equation.primitive} uses {operand} before it is bound in\n{jaxpr}")
        types = equation.primitive.output_type(*[operand.type for operand in equation.operands], **equation.params)
        types = types if equation.primitive.multiple_outputs else (types,)
        declared = tuple([var.type for var in equation.outputs])
        if [(t.shape, t.dtype) for t in types] != [(t.shape, t.dtype) for t in declared]:
            raise JaxprError(
                f"{equation.primitive} gives {list(map(str, types))} but is declared "
                f"{list(map(str, declared))} in\n{jaxpr}"
            )
        for var in equation.outputs:
            bind(var)
        for _, inner in subprograms(equation):
            typecheck(inner)
    for output in jaxpr.outputs:
        if not isinstance(output, Literal) and output not in bound:
            raise JaxprError(f"output {output} is not bound in\n{jaxpr}")
    return jaxpr
