"""vmap: carries a mapped axis through each operation.

Relies on core, and on the primitives that move and make an axis.
"""

from collections import namedtuple

from vgrad.core.interpreter import NOT_CONCRETE, Interpreter, Tracer, check_alive, installed, keep_weak, state
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast, move_axis

MappedAxis = namedtuple("MappedAxis", ["name", "size"])  # name is None for an axis without one


class BatchTracer(Tracer):
    """A value with a mapped axis, or with none (axis None): then it is the same for all examples."""

    __slots__ = ("value", "axis")

    def __init__(self, interpreter, value, axis):
        self.interpreter = interpreter
        self.value = value
        self.axis = axis

    @property
    def type(self):
        type_ = type_of(self.value)
        if self.axis is None:
            return type_
        return ArrayType(type_.shape[: self.axis] + type_.shape[self.axis + 1 :], type_.dtype)

    def concrete(self):
        if self.axis is not None:
            return NOT_CONCRETE
        return self.value.concrete() if isinstance(self.value, Tracer) else self.value

    def constant(self):
        if self.axis is not None:
            return NOT_CONCRETE
        return self.value.constant() if isinstance(self.value, Tracer) else self.value

    def why_unknown(self):
        if self.axis is None and isinstance(self.value, Tracer):
            return self.value.why_unknown()
        return "differs from example to example under vmap"


class Batch(Interpreter):
    """Runs each operation once for all examples, by its batch rule."""

    __slots__ = ("axis",)
    name = "vmap"

    def __init__(self, outer, axis):
        super().__init__(outer)
        self.axis = axis

    def axis_size(self, axis_name):
        return self.axis.size if axis_name == self.axis.name else self.outer.axis_size(axis_name)

    def named_axes(self):
        own = () if self.axis.name is None else (self.axis,)
        return own + self.outer.named_axes()

    def process(self, primitive, operands, params):
        values, axes, own, mapped = [], [], False, False
        for operand in operands:
            if isinstance(operand, BatchTracer) and operand.interpreter is self:
                own = True
                mapped = mapped or operand.axis is not None
                values.append(operand.value)
                axes.append(operand.axis)
            else:
                if isinstance(operand, Tracer):
                    check_alive(operand)
                values.append(operand)
                axes.append(None)
        before, state.interpreter = state.interpreter, self.outer
        try:
            if primitive.collective is not None and params["axis_name"] == self.axis.name:
                output, axis = primitive.collective(self.axis, values, axes, **params)
                return BatchTracer(self, output, axis)
            # a program without mapped operands may still ask for the named axis
            if not mapped and (self.axis.name is None or not primitive.holds_programs):
                output = keep_weak(primitive, self.outer.process(primitive, values, params), values)
                if not own:
                    return output
                axis = (None,) * len(output) if primitive.multiple_outputs else None
            elif primitive.holds_programs:
                output, axis = primitive.batch(self.axis, values, axes, **params)
            else:
                output, axis = primitive.batch(values, axes, **params)
        except ShapeError:
            # for the user the shapes are those of one example: the type rule names them
            if not primitive.holds_programs:
                primitive.output_type(*[type_of(operand) for operand in operands], **params)
            raise
        finally:
            state.interpreter = before
        if primitive.multiple_outputs:
            return tuple([BatchTracer(self, *pair) for pair in zip(output, axis, strict=True)])
        return BatchTracer(self, output, axis)

    def wrap(self, value, axis):
        return BatchTracer(self, value, axis)

    def unwrap(self, value):
        """(value, mapped axis or None) of an output of the function."""
        if isinstance(value, BatchTracer) and value.interpreter is self:
            return value.value, value.axis
        check_alive(value)
        return value, None


def batch(function, axis, operands, mapped_axes):
    """(outputs, mapped axes) of a flat function run once for all examples; axis is a MappedAxis."""
    interpreter = Batch(state.interpreter, axis)
    with installed(interpreter):
        outputs = function(*[interpreter.wrap(*pair) for pair in zip(operands, mapped_axes, strict=True)])
        pairs = [interpreter.unwrap(output) for output in outputs]
    return [value for value, _ in pairs], [mapped for _, mapped in pairs]


def materialize(value, mapped_axis, destination, size):
    """The value with its mapped axis at `destination`; spread over the axis if it has none."""
    if mapped_axis is not None:
        return move_axis(value, mapped_axis, destination)
    type_ = type_of(value)
    kept = tuple([axis for axis in range(type_.ndim + 1) if axis != destination])
    shape = type_.shape[:destination] + (size,) + type_.shape[destination:]
    return broadcast(value, shape=shape, axes=kept)
