"""Forward mode: carries a tangent beside each value.

Relies on core. linearize runs the same interpreter with tangents that are recorded.
"""

from vgrad.core.interpreter import NOT_CONCRETE, Interpreter, Tracer, check_alive, installed, keep_weak, state
from vgrad.core.types import type_of


class JvpTracer(Tracer):
    """A primal and its tangent (None when zero)."""

    __slots__ = ("primal", "tangent")

    def __init__(self, interpreter, primal, tangent):
        self.interpreter = interpreter
        self.primal = primal
        self.tangent = tangent

    @property
    def type(self):
        return type_of(self.primal)

    @property
    def shape(self):
        shape = getattr(self.primal, "shape", None)
        return () if shape is None else shape

    def concrete(self):
        return self.primal.concrete() if isinstance(self.primal, Tracer) else self.primal

    def constant(self):
        return NOT_CONCRETE

    def why_unknown(self):
        return self.primal.why_unknown() if isinstance(self.primal, Tracer) else "carries a derivative"


class Jvp(Interpreter):
    """Runs each operation on primals and its jvp rule on tangents. Values without a tangent are not wrapped."""

    __slots__ = ("tangent_interpreter",)
    name = "jvp"
    program_rule = "jvp"

    def __init__(self, outer):
        super().__init__(outer)
        self.tangent_interpreter = outer

    def process(self, primitive, operands, params):
        primals, tangents, moving = [], [], False
        for operand in operands:
            if isinstance(operand, JvpTracer) and operand.interpreter is self:
                primals.append(operand.primal)
                tangents.append(operand.tangent)
                moving = True
            else:
                if isinstance(operand, Tracer):
                    check_alive(operand)
                primals.append(operand)
                tangents.append(None)
        before = state.interpreter
        try:
            if not moving:
                state.interpreter = self.outer
                return self.outer.process(primitive, primals, params)
            if primitive.holds_programs:
                state.interpreter = self.tangent_interpreter
                rule = getattr(primitive, self.program_rule)
                outputs, output_tangents = rule(primals, tangents, **params)
                return tuple([self.wrap(*pair) for pair in zip(outputs, output_tangents, strict=True)])
            state.interpreter = self.outer
            output = keep_weak(primitive, self.outer.process(primitive, primals, params), primals)
            state.interpreter = self.tangent_interpreter
            tangent = primitive.jvp(output, primals, tangents, **params)
        finally:
            state.interpreter = before
        if primitive.multiple_outputs:
            return tuple([self.wrap(*pair) for pair in zip(output, tangent or [None] * len(output), strict=True)])
        return output if tangent is None else JvpTracer(self, output, tangent)

    def wrap(self, primal, tangent):
        return primal if tangent is None else JvpTracer(self, primal, tangent)

    def unwrap(self, value):
        """(primal, tangent or None) of an output of the function."""
        if isinstance(value, JvpTracer) and value.interpreter is self:
            return value.primal, value.tangent
        check_alive(value)
        return value, None


def jvp(function, primals, tangents):
    """(outputs, output tangents) of a flat function. A tangent may be None (zero); so may an output's."""
    interpreter = Jvp(state.interpreter)
    with installed(interpreter):
        outputs = function(*[interpreter.wrap(*pair) for pair in zip(primals, tangents, strict=True)])
        pairs = [interpreter.unwrap(output) for output in outputs]
    return [primal for primal, _ in pairs], [tangent for _, tangent in pairs]
