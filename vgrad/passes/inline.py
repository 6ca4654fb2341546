"""Opens calls: the equations of a jit call take the place of the call.

Relies on core. Before: programs may call programs. After: no `jit` equation is left, so that the other passes see
across calls. checkpoint stays closed: sharing its equations with the first run would undo it.
"""

from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var


def inline_calls(jaxpr):
    if not any([equation.primitive.name == "jit" for equation in jaxpr.equations]):
        return jaxpr
    equations, constants = [], list(jaxpr.constants)

    def open_program(program, environment):
        """Append the equations of `program`; `environment` maps its variables to atoms of the new program."""

        def atom(value):
            return value if isinstance(value, Literal) else environment.get(value, value)

        for equation in program.equations:
            operands = [atom(operand) for operand in equation.operands]
            if equation.primitive.name == "jit":
                inner = equation.params["jaxpr"]
                inner_environment = dict(zip(inner.inputs, operands))
                for var, value in inner.constants:
                    inner_environment[var] = Var(var.type)  # the program may be called twice
                    constants.append((inner_environment[var], value))
                outputs = open_program(inner, inner_environment)
                environment.update(zip(equation.outputs, outputs))
                continue
            outputs = [Var(var.type) for var in equation.outputs]
            environment.update(zip(equation.outputs, outputs))
            equations.append(Equation(equation.primitive, operands, equation.params, outputs, equation.source))
        return [atom(output) for output in program.outputs]

    outputs = open_program(jaxpr, {})
    return Jaxpr(jaxpr.inputs, equations, outputs, constants)
