"""scan: a program run once per slice of its inputs, a carry handed from step to step.

Relies on programs and passes. Operands are consts, carry, xs; outputs are the last carry and the stacked ys.
"""

import numpy as np

from vgrad.control.call import present, spread
from vgrad.control.programs import (
    arrays_of,
    batch_jaxpr,
    check_types,
    closed,
    fixed_point,
    jvp_jaxpr,
    linearize_jaxpr,
    reached_outputs,
    rearranged,
    split_invariant,
    transpose_jaxpr,
)
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import ArrayType, type_of, zeros
from vgrad.passes.pipeline import simplified
from vgrad.primitives.elementwise import add
from vgrad.transforms.batch import materialize
from vgrad.transforms.evaluate import evaluate


def parts(values, num_consts, num_carry):
    """(consts, carry, xs) of a scan's operands, or of anything listed in their order."""
    return values[:num_consts], values[num_consts : num_consts + num_carry], values[num_consts + num_carry :]


def scan_type(*types, jaxpr, length, reverse, num_consts, num_carry):
    consts, carry, xs = parts(types, num_consts, num_carry)
    slices = [ArrayType(type_.shape[1:], type_.dtype, type_.weak) for type_ in xs]
    check_types("scan", "operands", (*consts, *carry, *slices), jaxpr.input_types)
    check_types("scan", "carries", carry, jaxpr.output_types[:num_carry])
    if any([type_.shape[0] != length for type_ in xs]):
        check_types("scan", "xs", xs, [ArrayType((length,) + type_.shape[1:], type_.dtype) for type_ in xs])
    stacked = [ArrayType((length,) + type_.shape, type_.dtype) for type_ in jaxpr.output_types[num_carry:]]
    return jaxpr.output_types[:num_carry] + tuple(stacked)


def scan_reach(flags, *, jaxpr, length, reverse, num_consts, num_carry):
    consts, carry, xs = parts(tuple(flags), num_consts, num_carry)
    _, carry = fixed_point(lambda own: (None, reached_outputs(jaxpr, consts + own + xs)[:num_carry]), carry)
    return carry + reached_outputs(jaxpr, consts + carry + xs)[num_carry:]


def scan_evaluate(*operands, jaxpr, length, reverse, num_consts, num_carry):
    consts, carry, xs = parts(operands, num_consts, num_carry)
    program = simplified(jaxpr)
    consts = arrays_of(consts, jaxpr.input_types)
    carry = arrays_of(carry, jaxpr.output_types)
    stacks = [np.empty((length,) + type_.shape, type_.dtype) for type_ in jaxpr.output_types[num_carry:]]
    for step in reversed(range(length)) if reverse else range(length):
        outputs = evaluate(program, *consts, *carry, *[x[step] for x in xs])
        carry = outputs[:num_carry]
        for stack, y in zip(stacks, outputs[num_carry:]):
            stack[step] = y
    return (*arrays_of(carry, jaxpr.output_types), *stacks)


# ------------------------------------------------------------------------------------------------------ forward mode


def scan_jvp(operands, tangents, *, jaxpr, length, reverse, num_consts, num_carry):
    """One scan of primals and tangents. A carry has a tangent if it starts with one or receives one."""
    active = [tangent is not None for tangent in tangents]
    program, moving = moving_carries(jvp_jaxpr, jaxpr, active, num_consts, num_carry)
    count, outputs = len(jaxpr.inputs), len(jaxpr.outputs)
    active = active[:num_consts] + list(moving[:num_carry]) + active[num_consts + num_carry :]

    def make():
        tangent_inputs = spread(program.inputs[count:], active)
        inputs = []
        for own, its_tangents in zip(
            parts(program.inputs[:count], num_consts, num_carry), parts(tangent_inputs, num_consts, num_carry)
        ):
            inputs += list(own) + present(its_tangents)
        moved = program.outputs[outputs:]
        moving_count = sum(moving[:num_carry])
        ordered = (*program.outputs[:num_carry], *moved[:moving_count])
        ordered += (*program.outputs[num_carry:outputs], *moved[moving_count:])
        return rearranged(program, inputs, ordered)

    pushed = program.derived(("scan", num_consts, num_carry), make)
    filled = fill_carries(operands, tangents, moving, num_consts, num_carry)
    values = []
    for own, its_tangents in zip(parts(operands, num_consts, num_carry), parts(filled, num_consts, num_carry)):
        values += list(own) + present(its_tangents)
    results = scan(
        *values,
        jaxpr=pushed,
        length=length,
        reverse=reverse,
        num_consts=num_consts + sum(active[:num_consts]),
        num_carry=num_carry + sum(moving[:num_carry]),
    )
    middle = num_carry + sum(moving[:num_carry])
    ys = len(jaxpr.outputs) - num_carry
    primals = (*results[:num_carry], *results[middle : middle + ys])
    return primals, spread((*results[num_carry:middle], *results[middle + ys :]), moving)


def moving_carries(transform, jaxpr, active, num_consts, num_carry):
    """(result, moving outputs) of jvp_jaxpr or linearize_jaxpr once the set of carries with a tangent is closed."""
    consts, carry, xs = parts(active, num_consts, num_carry)
    ys = [False] * (len(jaxpr.outputs) - num_carry)
    found = []

    def advance(flags):
        result = transform(jaxpr, consts + list(flags) + xs, list(flags) + ys)
        result, moving = result if isinstance(result, tuple) else (result, result.moving)
        found[:] = moving
        return result, moving[:num_carry]

    result, _ = fixed_point(advance, carry)
    return result, tuple(found)


def fill_carries(operands, tangents, moving, num_consts, num_carry):
    """The tangents, with zeros for the carries that will have one but start without."""
    filled = list(tangents)
    for number, flag in enumerate(moving[:num_carry], num_consts):
        if flag and filled[number] is None:
            filled[number] = zeros(type_of(operands[number]))
    return filled


# ------------------------------------------------------------------------------------------------------ reverse mode


class Split:
    """A scan's program split for linearize.

    before      consts -> invariant values: what the loop computes from consts alone, computed once
    known       consts, invariant values, carry, xs -> carry, ys, residuals that differ from step to step
    tangent     residuals and tangents -> tangents: invariant residuals, const tangents; carry tangents; stacked
                residuals, residuals that are xs, xs tangents
    fixed       the invariant residuals, as positions among consts and invariant values
    slices      the residuals that are xs, as positions among the xs
    stacked     how many residuals differ from step to step
    """

    __slots__ = ("before", "known", "tangent", "fixed", "slices", "stacked")


def split_scan(split, jaxpr, active, num_consts, num_carry):
    """The Split of a Linearized program."""
    result = Split()
    result.before, inside = split_invariant(split.known, num_consts)
    fixed_inputs = inside.inputs[: num_consts + len(result.before.outputs)]
    fixed_places = {var: place for place, var in enumerate(fixed_inputs)}
    slice_places = {var: place for place, var in enumerate(inside.inputs[len(fixed_inputs) + num_carry :])}
    fixed, slices, stacked = [], [], []
    for atom, var in zip(split.known.outputs[len(jaxpr.outputs) :], split.tangent.inputs):
        if atom in fixed_places:
            fixed.append((fixed_places[atom], var))
        elif atom in slice_places:
            slices.append((slice_places[atom], var))
        else:
            stacked.append((atom, var))
    result.fixed = tuple([place for place, _ in fixed])
    result.slices = tuple([place for place, _ in slices])
    result.stacked = len(stacked)
    result.known = rearranged(
        inside, inside.inputs, (*inside.outputs[: len(jaxpr.outputs)], *[atom for atom, _ in stacked])
    )
    tangents = spread(split.tangent.inputs[len(split.residuals) :], active)
    consts, carry, xs = [present(each) for each in parts(tangents, num_consts, num_carry)]
    inputs = [var for _, var in fixed] + consts + carry + [var for _, var in stacked] + [var for _, var in slices] + xs
    result.tangent = rearranged(split.tangent, inputs, split.tangent.outputs)
    return result


def scan_linearize(operands, tangents, *, jaxpr, length, reverse, num_consts, num_carry):
    """A scan of the known values that stacks what the tangents need, and a scan of the tangents.

    Cost: residuals that do not depend on the step are kept once, xs are not stacked again.
    """
    active = [tangent is not None for tangent in tangents]
    linearized, moving = moving_carries(linearize_jaxpr, jaxpr, active, num_consts, num_carry)
    if not any(moving):
        params = dict(jaxpr=jaxpr, length=length, reverse=reverse, num_consts=num_consts, num_carry=num_carry)
        return scan(*operands, **params), [None] * len(jaxpr.outputs)
    active = active[:num_consts] + list(moving[:num_carry]) + active[num_consts + num_carry :]
    split = linearized.known.derived(
        ("scan", num_consts, num_carry), lambda: split_scan(linearized, jaxpr, active, num_consts, num_carry)
    )
    consts, carry, xs = parts(operands, num_consts, num_carry)
    fixed = (*consts, *evaluate(split.before, *consts))
    results = scan(
        *fixed,
        *carry,
        *xs,
        jaxpr=split.known,
        length=length,
        reverse=reverse,
        num_consts=len(fixed),
        num_carry=num_carry,
    )
    filled = fill_carries(operands, tangents, moving, num_consts, num_carry)
    const_tangents, carry_tangents, xs_tangents = [present(each) for each in parts(filled, num_consts, num_carry)]
    moved = scan(
        *[fixed[place] for place in split.fixed],
        *const_tangents,
        *carry_tangents,
        *results[len(jaxpr.outputs) :],
        *[xs[place] for place in split.slices],
        *xs_tangents,
        jaxpr=split.tangent,
        length=length,
        reverse=reverse,
        num_consts=len(split.fixed) + len(const_tangents),
        num_carry=len(carry_tangents),
    )
    return results[: len(jaxpr.outputs)], spread(moved, moving)


def scan_transpose(cotangents, operands, linear, *, jaxpr, length, reverse, num_consts, num_carry):
    """A scan in the other direction: carry cotangents are handed on, those of consts summed, those of xs stacked."""
    linear_consts, linear_carry, linear_xs = parts(tuple(linear), num_consts, num_carry)
    program, given, nonzero = transposed_body(jaxpr, linear, cotangents, num_consts, num_carry)
    consts, _, xs = parts(operands, num_consts, num_carry)
    const_types, carry_types, _ = parts(jaxpr.input_types, num_consts, num_carry)
    nonzero_consts, _, nonzero_xs = parts(nonzero, num_consts, num_carry)
    known = [operand for operand, flag in zip(consts, linear_consts) if not flag]
    sums = [zeros(type_) for type_, flag in zip(const_types, nonzero_consts) if flag]
    carry = [
        zeros(type_) if cotangent is None else cotangent
        for cotangent, type_, flag in zip(cotangents, carry_types, given)
        if flag
    ]
    results = scan(
        *known,
        *sums,
        *carry,
        *[x for x, flag in zip(xs, linear_xs) if not flag],
        *present(cotangents[num_carry:]),
        jaxpr=program,
        length=length,
        reverse=not reverse,
        num_consts=len(known),
        num_carry=len(sums) + len(carry),
    )
    ends = len(sums), len(sums) + len(carry)
    carry_flags = [flag and is_linear for flag, is_linear in zip(given, linear_carry)]
    carry_cotangents = [
        cotangent if flag else None for cotangent, flag in zip(spread(results[ends[0] : ends[1]], given), carry_flags)
    ]
    return spread(results[: ends[0]], nonzero_consts) + carry_cotangents + spread(results[ends[1] :], nonzero_xs)


def transposed_body(jaxpr, linear, cotangents, num_consts, num_carry):
    """(program, given, nonzero) of the scan that runs backward.

    program     known consts; sums of const cotangents, carry cotangents; known xs, cotangents of ys -> sums, carry
                cotangents; cotangents of xs
    given       which carries have a cotangent
    nonzero     which inputs of jaxpr get one
    """
    linear_consts, _, linear_xs = parts(tuple(linear), num_consts, num_carry)
    given_ys = tuple([cotangent is not None for cotangent in cotangents[num_carry:]])

    def make():
        whole = linear_consts + (True,) * num_carry + linear_xs

        def advance(flags):
            program, nonzero = transpose_jaxpr(jaxpr, whole, flags + given_ys)
            return (program, nonzero), parts(nonzero, num_consts, num_carry)[1]

        start = [cotangent is not None for cotangent in cotangents[:num_carry]]
        (program, nonzero), given = fixed_point(advance, start)
        nonzero_consts, nonzero_carry, _ = parts(nonzero, num_consts, num_carry)
        known_consts = len(linear_consts) - sum(linear_consts)
        known_xs = len(linear_xs) - sum(linear_xs)
        carry_types = [
            type_.strong() for type_, flag in zip(parts(jaxpr.input_types, num_consts, num_carry)[1], given) if flag
        ]

        def step(*values):
            values = iter(values)
            consts, sums, carry, xs, ys = [
                [next(values) for _ in range(count)]
                for count in (known_consts, sum(nonzero_consts), sum(given), known_xs, sum(given_ys))
            ]
            results = evaluate(program, *consts, *xs, *carry, *ys)
            contributions, results = results[: len(sums)], results[len(sums) :]
            before = [cotangent for cotangent in spread(results[: sum(nonzero_carry)], nonzero_carry)]
            handed_on = [cotangent for cotangent, flag in zip(before, given) if flag]
            filled = [zeros(type_) if c is None else c for c, type_ in zip(handed_on, carry_types)]
            return [add(*pair) for pair in zip(sums, contributions)] + filled + results[sum(nonzero_carry) :]

        inputs = iter(program.input_types)
        const_types = [next(inputs) for _ in range(known_consts)]
        xs_types = [next(inputs) for _ in range(known_xs)]
        sum_types = [type_.strong() for type_, flag in zip(jaxpr.input_types, nonzero_consts) if flag]
        ys_types = [type_.strong() for type_, flag in zip(jaxpr.output_types[num_carry:], given_ys) if flag]
        return closed(step, const_types + sum_types + carry_types + xs_types + ys_types), given, nonzero

    start = tuple([cotangent is not None for cotangent in cotangents])
    return jaxpr.derived(("scan transpose", tuple(linear), start, num_consts, num_carry), make)


# ------------------------------------------------------------------------------------------------------------- batch


def scan_batch(axis, operands, mapped_axes, *, jaxpr, length, reverse, num_consts, num_carry):
    """The scan of the batched program. A carry has the mapped axis if it starts with it or receives it."""
    consts, carry, xs = parts([place is not None for place in mapped_axes], num_consts, num_carry)
    ys = [False] * (len(jaxpr.outputs) - num_carry)
    found = []

    def advance(flags):
        program, mapped = batch_jaxpr(jaxpr, axis, consts + list(flags) + xs, list(flags) + ys)
        found[:] = mapped
        return program, mapped[:num_carry]

    program, carry = fixed_point(advance, carry)
    destinations = [0] * (num_consts + num_carry) + [1] * len(xs)
    moved = [
        materialize(operand, place, destination, axis.size) if flag else operand
        for operand, place, destination, flag in zip(operands, mapped_axes, destinations, [*consts, *carry, *xs])
    ]
    outputs = scan(*moved, jaxpr=program, length=length, reverse=reverse, num_consts=num_consts, num_carry=num_carry)
    places = [0] * num_carry + [1] * len(ys)
    return outputs, tuple([place if flag else None for place, flag in zip(places, found)])


scan = Primitive(
    "scan",
    output_type=scan_type,
    evaluate=scan_evaluate,
    jvp=scan_jvp,
    linearize=scan_linearize,
    reach=scan_reach,
    transpose=scan_transpose,
    batch=scan_batch,
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)
