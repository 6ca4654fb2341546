"""Transformations from Jaxpr to Jaxpr, made by staging the transform; each result is kept with its Jaxpr.

Relies on transforms. The rules of call, cond, scan and while_loop are written with these.
"""

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.jaxpr import Jaxpr, Literal, fresh
from vgrad.core.types import PYTHON_SCALARS, ArrayType, type_of, zeros
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import reshape_to
from vgrad.transforms.batch import batch, materialize
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.jvp import jvp
from vgrad.transforms.linearize import linearize
from vgrad.transforms.stage import stage
from vgrad.transforms.transpose import transpose


def closed(function, types):
    """The program of a flat function that closes over no tracer of an outer transform."""
    jaxpr, outer_values = stage(function, types)
    assert not outer_values, "a Jaxpr was made from a function that closes over tracers"
    return jaxpr


def strong(types):
    return [type_.strong() for type_ in types]


def jvp_jaxpr(jaxpr, active, instantiate):
    """(program, moving): inputs then tangents of the active inputs -> outputs then tangents of the moving outputs.

    active          which inputs have a tangent
    instantiate     which outputs must have one, zeros if need be
    """

    def make():
        moving = []

        def program(*values):
            primals, tangents = list(values[: len(active)]), iter(values[len(active) :])
            outputs, output_tangents = jvp(
                lambda *inputs: evaluate(jaxpr, *inputs), primals, [next(tangents) if flag else None for flag in active]
            )
            moving[:] = [flag or tangent is not None for flag, tangent in zip(instantiate, output_tangents)]
            filled = [
                zeros(type_) if tangent is None else tangent
                for tangent, type_, flag in zip(output_tangents, jaxpr.output_types, moving)
                if flag
            ]
            return outputs + filled

        tangent_types = [type_ for type_, flag in zip(jaxpr.input_types, active) if flag]
        made = closed(program, list(jaxpr.input_types) + strong(tangent_types))
        return made, tuple(moving)

    return jaxpr.derived(("jvp", tuple(active), tuple(instantiate)), make)


class Linearized:
    """What linearize_jaxpr gives.

    known       inputs -> outputs then residuals
    tangent     residuals then tangents of the active inputs -> tangents of the moving outputs
    moving      which outputs have a tangent
    residuals   types of the residuals
    forwarded   for each residual the number of the input that it is, or None when it is computed
    """

    __slots__ = ("known", "tangent", "moving", "residuals", "forwarded")


def linearize_jaxpr(jaxpr, active, instantiate):
    """The program split in two: a known part, and a part linear in the tangents of the `active` inputs."""

    def make():
        result = Linearized()
        kept = {}

        def known(*inputs):
            outputs, linear = linearize(lambda *values: evaluate(jaxpr, *values), inputs, active)
            residuals = [value for value in linear.residuals() if isinstance(value, Tracer)]
            kept.update(linear=linear, residuals=residuals)
            positions = {id(tracer): number for number, tracer in enumerate(inputs)}
            result.forwarded = tuple([positions.get(id(residual)) for residual in residuals])
            return outputs + residuals

        result.known = closed(known, jaxpr.input_types)
        linear = kept["linear"]
        result.residuals = tuple([type_of(residual) for residual in kept["residuals"]])
        result.moving = tuple(
            [flag or tracer is not None for flag, tracer in zip(instantiate, linear.outputs, strict=True)]
        )

        def tangent(*values):
            count = len(kept["residuals"])
            substitutes = {id(residual): value for residual, value in zip(kept["residuals"], values)}
            tangents = iter(values[count:])
            outputs = linear(
                [next(tangents) if flag else None for flag in active], lambda value: substitutes.get(id(value), value)
            )
            return [
                zeros(type_) if output is None else output
                for output, type_, flag in zip(outputs, jaxpr.output_types, result.moving)
                if flag
            ]

        tangent_types = [type_.strong() for type_, flag in zip(jaxpr.input_types, active) if flag]
        result.tangent = closed(tangent, list(result.residuals) + tangent_types)
        return result

    return jaxpr.derived(("linearize", tuple(active), tuple(instantiate)), make)


def transpose_jaxpr(jaxpr, linear, given):
    """(program, nonzero): the inputs that are not linear, then cotangents of the `given` outputs -> cotangents.

    linear      which inputs the program is linear in
    given       which outputs have a cotangent (the others' are zero)
    nonzero     which inputs get a cotangent: the program returns those, in order
    """

    def make():
        nonzero = []

        def program(*values):
            known = iter(values[: len(linear) - sum(linear)])
            cotangents = iter(values[len(linear) - sum(linear) :])
            operands = [type_.strong() if flag else next(known) for type_, flag in zip(jaxpr.input_types, linear)]
            results = transpose(
                lambda *inputs: evaluate(jaxpr, *inputs),
                operands,
                linear,
                [next(cotangents) if flag else None for flag in given],
            )
            nonzero[:] = [result is not None for result in results]
            return [result for result in results if result is not None]

        types = [type_ for type_, flag in zip(jaxpr.input_types, linear) if not flag]
        cotangent_types = [type_.strong() for type_, flag in zip(jaxpr.output_types, given) if flag]
        return closed(program, types + cotangent_types), tuple(nonzero)

    return jaxpr.derived(("transpose", tuple(linear), tuple(given)), make)


def batch_jaxpr(jaxpr, axis, mapped, force):
    """(program, mapped outputs): the program run for all examples, mapped inputs and outputs along axis 0.

    axis    a MappedAxis
    mapped  which inputs have the axis
    force   which outputs must have it
    """

    def make():
        mapped_outputs = []

        def program(*values):
            outputs, axes = batch(
                lambda *inputs: evaluate(jaxpr, *inputs), axis, values, [0 if flag else None for flag in mapped]
            )
            mapped_outputs[:] = [flag or place is not None for flag, place in zip(force, axes)]
            return [
                materialize(output, place, 0, axis.size) if flag else output
                for output, place, flag in zip(outputs, axes, mapped_outputs)
            ]

        types = [
            ArrayType((axis.size,) + type_.shape, type_.dtype) if flag else type_
            for type_, flag in zip(jaxpr.input_types, mapped)
        ]
        return closed(program, types), tuple(mapped_outputs)

    return jaxpr.derived(("batch", axis, tuple(mapped), tuple(force)), make)


# ------------------------------------------------------------------------------- what the loops' rules need besides


def fixed_point(advance, flags):
    """(result, flags): advance(flags) gives (result, flags that hold afterwards); repeated until nothing is added."""
    flags = tuple(flags)
    while True:
        result, reached = advance(flags)
        reached = tuple([old or new for old, new in zip(flags, reached)])
        if reached == flags:
            return result, flags
        flags = reached


def rearranged(jaxpr, inputs, outputs):
    """The same program with these variables as inputs and these atoms as outputs."""
    return Jaxpr(inputs, jaxpr.equations, outputs, jaxpr.constants)


def with_outer_inputs(jaxpr, values, every_value):
    """The program with leading inputs for every_value instead of for `values`, of which it uses each."""
    own = {id(value): var for value, var in zip(values, jaxpr.inputs)}
    leading = [own[id(value)] if id(value) in own else fresh([type_of(value)])[0] for value in every_value]
    return rearranged(jaxpr, leading + list(jaxpr.inputs[len(values) :]), jaxpr.outputs)


def reached_outputs(jaxpr, flags):
    """Which outputs depend on the inputs with a flag, as a tuple."""

    def find():
        reached = {var for var, flag in zip(jaxpr.inputs, flags) if flag}
        for equation in jaxpr.equations:
            if reached.isdisjoint(equation.operands):
                continue
            outputs = equation.outputs
            if equation.primitive.reach is not None:
                own = tuple([operand in reached for operand in equation.operands])
                outputs = [var for var, flag in zip(outputs, equation.primitive.reach(own, **equation.params)) if flag]
            reached.update(outputs)
        return tuple([output in reached for output in jaxpr.outputs])

    return jaxpr.derived(("reached", tuple(flags)), find)


def split_invariant(jaxpr, count):
    """(before, inside): what depends on the first `count` inputs alone, and the rest of the program.

    before      the first `count` inputs -> invariant values
    inside      the first `count` inputs, the invariant values, the other inputs -> outputs
    """
    invariant = set(jaxpr.inputs[:count]) | {var for var, _ in jaxpr.constants}
    before, inside = [], []
    for equation in jaxpr.equations:
        if all([isinstance(operand, Literal) or operand in invariant for operand in equation.operands]):
            before.append(equation)
            invariant.update(equation.outputs)
        else:
            inside.append(equation)
    made = {var for equation in before for var in equation.outputs}
    used = [atom for equation in inside for atom in equation.operands] + list(jaxpr.outputs)
    values = list(dict.fromkeys([atom for atom in used if atom in made]))
    first = Jaxpr(jaxpr.inputs[:count], before, values, jaxpr.constants)
    rest = list(jaxpr.inputs[:count]) + values + list(jaxpr.inputs[count:])
    return first, Jaxpr(rest, inside, jaxpr.outputs, jaxpr.constants)


def arrays_of(values, types):
    """The values, with Python scalars made NumPy scalars of the declared dtype."""
    return [
        np.asarray(value).astype(type_.dtype)[()] if type(value) in PYTHON_SCALARS else value
        for value, type_ in zip(values, types)
    ]


def rank_like(flags, value):
    """Flags, one per example, in the rank of a value with the examples in front."""
    return reshape_to(flags, type_of(flags).shape + (1,) * (type_of(value).ndim - 1))


def same_type(type_, other):
    return type_.shape == other.shape and type_.dtype == other.dtype


def check_types(name, what, types, wanted):
    """Raise ShapeError unless the types are those wanted, up to weakness."""
    if len(types) != len(wanted) or not all([same_type(*pair) for pair in zip(types, wanted)]):
        raise ShapeError(
            f"{name}: {what} of types {' '.join(map(str, types))} do not fit the program, which takes "
            f"{' '.join(map(str, wanted))}."
        )
