"""The call of a staged function: what jit leaves in a program.

Relies on programs and passes. Evaluating it runs the simplified program. checkpoint shares its rules.
"""

from vgrad.config import config
from vgrad.control.programs import batch_jaxpr, jvp_jaxpr, linearize_jaxpr, reached_outputs, transpose_jaxpr
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.passes.pipeline import simplified
from vgrad.primitives.broadcasting import move_axis
from vgrad.transforms.evaluate import evaluate


def present(values):
    """The values that are not None."""
    return [value for value in values if value is not None]


def spread(values, flags):
    """One value for each true flag, None for the others."""
    values = iter(values)
    return [next(values) if flag else None for flag in flags]


def program_reach(flags, *, jaxpr, name):
    return reached_outputs(jaxpr, flags)


def program_evaluate(*operands, jaxpr, name):
    return tuple(evaluate(simplified(jaxpr), *operands))


def call_evaluate(*operands, jaxpr, name):
    if config.jit and not config.debug_nans:
        run = jaxpr.derived("executable", lambda: backend.compile(jaxpr))
        if run is not None:
            return tuple(run(operands))
    return program_evaluate(*operands, jaxpr=jaxpr, name=name)


class Backend:
    """What makes native code of a program. The compiler stands above this file: vgrad.api puts it in.

    compile     Jaxpr -> function of a list of arrays that returns a list of arrays, or None where it cannot
    """

    def compile(self, jaxpr):
        return None


backend = Backend()


# Rules for a primitive that runs one program; `primitive_of()` is the record that they belong to.


def program_jvp(primitive_of):
    def rule(operands, tangents, *, jaxpr, name):
        count = len(jaxpr.outputs)
        active = [tangent is not None for tangent in tangents]
        program, moving = jvp_jaxpr(jaxpr, active, [False] * count)
        results = primitive_of()(*operands, *present(tangents), jaxpr=program, name=f"jvp({name})")
        return results[:count], spread(results[count:], moving)

    return rule


def program_transpose(primitive_of):
    def rule(cotangents, operands, linear, *, jaxpr, name):
        given = [cotangent is not None for cotangent in cotangents]
        program, nonzero = transpose_jaxpr(jaxpr, linear, given)
        known = [operand for operand, flag in zip(operands, linear) if not flag]
        results = primitive_of()(*known, *present(cotangents), jaxpr=program, name=f"transpose({name})")
        return spread(results, nonzero)

    return rule


def program_batch(primitive_of):
    def rule(axis, operands, mapped_axes, *, jaxpr, name):
        mapped = [place is not None for place in mapped_axes]
        program, mapped_outputs = batch_jaxpr(jaxpr, axis, mapped, [False] * len(jaxpr.outputs))
        moved = [o if place is None else move_axis(o, place, 0) for o, place in zip(operands, mapped_axes)]
        outputs = primitive_of()(*moved, jaxpr=program, name=f"vmap({name})")
        return outputs, tuple([0 if flag else None for flag in mapped_outputs])

    return rule


def call_linearize(operands, tangents, *, jaxpr, name):
    """The known part runs now and leaves residuals; the tangent part is a call of its own, linear in the tangents."""
    count = len(jaxpr.outputs)
    split = linearize_jaxpr(jaxpr, [tangent is not None for tangent in tangents], [False] * count)
    results = call(*operands, jaxpr=split.known, name=name)
    outputs, residuals = results[:count], results[count:]
    if not any(split.moving):
        return outputs, [None] * count
    moved = call(*residuals, *present(tangents), jaxpr=split.tangent, name=f"linearized({name})")
    return outputs, spread(moved, split.moving)


call = Primitive(
    "jit",
    output_type=lambda *types, jaxpr, name: jaxpr.output_types,
    evaluate=call_evaluate,
    jvp=program_jvp(lambda: call),
    linearize=call_linearize,
    reach=program_reach,
    transpose=program_transpose(lambda: call),
    batch=program_batch(lambda: call),
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)
