"""Prints Jaxprs: one equation a line, names in order of appearance, unused outputs `_`.

Relies on jaxpr. The text is stable and golden-tested.
"""

import numpy as np

from vgrad.core import jaxpr as jaxpr_module
from vgrad.core.jaxpr import Jaxpr, Literal, subprograms


def letters(number):
    """0 -> a, 25 -> z, 26 -> ba, as JAX counts."""
    name = ""
    while True:
        number, digit = divmod(number, 26)
        name = chr(ord("a") + digit) + name
        if not number:
            return name


class Names:
    def __init__(self, used):
        self.used = used
        self.names = {}

    def __call__(self, var):
        if var not in self.names:
            self.names[var] = letters(len(self.names))
        return self.names[var]

    def bind(self, var):
        name = self(var) if var in self.used else "_"
        return f"{name}:{var.type}"


def used_vars(jaxpr):
    used = {atom for equation in jaxpr.equations for atom in equation.operands if not isinstance(atom, Literal)}
    return used | {atom for atom in jaxpr.outputs if not isinstance(atom, Literal)}


def show_literal(value):
    if isinstance(value, np.generic):
        value = value.item()
    return repr(value)


def show_param(value, indent):
    if isinstance(value, Jaxpr):
        return show(value, indent + "    ")
    if isinstance(value, tuple) and any(isinstance(item, Jaxpr) for item in value):
        return "(" + ", ".join(show_param(item, indent) for item in value) + ")"
    if isinstance(value, np.dtype):
        return value.name
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return str(value)


def show(jaxpr, indent="", sources=False):
    """Text of a Jaxpr; `sources` adds the user's line to each equation."""
    names = Names(used_vars(jaxpr) | set(jaxpr.inputs) | {var for var, _ in jaxpr.constants})

    def atom(value):
        return show_literal(value.value) if isinstance(value, Literal) else names(value)

    constants = " ".join(names.bind(var) for var, _ in jaxpr.constants)
    inputs = " ".join(names.bind(var) for var in jaxpr.inputs)
    head = f"{{ lambda {constants}; {inputs}. let" if constants else f"{{ lambda ; {inputs}. let"
    lines = []
    for number, equation in enumerate(jaxpr.equations):
        params = " ".join(
            f"{name}={show_param(value, indent + '    ')}"
            for name, value in sorted(equation.params.items())
            if value is not None
        )
        operands = " ".join(atom(operand) for operand in equation.operands)
        outputs = " ".join(names.bind(var) for var in equation.outputs)
        line = f"{outputs} = {equation.primitive.name}{f'[{params}]' if params else ''} {operands}".rstrip()
        line += ";" if number < len(jaxpr.equations) - 1 else ""
        if sources and equation.source:
            line += f"  # {jaxpr_source(equation)}"
        lines.append(f"{indent}    {line}")
    outputs = ", ".join(atom(output) for output in jaxpr.outputs) + ("," if len(jaxpr.outputs) == 1 else "")
    return "\n".join([head, *lines, f"{indent}  in ({outputs}) }}"])


def jaxpr_source(equation):
    from_file, line = equation.source
    return f"{from_file.rsplit('/', 1)[-1]}:{line}"


def summary(jaxpr):
    """Equations per primitive, programs inside counted with them."""
    counts = {}

    def count(program):
        for equation in program.equations:
            counts[equation.primitive.name] = counts.get(equation.primitive.name, 0) + 1
            for _, inner in subprograms(equation):
                count(inner)

    count(jaxpr)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


jaxpr_module.PRINT = show
