"""Takes concatenations apart: what is done to a flat vector of parts is done to the parts.

Relies on rewrite's stage and the primitives. Per-example gradients are often ravelled to one vector per example. Its
norm is a sum over the parts, and its product with a clip factor is made of products of the parts, so that each part
stays a contraction (see contractions), and no flat vector of them is formed.
"""

from typing import NamedTuple

from vgrad.core.interpreter import EVALUATE
from vgrad.core.jaxpr import Literal
from vgrad.core.types import type_of
from vgrad.passes.contractions import expands
from vgrad.passes.rewrite import Rewriting
from vgrad.primitives.broadcasting import broadcast, permute, reduce_sum, reshape
from vgrad.primitives.contraction import contract, split
from vgrad.primitives.elementwise import add
from vgrad.primitives.shape import concatenate, slice_axis, strided_slice

ELEMENTWISE = {
    "add", "sub", "mul", "div", "neg", "integer_pow", "square", "abs", "convert_element_type", "max", "min",
    "stop_gradient",
}  # fmt: skip
PASSED_ON = {"reshape", "transpose", "mul", "div", "neg", "broadcast_in_dim", "convert_element_type"}


class Parts(NamedTuple):
    """An array in parts along an axis."""

    values: tuple
    axis: int

    @property
    def lengths(self):
        return [type_of(value).shape[self.axis] for value in self.values]


def apart(jaxpr):
    """The program with concatenations of what is best kept as contractions taken apart."""
    concatenations = worthwhile(jaxpr)
    return Apart(concatenations).program(jaxpr) if concatenations else jaxpr


def worthwhile(jaxpr):
    """The concatenations of parts that come from outer products, as per-example gradients do."""
    large, found = set(), set()
    for equation in jaxpr.equations:
        name = equation.primitive.name
        if expands(equation) or (name in PASSED_ON and any([operand in large for operand in equation.operands])):
            large.add(equation.outputs[0])
        elif name == "concatenate" and any([operand in large for operand in equation.operands]):
            if equation.outputs[0].type.shape[equation.params["axis"]] > 1:  # an axis of length 1 may be broadcast
                found.add(equation)
    return found


class Apart(Rewriting):
    """Stages the program anew, with Parts for some values."""

    __slots__ = ("concatenations", "values", "whole")

    def __init__(self, concatenations):
        super().__init__(EVALUATE, {})
        self.concatenations = concatenations
        self.whole = {}

    def run(self, jaxpr, inputs):
        self.values = {**dict(jaxpr.constants), **dict(zip(jaxpr.inputs, inputs))}
        for equation in jaxpr.equations:
            self.current = equation.source
            operands = [self.read(operand) for operand in equation.operands]
            if equation in self.concatenations:
                operands = [self.joined(operand) for operand in operands]
                self.values[equation.outputs[0]] = Parts(tuple(operands), equation.params["axis"])
                continue
            output = None
            if any([isinstance(operand, Parts) for operand in operands]):
                output = self.by_parts(equation, operands)
            if output is None:
                output = self.anew(equation, [self.joined(operand) for operand in operands])
            self.values.update(zip(equation.outputs, output if equation.primitive.multiple_outputs else (output,)))
        return [self.joined(self.read(output)) for output in jaxpr.outputs]

    def read(self, atom):
        return atom.value if isinstance(atom, Literal) else self.values[atom]

    def joined(self, value):
        if not isinstance(value, Parts):
            return value
        if id(value) not in self.whole:
            self.whole[id(value)] = value, concatenate(*value.values, axis=value.axis)
        return self.whole[id(value)][1]

    def by_parts(self, equation, operands):
        """The output, part by part; None if that is not known."""
        name, params = equation.primitive.name, equation.params
        if name in ELEMENTWISE:
            return self.elementwise(equation, operands)
        if name == "contract":
            return self.contraction(operands, params["spec"])
        (parts,) = operands if len(operands) == 1 else (None,)
        if parts is None:
            return None
        if name == "reduce_sum":
            sums = [reduce_sum(value, axes=params["axes"]) for value in parts.values]
            if parts.axis in params["axes"]:
                return total(sums)
            return Parts(tuple(sums), parts.axis - sum([axis < parts.axis for axis in params["axes"]]))
        if name == "transpose":
            axis = params["permutation"].index(parts.axis)
            return Parts(tuple([permute(each, permutation=params["permutation"]) for each in parts.values]), axis)
        if name == "broadcast_in_dim":
            axis, shape = params["axes"][parts.axis], params["shape"]
            shapes = [(*shape[:axis], length, *shape[axis + 1 :]) for length in parts.lengths]
            values = [broadcast(each, shape=own, axes=params["axes"]) for each, own in zip(parts.values, shapes)]
            return Parts(tuple(values), axis)
        if name == "reshape":
            return self.reshaped(parts, equation)
        if name == "slice":
            return self.sliced(parts, **params)
        return None

    def sliced(self, parts, start, stop, step):
        """A slice takes some parts, or some of a part: a vector of gradients that is unravelled is its parts again."""
        if step[parts.axis] != 1:
            return None
        values, before = [], 0
        for value, length in zip(parts.values, parts.lengths):
            first, last = max(start[parts.axis] - before, 0), min(stop[parts.axis] - before, length)
            before += length
            if first < last:
                for axis, bounds in enumerate(zip(start, stop, step)):
                    value = slice_axis(value, axis, *((first, last) if axis == parts.axis else bounds))
                values.append(value)
        return Parts(tuple(values), parts.axis) if len(values) > 1 else values[0] if values else None

    def reshaped(self, parts, equation):
        """Axes of length 1 come or go, and the axes before the parts' may be merged or split."""
        shape, own = equation.params["shape"], equation.operands[0].type.shape
        length = own[parts.axis]
        axis = next((place for place in range(len(shape)) if shape[place:] == own[parts.axis :]), None)
        if axis is None or shape[axis] != length:
            return None
        values = [
            reshape(each, shape=(*shape[:axis], n, *shape[axis + 1 :])) for each, n in zip(parts.values, parts.lengths)
        ]
        return Parts(tuple(values), axis)

    def elementwise(self, equation, operands):
        rank = equation.outputs[0].type.ndim
        from_end = {
            operand.axis - len(type_of(operand.values[0]).shape) for operand in operands if isinstance(operand, Parts)
        }
        lengths = next(operand.lengths for operand in operands if isinstance(operand, Parts))
        if len(from_end) > 1:
            return None
        (place,) = from_end
        cut = [self.cut(operand, place, lengths) for operand in operands]
        if None in cut:
            return None
        values = [equation.primitive(*each, **equation.params) for each in zip(*cut)]
        return Parts(tuple(values), rank + place)

    def cut(self, operand, place, lengths):
        """The parts of an operand for parts of these lengths along the axis `place`, counted from the end."""
        if isinstance(operand, Parts):
            return operand.values if operand.lengths == lengths else None
        shape = type_of(operand).shape
        if len(shape) < -place or shape[place] == 1:
            return [operand] * len(lengths)
        values, start = [], 0
        for length in lengths:
            first, stop = [0] * len(shape), list(shape)
            first[place], stop[place] = start, start + length
            start += length
            values.append(strided_slice(operand, start=tuple(first), stop=tuple(stop), step=(1,) * len(shape)))
        return values

    def contraction(self, operands, spec):
        inputs, output = split(spec)
        names = {own[operand.axis] for own, operand in zip(inputs, operands) if isinstance(operand, Parts)}
        if len(names) > 1:
            return None
        (name,) = names
        lengths = next(operand.lengths for operand in operands if isinstance(operand, Parts))
        cut = []
        for own, operand in zip(inputs, operands):
            if own.count(name) > 1:
                return None
            found = self.cut(operand, own.index(name) - len(own), lengths) if name in own else [operand] * len(lengths)
            if found is None:
                return None
            cut.append(found)
        values = [contract(*each, spec=spec) for each in zip(*cut)]
        return Parts(tuple(values), output.index(name)) if name in output else total(values)


def total(values):
    result = values[0]
    for value in values[1:]:
        result = add(result, value)
    return result
