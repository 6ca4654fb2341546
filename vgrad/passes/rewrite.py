"""Rewrites as data: a rule says what is replaced (before), by what (after), when, and why.

Relies on stage. `before` and `after` are ordinary functions of the same arguments; each argument stands for an operand
or for a param. The program is staged again; each equation, as it is recorded, is matched against the rules.
"""

import inspect
from collections import namedtuple

import numpy as np

from vgrad.core.interpreter import EVALUATE, Interpreter, installed, interpreting
from vgrad.core.jaxpr import Literal
from vgrad.core.types import type_of
from vgrad.transforms.stage import Stage, StageTracer

Rewrite = namedtuple("Rewrite", ["name", "before", "after", "when", "why", "example"])
Rewrite.__doc__ = """One rule.

name        a sentence that says it
before      a function of the arguments that applies primitives: the pattern
after       a function of the same arguments: what takes its place
when        a condition on the arguments (operands as traced values or scalars, params as they are), or None
why         what it gains
example     {argument: shape or param} for which the rule applies; the generic test draws operands of these shapes
"""

Node = namedtuple("Node", ["primitive", "operands", "params"])  # an application in a pattern
Hole = namedtuple("Hole", ["name"])  # an argument of the rule


class Pattern(Interpreter):
    """Records the one expression that `before` is."""

    __slots__ = ()
    name = "pattern"

    def process(self, primitive, operands, params):
        return Node(primitive, operands, params)


def pattern_of(rule):
    """(pattern, argument names) of a rule."""
    names = list(inspect.signature(rule.before).parameters)
    with interpreting(Pattern(EVALUATE)):
        return rule.before(*[Hole(name) for name in names]), names


class Rewriting(Stage):
    """Stages a program; equations that match a rule are replaced by what the rule gives."""

    __slots__ = ("rules", "definitions", "current")

    def __init__(self, outer, rules):
        super().__init__(outer)
        self.rules = rules  # primitive -> [(rule, pattern, names)]
        self.definitions = {}  # Var -> its Equation
        self.current = None  # the source of the equation that is being recorded anew

    def source(self):
        return self.current

    def run(self, jaxpr, inputs):
        """The outputs of the program; what takes an equation's place keeps its source."""
        values = {**dict(jaxpr.constants), **dict(zip(jaxpr.inputs, inputs))}

        def read(atom):
            return atom.value if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.equations:
            self.current = equation.source
            output = self.process(equation.primitive, [read(operand) for operand in equation.operands], equation.params)
            values.update(zip(equation.outputs, output if equation.primitive.multiple_outputs else (output,)))
        return [read(output) for output in jaxpr.outputs]

    def process(self, primitive, operands, params):
        for rule, pattern, names in self.rules.get(primitive, ()):
            found = {}
            if not self.match_node(pattern, operands, params, found):
                continue
            arguments = [found[name] for name in names]
            if rule.when is not None and not rule.when(*arguments):
                continue
            output = rule.after(*arguments)
            wanted = primitive.output_type(*[type_of(operand) for operand in operands], **params)
            given = type_of(output)
            if (given.shape, given.dtype) == (wanted.shape, wanted.dtype):
                return output
        count = len(self.equations)
        outputs = super().process(primitive, operands, params)
        for equation in self.equations[count:]:
            self.definitions.update(dict.fromkeys(equation.outputs, equation))
        return outputs

    def match_node(self, pattern, operands, params, found):
        if len(pattern.operands) != len(operands) or pattern.params.keys() != params.keys():
            return False
        for name, part in pattern.params.items():
            if not bind(part, params[name], found) if isinstance(part, Hole) else part != params[name]:
                return False
        return all([self.match(part, operand, found) for part, operand in zip(pattern.operands, operands)])

    def match(self, part, value, found):
        if isinstance(part, Hole):
            return bind(part, value, found)
        if not isinstance(part, Node):  # a number in the pattern
            return is_number(value, part)
        if not (isinstance(value, StageTracer) and value.interpreter is self):
            return False
        equation = self.definitions.get(value.atom)
        if equation is None or equation.primitive is not part.primitive:
            return False
        operands = [self.value_of(atom) for atom in equation.operands]
        return self.match_node(part, operands, equation.params, found)

    def value_of(self, atom):
        return atom.value if isinstance(atom, Literal) else StageTracer(self, atom)


def is_number(value, number):
    """Whether the value is that number, or an array that spreads it (the rule's result is checked to have its type)."""
    if isinstance(value, np.ndarray) and value.size and not any(value.strides):
        value = value.flat[0]
    return not isinstance(value, StageTracer) and np.ndim(value) == 0 and bool(value == number)


def bind(hole, value, found):
    """Bind the hole, or check that it is bound to the same already."""
    if hole.name not in found:
        found[hole.name] = value
        return True
    other = found[hole.name]
    if isinstance(value, StageTracer):
        return isinstance(other, StageTracer) and other.atom is value.atom
    return other is value


def with_rules(rules):
    """The pass that applies these rules until none applies."""
    table = {}
    for rule in rules:
        pattern, names = pattern_of(rule)
        table.setdefault(pattern.primitive, []).append((rule, pattern, names))

    def simplify(jaxpr):
        rewriting = Rewriting(EVALUATE, table)
        inputs = [rewriting.input(type_) for type_ in jaxpr.input_types]
        with installed(rewriting):
            outputs = rewriting.run(jaxpr, inputs)
            result, outer_values = rewriting.finish(inputs, outputs)
        assert not outer_values, "a program under simplification closes over a tracer"
        return result

    return simplify
