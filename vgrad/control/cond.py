"""cond: one of several programs, chosen by an index.

Relies on programs, call and passes. The first operand is the index: a boolean (False is branch 0, True branch 1) or an
integer in range(number of branches); the others are the operands of every branch.
"""

from vgrad.control.call import call, present, spread
from vgrad.control.programs import (
    arrays_of,
    batch_jaxpr,
    check_types,
    jvp_jaxpr,
    linearize_jaxpr,
    rank_like,
    reached_outputs,
    rearranged,
    transpose_jaxpr,
)
from vgrad.core.interpreter import Tracer
from vgrad.core.jaxpr import Jaxpr, Literal, fresh
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import type_of, zeros
from vgrad.passes.pipeline import simplified
from vgrad.primitives.broadcasting import move_axis
from vgrad.primitives.comparison import eq, select
from vgrad.transforms.batch import materialize
from vgrad.transforms.evaluate import evaluate


def cond_type(index, *types, branches):
    if index.shape != () or index.dtype.kind not in "biu":
        check_types("cond", "indices", [index], [])
    for branch in branches:
        check_types("cond", "operands", types, branch.input_types)
        check_types("cond", "outputs", branch.output_types, branches[0].output_types)
    return branches[0].output_types


def cond_reach(flags, *, branches):
    return tuple([any(found) for found in zip(*[reached_outputs(branch, flags[1:]) for branch in branches])])


def cond_evaluate(index, *operands, branches):
    branch = branches[int(index)]
    outputs = evaluate(simplified(branch), *arrays_of(operands, branch.input_types))
    return tuple(arrays_of(outputs, branch.output_types))


def taken(index, branches):
    """The branch, when the index is known; else None."""
    return None if isinstance(index, Tracer) else branches[int(index)]


def same_for_all(transform, branches, count):
    """(results, flags) of transform(branch, wanted) -> (result, flags), with the flags of any branch wanted of all."""
    flags = [False] * count
    for branch in branches:
        flags = [old or new for old, new in zip(flags, transform(branch, flags)[1])]
    return [transform(branch, flags)[0] for branch in branches], flags


def cond_jvp(operands, tangents, *, branches):
    index, *operands = operands
    active = [tangent is not None for tangent in tangents[1:]]
    programs, moving = same_for_all(
        lambda branch, wanted: jvp_jaxpr(branch, active, wanted), branches, len(branches[0].outputs)
    )
    results = cond(index, *operands, *present(tangents), branches=tuple(programs))
    return results[: len(moving)], spread(results[len(moving) :], moving)


# ------------------------------------------------------------------------------------------------------ reverse mode


def cond_linearize(operands, tangents, *, branches):
    """A cond of the known parts, whose residuals share slots by type, and a cond of the tangents.

    With a known index only the branch taken is linearized.
    """
    index, *operands = operands
    branch = taken(index, branches)
    if branch is not None:
        return call.linearize(operands, tangents[1:], jaxpr=branch, name="branch")
    active = [tangent is not None for tangent in tangents[1:]]

    def transform(branch, wanted):
        result = linearize_jaxpr(branch, active, wanted)
        return result, result.moving

    splits, moving = same_for_all(transform, branches, len(branches[0].outputs))
    if not any(moving):
        return cond(index, *operands, branches=branches), [None] * len(moving)
    known, tangent, forwarded = branches[0].derived(
        ("cond", branches, tuple(active)), lambda: unify_residuals(splits, len(operands), len(moving))
    )
    results = cond(index, *operands, branches=known)
    moved = cond(
        index,
        *[operands[number] for number in forwarded],
        *results[len(moving) :],
        *present(tangents),
        branches=tangent,
    )
    return results[: len(moving)], spread(moved, moving)


def unify_residuals(splits, inputs, outputs):
    """(known branches, tangent branches, forwarded): all branches with the same residuals.

    known       inputs -> outputs, one slot per residual of the same type in any branch (zeros where it has none)
    tangent     the forwarded inputs, the slots, tangents -> tangents
    forwarded   numbers of the inputs that are residuals of some branch
    """
    slots, forwarded, found = [], set(), []
    for split in splits:
        places = {var: number for number, var in enumerate(split.known.inputs)}
        by_input, by_slot, used = {}, {}, set()
        for atom, var, type_ in zip(split.known.outputs[outputs:], split.tangent.inputs, split.residuals):
            if atom in places:
                by_input[places[atom]] = var
                continue
            free = [slot for slot, own in enumerate(slots) if own == type_ and slot not in used]
            slot = free[0] if free else len(slots)
            if not free:
                slots.append(type_)
            used.add(slot)
            by_slot[slot] = (atom, var)
        forwarded |= by_input.keys()
        found.append((by_input, by_slot))
    forwarded = sorted(forwarded)
    known, tangent = [], []
    for split, (by_input, by_slot) in zip(splits, found):
        atoms = [by_slot[slot][0] if slot in by_slot else None for slot in range(len(slots))]
        known.append(with_zeros(split.known, outputs, atoms, slots))
        forwarded_types = [split.known.inputs[number].type for number in forwarded]
        leading = [by_input.get(number) or fresh([type_])[0] for number, type_ in zip(forwarded, forwarded_types)]
        leading += [by_slot[slot][1] if slot in by_slot else fresh([type_])[0] for slot, type_ in enumerate(slots)]
        tangents = split.tangent.inputs[len(split.residuals) :]
        tangent.append(rearranged(split.tangent, (*leading, *tangents), split.tangent.outputs))
    return tuple(known), tuple(tangent), tuple(forwarded)


def with_zeros(jaxpr, outputs, atoms, types):
    """The program with its first outputs and then these atoms, zeros of the type for an atom that is None."""
    constants = list(jaxpr.constants)
    filled = []
    for atom, type_ in zip(atoms, types):
        if atom is None and type_.shape == ():
            atom = Literal(type_.dtype.type(0))
        elif atom is None:
            (atom,) = fresh([type_])
            constants.append((atom, zeros(type_)))
        filled.append(atom)
    return Jaxpr(jaxpr.inputs, jaxpr.equations, (*jaxpr.outputs[:outputs], *filled), constants)


def cond_transpose(cotangents, operands, linear, *, branches):
    index, *operands = operands
    linear = tuple(linear[1:])
    given = [cotangent is not None for cotangent in cotangents]
    branch = taken(index, branches)
    if branch is not None:
        return [None] + call.transpose(cotangents, operands, linear, jaxpr=branch, name="branch")
    pairs = [transpose_jaxpr(branch, linear, given) for branch in branches]
    nonzero = [any(flags) for flags in zip(*[flags for _, flags in pairs])]
    wanted = [number for number, flag in enumerate(nonzero) if flag]
    types = [branches[0].input_types[number].strong() for number in wanted]
    programs = []
    for program, own in pairs:
        outputs = spread(program.outputs, own)
        programs.append(with_zeros(program, 0, [outputs[number] for number in wanted], types))
    known = [operand for operand, flag in zip(operands, linear) if not flag]
    results = cond(index, *known, *present(cotangents), branches=tuple(programs))
    return [None] + spread(results, nonzero)


# ------------------------------------------------------------------------------------------------------------- batch


def cond_batch(axis, operands, mapped_axes, *, branches):
    """One cond for all examples; if they differ in the index, every branch for all examples, and a choice of each."""
    index, *operands = operands
    mapped = [place is not None for place in mapped_axes[1:]]
    moved = [o if place is None else move_axis(o, place, 0) for o, place in zip(operands, mapped_axes[1:])]
    programs, flags = same_for_all(
        lambda branch, wanted: batch_jaxpr(branch, axis, mapped, wanted), branches, len(branches[0].outputs)
    )
    if mapped_axes[0] is None:
        outputs = cond(index, *moved, branches=tuple(programs))
        return outputs, tuple([0 if flag else None for flag in flags])
    every = []
    for program in programs:
        outputs = evaluate(program, *moved)
        every.append([materialize(o, 0 if flag else None, 0, axis.size) for o, flag in zip(outputs, flags)])
    chosen = every[-1]
    number_type = bool if type_of(index).dtype.kind == "b" else int
    for number in reversed(range(len(branches) - 1)):
        is_taken = eq(index, number_type(number))
        chosen = [select(rank_like(is_taken, old), new, old) for new, old in zip(every[number], chosen)]
    return tuple(chosen), (0,) * len(flags)


cond = Primitive(
    "cond",
    output_type=cond_type,
    evaluate=cond_evaluate,
    jvp=cond_jvp,
    linearize=cond_linearize,
    reach=cond_reach,
    transpose=cond_transpose,
    batch=cond_batch,
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)
