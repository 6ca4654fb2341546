"""Opens calls: the equations of a jit call take the place of the call.

Relies on core. Before: programs may call programs. After: no `jit` equation is left, so that the other passes see
across calls. checkpoint stays closed: sharing its equations with the first run would undo it.
"""

from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var


def inline_calls(jaxpr):
    return jaxpr if not any([is_call(equation) for equation in jaxpr.equations]) else opened(jaxpr, called)


def is_call(equation):
    return equation.primitive.name == "jit"


def called(equation, operands):
    return (equation.params["jaxpr"] if is_call(equation) else None), operands


def opened(jaxpr, inner_program):
    """The program with what equations run in their place, also inside what they run.

    inner_program   (equation, operands) -> (the program it runs, that program's operands), or (None, operands)
    """
    if all([inner_program(equation, equation.operands)[0] is None for equation in jaxpr.equations]):
        return jaxpr
    equations, constants = [], list(jaxpr.constants)

    def open_program(program, environment):
        """Append the equations of `program`; `environment` maps its variables to atoms of the new program."""

        def atom(value):
            return value if isinstance(value, Literal) else environment.get(value, value)

        for equation in program.equations:
            inner, operands = inner_program(equation, [atom(operand) for operand in equation.operands])
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
