"""while_loop: a program run on its own outputs for as long as another program says so.

Relies on programs and passes. Operands are the consts of the condition, the consts of the body, the carry.
"""

from vgrad.control.call import present, spread
from vgrad.control.programs import (
    arrays_of,
    batch_jaxpr,
    check_types,
    closed,
    fixed_point,
    jvp_jaxpr,
    rank_like,
    rearranged,
)
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import BOOL, INT64, ArrayType, type_of, zeros
from vgrad.errors import ReverseModeError
from vgrad.passes.pipeline import simplified
from vgrad.primitives.broadcasting import convert_to, reduce_sum
from vgrad.primitives.comparison import gt, select
from vgrad.transforms.batch import materialize
from vgrad.transforms.evaluate import evaluate


def parts(values, cond_consts, body_consts):
    """(consts of the condition, consts of the body, carry)."""
    return (
        values[:cond_consts],
        values[cond_consts : cond_consts + body_consts],
        values[cond_consts + body_consts :],
    )


def while_type(*types, cond_jaxpr, body_jaxpr, cond_consts, body_consts):
    condition, body, carry = parts(types, cond_consts, body_consts)
    check_types("while_loop", "operands of the condition", condition + carry, cond_jaxpr.input_types)
    check_types("while_loop", "operands of the body", body + carry, body_jaxpr.input_types)
    check_types("while_loop", "carries", carry, body_jaxpr.output_types)
    check_types("while_loop", "conditions", cond_jaxpr.output_types, [ArrayType((), BOOL)])
    return body_jaxpr.output_types


def while_evaluate(*operands, cond_jaxpr, body_jaxpr, cond_consts, body_consts):
    condition, body = simplified(cond_jaxpr), simplified(body_jaxpr)
    for_condition, for_body, carry = parts(operands, cond_consts, body_consts)
    for_condition = arrays_of(for_condition, cond_jaxpr.input_types)
    for_body = arrays_of(for_body, body_jaxpr.input_types)
    carry = arrays_of(carry, body_jaxpr.output_types)
    while evaluate(condition, *for_condition, *carry)[0]:
        carry = evaluate(body, *for_body, *carry)
    return tuple(arrays_of(carry, body_jaxpr.output_types))


def while_jvp(operands, tangents, *, cond_jaxpr, body_jaxpr, cond_consts, body_consts):
    """One loop of primals and tangents; the condition sees the primals."""
    for_condition, for_body, carry = parts(operands, cond_consts, body_consts)
    _, body_tangents, carry_tangents = parts(tangents, cond_consts, body_consts)
    active_consts = [tangent is not None for tangent in body_tangents]
    (program, _), moving = fixed_point(
        lambda flags: pushed_body(body_jaxpr, active_consts, flags), [tangent is not None for tangent in carry_tangents]
    )
    if not any(moving):
        params = dict(cond_jaxpr=cond_jaxpr, body_jaxpr=body_jaxpr, cond_consts=cond_consts, body_consts=body_consts)
        return while_loop(*operands, **params), [None] * len(carry)
    filled = [
        zeros(type_of(value)) if tangent is None else tangent
        for value, tangent, flag in zip(carry, carry_tangents, moving)
        if flag
    ]
    body_tangents = present(body_tangents)
    extra = tuple([var for var in program.inputs[len(program.inputs) - len(filled) :]])
    results = while_loop(
        *for_condition,
        *for_body,
        *body_tangents,
        *carry,
        *filled,
        cond_jaxpr=rearranged(cond_jaxpr, cond_jaxpr.inputs + extra, cond_jaxpr.outputs),
        body_jaxpr=program,
        cond_consts=cond_consts,
        body_consts=body_consts + len(body_tangents),
    )
    return results[: len(carry)], spread(results[len(carry) :], moving)


def pushed_body(body_jaxpr, active_consts, flags):
    """((program, moving), moving): consts, const tangents, carry, carry tangents -> carry, carry tangents."""
    program, moving = jvp_jaxpr(body_jaxpr, active_consts + list(flags), flags)
    consts, count = len(active_consts), len(body_jaxpr.inputs)
    own, tangents = program.inputs[:count], program.inputs[count:]
    moving_consts = sum(active_consts)
    inputs = own[:consts] + tangents[:moving_consts] + own[consts:] + tangents[moving_consts:]
    return (rearranged(program, inputs, program.outputs), moving), moving


def while_linearize(operands, tangents, **params):
    """The loop itself, and beside it the loop of primals and tangents, of which the tangents are linear."""
    outputs = while_loop(*operands, **params)
    _, output_tangents = while_jvp(operands, tangents, **params)
    return outputs, output_tangents


def while_transpose(cotangents, operands, linear, **params):
    raise ReverseModeError(
        "Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic start/stop "
        "values.",
        "Try using lax.scan, or using fori_loop with static start/stop; forward mode (jvp, jacfwd, linearize) works.",
    )


def while_batch(axis, operands, mapped_axes, *, cond_jaxpr, body_jaxpr, cond_consts, body_consts):
    """The loop of the batched program. With a condition that differs between examples it runs until all are done,
    and examples that are done keep their carry."""
    flags = [place is not None for place in mapped_axes]
    condition_flags, body_flags, carry_flags = parts(flags, cond_consts, body_consts)

    def advance(carry):
        body, mapped = batch_jaxpr(body_jaxpr, axis, body_flags + list(carry), carry)
        condition, (differs,) = batch_jaxpr(cond_jaxpr, axis, condition_flags + list(mapped), [False])
        return (condition, body, differs), [True] * len(carry) if differs else mapped

    (condition, body, differs), carry_flags = fixed_point(advance, carry_flags)
    moved = [
        materialize(operand, place, 0, axis.size) if flag else operand
        for operand, place, flag in zip(operands, mapped_axes, [*condition_flags, *body_flags, *carry_flags])
    ]
    if differs:
        for_condition, for_body, carry = parts(moved, cond_consts, body_consts)
        moved = [*for_condition, *for_condition, *for_body, *carry]
        body = until_all_done(condition, body, cond_consts)
        body_consts += cond_consts
        condition = any_of(condition)
    outputs = while_loop(
        *moved, cond_jaxpr=condition, body_jaxpr=body, cond_consts=cond_consts, body_consts=body_consts
    )
    return outputs, tuple([0 if flag else None for flag in carry_flags])


def any_of(condition):
    """A batched condition that holds while it holds for any example."""

    def make():
        def program(*values):
            (running,) = evaluate(condition, *values)
            return [gt(reduce_sum(convert_to(running, INT64), axes=(0,)), 0)]

        return closed(program, condition.input_types)

    return condition.derived("any", make)


def until_all_done(condition, body, cond_consts):
    """A batched body that changes the carry of those examples only for which the condition holds."""
    body_consts = len(body.inputs) - len(body.outputs)

    def step(*values):
        for_condition, for_body, carry = parts(values, cond_consts, body_consts)
        (running,) = evaluate(condition, *for_condition, *carry)
        return [select(rank_like(running, old), new, old) for new, old in zip(evaluate(body, *for_body, *carry), carry)]

    return body.derived(
        ("until all done", condition),
        lambda: closed(step, condition.input_types[:cond_consts] + body.input_types),
    )


while_loop = Primitive(
    "while",
    output_type=while_type,
    evaluate=while_evaluate,
    jvp=while_jvp,
    linearize=while_linearize,
    transpose=while_transpose,
    batch=while_batch,
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)
