"""Takes concatenations apart: what is done to a flat vector of parts is done to the parts.

Relies on rewrite's stage and the primitives. Per-example gradients are often ravelled to one vector per example. Its
norm is a sum over the parts, and its product with a clip factor is made of products of the parts, so that each part
stays a contraction (see contractions), and no flat vector of them is formed. Gradients of an array of which slices are
used (one matrix for queries, keys and values; stacked layers) are sums of zeros around parts, and so of parts too.
"""

import functools
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from vgrad.core.interpreter import EVALUATE
from vgrad.core.jaxpr import Literal
from vgrad.core.types import type_of
from vgrad.passes.contractions import expands, is_zero
from vgrad.passes.rewrite import Rewriting
from vgrad.primitives.broadcasting import broadcast, permute, reduce_sum, reshape
from vgrad.primitives.contraction import contract, split
from vgrad.primitives.elementwise import add
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.transforms.stage import StageTracer

ELEMENTWISE = {
    "add", "sub", "mul", "div", "neg", "integer_pow", "square", "abs", "convert_element_type", "max", "min",
    "stop_gradient",
}  # fmt: skip
PASSED_ON = {"add", "reshape", "transpose", "mul", "div", "neg", "broadcast_in_dim", "convert_element_type"}


class Parts(NamedTuple):
    """An array in parts along an axis."""

    values: tuple
    axis: int

    @property
    def lengths(self):
        return [type_of(value).shape[self.axis] for value in self.values]


def apart(jaxpr):
    """The program with concatenations of what is best kept as contractions taken apart."""
    found = worthwhile(jaxpr)
    return Apart(found).program(jaxpr) if found else jaxpr


def worthwhile(jaxpr):
    """{equation: axis} of concatenations and pads of what comes from outer products, as per-example gradients do."""
    large, found, pads = set(), {}, {}
    for equation in jaxpr.equations:
        name, output = equation.primitive.name, equation.outputs[0]
        from_large = any([operand in large for operand in equation.operands])
        if expands(equation) or (name in PASSED_ON and from_large):
            large.add(output)
        elif name in ("concatenate", "pad"):
            axis = equation.params["axis"] if name == "concatenate" else padded_axis(equation)
            if axis is None or output.type.shape[axis] == 1:  # an axis of length 1 may be broadcast
                continue
            if name == "pad":
                pads[equation] = axis
            if from_large:
                found[equation] = axis
    places = {(equation.outputs[0].type.shape, axis) for equation, axis in found.items() if equation in pads}
    return found | {pad: axis for pad, axis in pads.items() if (pad.outputs[0].type.shape, axis) in places}


def padded_axis(equation):
    """The axis along which zeros are put before and after an array; None if the pad does anything else."""
    axes = [axis for axis, width in enumerate(equation.params["widths"]) if any(width)]
    if len(axes) != 1 or not is_zero(equation.operands[1], {}):
        return None
    low, high, interior = equation.params["widths"][axes[0]]
    return axes[0] if low >= 0 <= high and interior == 0 else None


def zeros(shape, dtype):
    """Zeros that take no memory: the program need not hold them."""
    return np.broadcast_to(dtype.type(0), shape)


def is_zeros(value):
    return isinstance(value, np.ndarray) and not any(value.strides) and value.size > 0 and value.flat[0] == 0


class Apart(Rewriting):
    """Stages the program anew, with Parts for some values.

    found       {equation: axis}, what is taken apart
    whole       id of Parts -> (the Parts, a function that makes one array of them)
    """

    __slots__ = ("found", "values", "whole")

    def __init__(self, found):
        super().__init__(EVALUATE, {})
        self.found = found
        self.whole = {}

    def run(self, jaxpr, inputs):
        self.values = {**dict(jaxpr.constants), **dict(zip(jaxpr.inputs, inputs))}
        for equation in jaxpr.equations:
            self.current = equation.source
            operands = [self.read(operand) for operand in equation.operands]
            if equation in self.found:
                operands = [self.joined(operand) for operand in operands]
                parts = self.parts(equation, operands)
                self.whole[id(parts)] = parts, functools.cache(functools.partial(self.anew, equation, operands))
                self.values[equation.outputs[0]] = parts
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

    def parts(self, equation, operands):
        axis = self.found[equation]
        if equation.primitive.name == "concatenate":
            return Parts(tuple(operands), axis)
        type_, (low, high, _) = type_of(operands[0]), equation.params["widths"][axis]
        around = [zeros((*type_.shape[:axis], n, *type_.shape[axis + 1 :]), type_.dtype) for n in (low, high)]
        values = (around[0], operands[0], around[1])
        return Parts(tuple([value for value in values if type_of(value).shape[axis]]), axis)

    def joined(self, value):
        if not isinstance(value, Parts):
            return value
        if id(value) not in self.whole:
            self.whole[id(value)] = value, functools.cache(lambda: concatenate(*value.values, axis=value.axis))
        return self.whole[id(value)][1]()

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
            sums = [sum_over(value, params["axes"]) for value in parts.values]
            if parts.axis in params["axes"]:
                return self.total(sums)
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
        parts = [operand for operand in operands if isinstance(operand, Parts)]
        from_end = {each.axis - len(type_of(each.values[0]).shape) for each in parts}
        if len(from_end) > 1:
            return None
        (place,) = from_end
        lengths = common_lengths(parts)
        cut = [self.cut(operand, place, lengths) for operand in operands]
        operation = self.plus if equation.primitive is add else equation.primitive
        return Parts(tuple([operation(*each, **equation.params) for each in zip(*cut)]), rank + place)

    def cut(self, operand, place, lengths):
        """The parts of an operand for parts of these lengths along the axis `place`, counted from the end."""
        stops = list(accumulate(lengths))
        bounds = list(zip([0, *stops], stops))
        if isinstance(operand, Parts):
            if operand.lengths == lengths:
                return operand.values
            return [part_of(operand, start, stop) for start, stop in bounds]
        shape = type_of(operand).shape
        if len(shape) < -place or shape[place] == 1:
            return [operand] * len(lengths)
        return [slice_axis(operand, place + len(shape), start, stop) for start, stop in bounds]

    def plus(self, first, second):
        """The sum. Zeros are added as a number, and once: -0.0 becomes 0.0."""
        if is_zeros(first):
            first, second = second, first
        if not is_zeros(second) or type_of(first) != type_of(second):
            return add(first, second)
        made = self.definitions.get(first.atom) if isinstance(first, StageTracer) else None
        if is_zeros(first) or (made is not None and made.primitive is add and is_zero(made.operands[1], {})):
            return first
        return add(first, second.flat[0])

    def total(self, values):
        return functools.reduce(self.plus, values)

    def contraction(self, operands, spec):
        inputs, output = split(spec)
        parts = [(own, operand) for own, operand in zip(inputs, operands) if isinstance(operand, Parts)]
        names = {own[operand.axis] for own, operand in parts}
        if len(names) > 1:
            return None
        (name,) = names
        lengths = common_lengths([operand for _, operand in parts])
        cut = []
        for own, operand in zip(inputs, operands):
            if own.count(name) > 1:
                return None
            place = own.index(name) - len(own) if name in own else None
            cut.append([operand] * len(lengths) if place is None else self.cut(operand, place, lengths))
        values = [contract(*each, spec=spec) for each in zip(*cut)]
        return Parts(tuple(values), output.index(name)) if name in output else self.total(values)


def common_lengths(several):
    """The lengths of the parts when all Parts, of one length together, are cut wherever one is."""
    stops = sorted(set().union(*[accumulate(each.lengths) for each in several]))
    return [stop - start for start, stop in zip([0, *stops], stops)]


def part_of(parts, start, stop):
    """From start to stop along the axis of the Parts, where no other part begins."""
    before = 0
    for value, length in zip(parts.values, parts.lengths):
        if start < before + length:
            return slice_axis(value, parts.axis, start - before, stop - before)
        before += length


def sum_over(value, axes):
    if not is_zeros(value):
        return reduce_sum(value, axes=axes)
    shape = [length for axis, length in enumerate(value.shape) if axis not in axes]
    return zeros(tuple(shape), value.dtype)
