"""Rewrites as data: a rule says what is replaced (before), by what (after), when, and why.

Relies on stage. `before` and `after` are ordinary functions of the same arguments; each argument stands for an operand
or for a param. The program is staged again; each equation, as it is recorded, is matched against the rules.
"""

import inspect
from collections import namedtuple

import numpy as np

from vgrad.core.interpreter import EVALUATE, Interpreter, installed, interpreting
from vgrad.core.jaxpr import Equation, Literal
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

    __slots__ = ("rules", "definitions", "current", "given")

    def __init__(self, outer, rules):
        super().__init__(outer)
        self.given = {}  # id of a constant of the program -> (its Var, the array): they are not copied again
        self.rules = rules  # primitive -> [(rule, pattern, names)]
        self.definitions = {}  # Var -> its Equation
        self.current = None  # the source of the equation that is being recorded anew

    def source(self):
        return self.current

    def program(self, jaxpr):
        """The program, rewritten."""
        self.given = {id(array): (var, array) for var, array in jaxpr.constants}
        inputs = [self.input(type_) for type_ in jaxpr.input_types]
        with installed(self):
            result, outer_values = self.finish(inputs, self.run(jaxpr, inputs))
        assert not outer_values, "a program under simplification closes over a tracer"
        return result

    def run(self, jaxpr, inputs):
        """The outputs of the program; what takes an equation's place keeps its source."""
        values = {**dict(jaxpr.constants), **dict(zip(jaxpr.inputs, inputs))}

        def read(atom):
            return atom.value if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.equations:
            self.current = equation.source
            output = self.anew(equation, [read(operand) for operand in equation.operands])
            values.update(zip(equation.outputs, output if equation.primitive.multiple_outputs else (output,)))
        return [read(output) for output in jaxpr.outputs]

    def constant(self, value):
        if id(value) not in self.given or not any(value.strides):
            return super().constant(value)
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.constants)
            self.constants.append((*self.given[id(value)], value))
        return self.given[id(value)][0]

    def anew(self, equation, operands):
        """Process an equation of the program on what its operands have become."""
        primitive, params = equation.primitive, equation.params
        output = self.rewritten(primitive, operands, params)
        if output is not None:
            return output
        if not any([isinstance(operand, StageTracer) for operand in operands]):
            return self.recorded(primitive, operands, params)  # known values: it is done now
        atoms = tuple(
            [
                before if isinstance(before, Literal) else self.atom(operand)
                for before, operand in zip(equation.operands, operands)
            ]
        )
        if any([atom.type != before.type for atom, before in zip(atoms, equation.operands)]):
            return self.recorded(primitive, operands, params)
        if atoms != equation.operands:
            equation = Equation(primitive, atoms, params, equation.outputs, equation.source)
        self.equations.append(equation)
        self.definitions.update(dict.fromkeys(equation.outputs, equation))
        tracers = tuple([StageTracer(self, var) for var in equation.outputs])
        return tracers if primitive.multiple_outputs else tracers[0]

    def process(self, primitive, operands, params):
        output = self.rewritten(primitive, operands, params)
        return self.recorded(primitive, operands, params) if output is None else output

    def rewritten(self, primitive, operands, params):
        """What the first rule that matches gives, or None."""
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
        return None

    def recorded(self, primitive, operands, params):
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

    return lambda jaxpr: Rewriting(EVALUATE, table).program(jaxpr)
