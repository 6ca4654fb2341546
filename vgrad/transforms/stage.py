"""Traces a function to a Jaxpr.

Relies on core. Operations on traced values are recorded; operations on known values alone are done at once,
under the interpreter outside.
"""

import numpy as np

from vgrad.core.interpreter import Interpreter, Tracer, check_alive, installed, state
from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var
from vgrad.core.primitive import Expression
from vgrad.core.types import PYTHON_SCALARS, ArrayType, type_of
from vgrad.primitives.broadcasting import broadcast
from vgrad.source import user_frame


class StageTracer(Tracer):
    __slots__ = ("atom",)

    def __init__(self, interpreter, atom):
        self.interpreter = interpreter
        self.atom = atom

    @property
    def type(self):
        return self.atom.type


def is_spread(value):
    """Whether the value is one number spread over an array."""
    return isinstance(value, np.ndarray) and value.size > 1 and not any(value.strides)


class Stage(Interpreter):
    """Records equations. `constants` lists the known arrays and outer tracers that the equations use.

    numbers     id of an array -> its place in `constants`; an array that was changed since has two places
    """

    __slots__ = ("equations", "constants", "numbers")
    name = "jit"

    def __init__(self, outer):
        super().__init__(outer)
        self.equations = []
        self.constants = []
        self.numbers = {}

    def input(self, type_):
        return StageTracer(self, Var(type_))

    def source(self):
        """The user's line that an equation recorded now comes from."""
        return user_frame()

    def process(self, primitive, operands, params):
        if primitive.collective is not None:
            self.axis_size(params["axis_name"])
        elif not any([isinstance(operand, StageTracer) and operand.interpreter is self for operand in operands]):
            for operand in operands:
                check_alive(operand)
            before, state.interpreter = state.interpreter, self.outer
            try:
                return self.known(primitive, operands, params)
            finally:
                state.interpreter = before
        if primitive.close is not None:
            operands, params = primitive.close(operands, params)
        if primitive.prepare is not None:
            operands = primitive.prepare(*operands, **params)
        atoms = [self.atom(operand) for operand in operands]
        types = primitive.output_type(*[atom.type for atom in atoms], **params)
        outputs = [Var(type_) for type_ in (types if primitive.multiple_outputs else (types,))]
        self.equations.append(Equation(primitive, atoms, params, outputs, self.source()))
        tracers = tuple([StageTracer(self, var) for var in outputs])
        return tracers if primitive.multiple_outputs else tracers[0]

    def known(self, primitive, operands, params):
        """An operation on known values. Elementwise ones of numbers spread over arrays, as cotangents of sums are, are
        done on the numbers: the program need not hold an array."""
        if isinstance(primitive.lower, Expression) and any([is_spread(operand) for operand in operands]):
            if all([is_spread(operand) or np.ndim(operand) == 0 for operand in operands]):
                numbers = [operand.flat[0] if is_spread(operand) else operand for operand in operands]
                shape = primitive.output_type(*[type_of(operand) for operand in operands], **params).shape
                return np.broadcast_to(self.outer.process(primitive, numbers, params), shape)
        return self.outer.process(primitive, operands, params)

    def atom(self, value):
        """The Var or Literal that stands for a value in this program."""
        if isinstance(value, StageTracer) and value.interpreter is self:
            return value.atom
        check_alive(value)
        if type(value) in PYTHON_SCALARS or isinstance(value, np.generic):
            return Literal(value)
        if isinstance(value, np.ndarray) and value.shape == ():
            return Literal(value[()])
        return self.constant(value)

    def constant(self, value):
        if is_spread(value):
            return self.spread(value)
        number = self.numbers.get(id(value))
        if number is not None:
            var, held, _ = self.constants[number]
            if held is value or np.array_equal(held, value, equal_nan=value.dtype.kind in "fc"):
                return var
        var = Var(type_of(value))
        held = value
        if isinstance(value, np.ndarray):  # the program must not change when the user's array does
            held = np.array(value, copy=True, subok=False)
            held.flags.writeable = False
        self.numbers[id(value)] = len(self.constants)
        self.constants.append((var, held, value))  # the original is kept alive so that its id stays its own
        return var

    def spread(self, value):
        """One number spread over an array, as the cotangent of a sum is: an equation, not an array in the program."""
        output = Var(type_of(value))
        params = {"shape": value.shape, "axes": ()}
        self.equations.append(Equation(broadcast, [Literal(value.flat[0])], params, [output], self.source()))
        return output

    def finish(self, inputs, outputs):
        """The Jaxpr from `inputs` (tracers of this stage) to `outputs` (any values), and its constants' values.

        Constants that are tracers of an outer transform stay out of the Jaxpr: they become leading inputs, and their
        values come back beside it.
        """
        atoms = [self.atom(output) for output in outputs]
        traced = [(var, value) for var, value, _ in self.constants if isinstance(value, Tracer)]
        arrays = [(var, value) for var, value, _ in self.constants if not isinstance(value, Tracer)]
        inputs = [var for var, _ in traced] + [tracer.atom for tracer in inputs]
        return Jaxpr(inputs, self.equations, atoms, arrays), [value for _, value in traced]


def stage(function, types):
    """(jaxpr, values): the program of a flat `function` on inputs of these types, for use inside other programs.

    function    takes one tracer per type, returns a list of values
    jaxpr       takes len(values) leading inputs, the outer tracers that the function closes over, then one per type
    """
    stager = Stage(state.interpreter)
    inputs = [stager.input(type_ if isinstance(type_, ArrayType) else type_of(type_)) for type_ in types]
    with installed(stager):
        outputs = function(*inputs)
        return stager.finish(inputs, outputs)
