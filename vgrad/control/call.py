"""The call of a staged function: what jit leaves in a program.

Relies on programs and passes. Evaluating it runs the simplified program.
"""

from vgrad.control.programs import batch_jaxpr, jvp_jaxpr, linearize_jaxpr, transpose_jaxpr
from vgrad.core.primitive import Primitive
from vgrad.passes.pipeline import simplified
from vgrad.primitives.broadcasting import move_axis
from vgrad.transforms.evaluate import evaluate


def call_evaluate(*operands, jaxpr, name):
    return tuple(evaluate(simplified(jaxpr), *operands))


def call_jvp(operands, tangents, *, jaxpr, name):
    active = [tangent is not None for tangent in tangents]
    program, moving = jvp_jaxpr(jaxpr, active, [False] * len(jaxpr.outputs))
    results = call(*operands, *[t for t in tangents if t is not None], jaxpr=program, name=f"jvp({name})")
    moved = iter(results[len(jaxpr.outputs) :])
    return results[: len(jaxpr.outputs)], [next(moved) if flag else None for flag in moving]


def call_linearize(operands, tangents, *, jaxpr, name):
    active = [tangent is not None for tangent in tangents]
    split = linearize_jaxpr(jaxpr, active, [False] * len(jaxpr.outputs))
    results = call(*operands, jaxpr=split.known, name=name)
    outputs, residuals = results[: len(jaxpr.outputs)], results[len(jaxpr.outputs) :]
    if not any(split.moving):
        return outputs, [None] * len(outputs)
    moved = iter(
        call(*residuals, *[t for t in tangents if t is not None], jaxpr=split.tangent, name=f"linearized({name})")
    )
    return outputs, [next(moved) if flag else None for flag in split.moving]


def call_transpose(cotangents, operands, linear, *, jaxpr, name):
    given = [cotangent is not None for cotangent in cotangents]
    program, nonzero = transpose_jaxpr(jaxpr, linear, given)
    known = [operand for operand, flag in zip(operands, linear) if not flag]
    results = iter(call(*known, *[c for c in cotangents if c is not None], jaxpr=program, name=f"transpose({name})"))
    return [next(results) if flag else None for flag in nonzero]


def call_batch(axis, operands, mapped_axes, *, jaxpr, name):
    mapped = [place is not None for place in mapped_axes]
    program, mapped_outputs = batch_jaxpr(jaxpr, axis, mapped, [False] * len(jaxpr.outputs))
    operands = [
        operand if place is None else move_axis(operand, place, 0) for operand, place in zip(operands, mapped_axes)
    ]
    outputs = call(*operands, jaxpr=program, name=f"vmap({name})")
    return outputs, tuple([0 if flag else None for flag in mapped_outputs])


call = Primitive(
    "jit",
    output_type=lambda *types, jaxpr, name: jaxpr.output_types,
    evaluate=call_evaluate,
    jvp=call_jvp,
    linearize=call_linearize,
    transpose=call_transpose,
    batch=call_batch,
    multiple_outputs=True,
    holds_programs=True,
)
