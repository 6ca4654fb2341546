"""Linearize: run a function once, keep the linear program of its tangents.

Relies on jvp. The tangents of forward mode are recorded on a tape of linear equations instead of computed;
the tape can be run forward (linearize) or backward (transpose).
"""

import numpy as np

from vgrad.core.interpreter import Interpreter, Tracer, check_alive, installed, leaked, state
from vgrad.core.types import type_of, zeros
from vgrad.transforms.jvp import Jvp


class LinearTracer(Tracer):
    """A tangent that is not computed: the output of an equation on the tape, or an input."""

    __slots__ = ("known_type",)

    def __init__(self, interpreter, type_):
        self.interpreter = interpreter
        self.known_type = type_

    @property
    def type(self):
        return self.known_type


class LinearEquation:
    """outputs = primitive[params] operands, linear in the operands that are LinearTracers."""

    __slots__ = ("primitive", "operands", "params", "outputs")

    def __init__(self, primitive, operands, params):
        self.primitive = primitive
        self.operands = operands
        self.params = params


class Tape(Interpreter):
    """Records operations on LinearTracers; all others run under the interpreter outside.

    equations   in order, until `take` ends the recording. Then the tape forgets them: tracers refer to their tape, and
                a circle would keep all residuals in memory until Python's garbage collector comes by.
    foreign     the user's own arrays among the operands of the operation that is being differentiated
    copies      of those that equations refer to, by identity
    """

    __slots__ = ("equations", "foreign", "copies")
    name = "linearize"

    def __init__(self, outer):
        super().__init__(outer)
        self.equations = []
        self.foreign = ()
        self.copies = {}

    def take(self):
        """The equations; nothing more can be recorded."""
        equations, self.equations = self.equations, None
        self.foreign, self.copies = (), {}
        return equations

    def own(self, operand):
        """The operand, copied if it shares memory with an array of the user's, who may change it before it is used."""
        if not isinstance(operand, np.ndarray) or not any([np.may_share_memory(operand, a) for a in self.foreign]):
            return operand
        key = (id(operand), operand.shape, operand.strides)
        known = self.copies.get(key)
        if known is None or not np.array_equal(known[1], operand, equal_nan=operand.dtype.kind in "fc"):
            known = self.copies[key] = (operand, operand.copy())  # the original is kept so that its id stays its own
        return known[1]

    def input(self, type_):
        return LinearTracer(self, type_)

    def process(self, primitive, operands, params):
        for operand in operands:
            if isinstance(operand, LinearTracer) and operand.interpreter is self:
                break
        else:
            for operand in operands:
                check_alive(operand)
            before, state.interpreter = state.interpreter, self.outer
            try:
                return self.outer.process(primitive, operands, params)
            finally:
                state.interpreter = before
        if self.equations is None:
            raise leaked(operand)
        if primitive.reach is not None:
            flags = tuple([self.is_linear(operand) for operand in operands])
            if not all(primitive.reach(flags, **params)):
                return self.separate(primitive, operands, flags, params)
        types = primitive.output_type(*[type_of(operand) for operand in operands], **params)
        if self.foreign:
            operands = [self.own(operand) for operand in operands]
        equation = LinearEquation(primitive, operands, params)
        self.equations.append(equation)
        if primitive.multiple_outputs:
            equation.outputs = tuple([LinearTracer(self, type_) for type_ in types])
            return equation.outputs
        output = LinearTracer(self, types)
        equation.outputs = (output,)
        return output

    def separate(self, primitive, operands, flags, params):
        """Outputs of an operation that holds programs, some of which do not depend on the linear operands.

        Its linearization, at zero, runs what is known now and leaves only what is linear on the tape.
        """
        primals = [zeros(type_of(operand)) if flag else operand for operand, flag in zip(operands, flags)]
        tangents = [operand if flag else None for operand, flag in zip(operands, flags)]
        outputs, output_tangents = primitive.linearize(primals, tangents, **params)
        return tuple([o if t is None else t for o, t in zip(outputs, output_tangents, strict=True)])

    def is_linear(self, value):
        return isinstance(value, LinearTracer) and value.interpreter is self


class Linearize(Jvp):
    """Forward mode whose tangents go on a tape."""

    __slots__ = ("tape",)
    name = "grad"
    program_rule = "linearize"

    def __init__(self, outer):
        super().__init__(outer)
        self.tape = Tape(outer)
        self.tangent_interpreter = self.tape

    def process(self, primitive, operands, params):
        self.tape.foreign = [operand for operand in operands if isinstance(operand, np.ndarray)]
        return super().process(primitive, operands, params)


class Linear:
    """The linear program that linearize leaves: from tangents of the inputs to tangents of the outputs.

    tape        what its tracers belong to
    equations   in order
    inputs      LinearTracers, or None for inputs that are not differentiated
    outputs     LinearTracers, or None for tangents that are zero
    """

    __slots__ = ("tape", "equations", "inputs", "outputs")

    def __init__(self, tape, inputs, outputs):
        self.tape = tape
        self.equations = tape.take()
        self.inputs = inputs
        self.outputs = outputs

    def __call__(self, tangents, substitute=lambda value: value):
        """Tangents of the outputs (None where zero), under the current interpreter.

        tangents    one per input; None for zero or for an input that is not differentiated
        substitute  replaces each known operand, for making a program of the tape
        """
        values = {
            id(tracer): tangent for tracer, tangent in zip(self.inputs, tangents, strict=True) if tracer is not None
        }
        for tracer in self.inputs:
            if tracer is not None and values[id(tracer)] is None:
                values[id(tracer)] = zeros(tracer.type)
        is_linear = self.tape.is_linear
        for equation in self.equations:
            operands = [
                values[id(operand)] if is_linear(operand) else substitute(operand) for operand in equation.operands
            ]
            outputs = equation.primitive(*operands, **equation.params)
            for tracer, value in zip(equation.outputs, outputs if equation.primitive.multiple_outputs else (outputs,)):
                values[id(tracer)] = value
        return [None if tracer is None else values[id(tracer)] for tracer in self.outputs]

    def residuals(self):
        """The known operands of the tape: tracers and arrays, each once."""
        found = {}
        for equation in self.equations:
            for operand in equation.operands:
                if not self.tape.is_linear(operand):
                    found[id(operand)] = operand
        return list(found.values())


def linearize(function, primals, active):
    """(outputs, Linear) of a flat function; `active` says which inputs are differentiated."""
    interpreter = Linearize(state.interpreter)
    inputs = [
        interpreter.tape.input(type_of(primal)) if moving else None
        for primal, moving in zip(primals, active, strict=True)
    ]
    with installed(interpreter):
        outputs = function(*[interpreter.wrap(*pair) for pair in zip(primals, inputs)])
        pairs = [interpreter.unwrap(output) for output in outputs]
    # a tangent that is known does not depend on those of the inputs, so it is zero: a custom rule filled it in
    tangents = [tangent if interpreter.tape.is_linear(tangent) else None for _, tangent in pairs]
    return [primal for primal, _ in pairs], Linear(interpreter.tape, inputs, tangents)
