"""checkpoint: derivatives that run the function again instead of keeping its intermediate values.

Relies on call, whose rules it shares, all but linearize.
"""

import functools

from vgrad.control.call import (
    present,
    program_batch,
    program_evaluate,
    program_jvp,
    program_reach,
    program_transpose,
    spread,
)
from vgrad.control.programs import jvp_jaxpr
from vgrad.core.functions import Flat, finish, flatten_args, name_of
from vgrad.core.jaxpr import Jaxpr
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import type_of
from vgrad.transforms.stage import stage


def checkpoint_linearize(operands, tangents, *, jaxpr, name):
    """Keep the operands only: the tangent program starts from them, so its transpose runs the function again."""
    outputs = checkpoint_call(*operands, jaxpr=jaxpr, name=name)
    active = tuple([tangent is not None for tangent in tangents])
    program, moving = tangent_program(jaxpr, active)
    if not any(moving):
        return outputs, [None] * len(outputs)
    return outputs, spread(checkpoint_call(*operands, *present(tangents), jaxpr=program, name=name), moving)


def tangent_program(jaxpr, active):
    """(program, moving): inputs, then tangents of the active ones -> tangents of the moving outputs alone."""

    def make():
        both, moving = jvp_jaxpr(jaxpr, active, [False] * len(jaxpr.outputs))
        return Jaxpr(both.inputs, both.equations, both.outputs[len(jaxpr.outputs) :], both.constants), moving

    return jaxpr.derived(("tangent", active), make)


checkpoint_call = Primitive(
    "checkpoint",
    output_type=lambda *types, jaxpr, name: jaxpr.output_types,
    evaluate=program_evaluate,
    jvp=program_jvp(lambda: checkpoint_call),
    linearize=checkpoint_linearize,
    reach=program_reach,
    transpose=program_transpose(lambda: checkpoint_call),
    batch=program_batch(lambda: checkpoint_call),
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)


def checkpoint(fun=None, *, prevent_cse=True, policy=None, static_argnums=(), concrete=False):
    """`fun`, whose reverse mode keeps only its arguments and runs it again for the derivatives.

    static_argnums      arguments that stay Python values
    prevent_cse, policy, concrete   accepted so that JAX code runs; every intermediate value is recomputed
    Cost: one more run of `fun` in exchange for the memory of its intermediate values.
    """
    if fun is None:
        return functools.partial(checkpoint, static_argnums=static_argnums)
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @functools.wraps(fun)
    def checkpointed(*args, **kwargs):
        static = {number % len(args) for number in numbers}
        traced = tuple([arg for number, arg in enumerate(args) if number not in static])
        leaves, structure = flatten_args(fun, traced, kwargs, purpose="checkpoint")

        def merged(*values, **named):
            values = iter(values)
            return fun(*[args[number] if number in static else next(values) for number in range(len(args))], **named)

        merged.__name__ = name_of(fun)
        flat = Flat(merged, structure, with_kwargs=True)
        jaxpr, outer_values = stage(flat, [type_of(leaf) for leaf in leaves])
        outputs = checkpoint_call(*outer_values, *leaves, jaxpr=jaxpr, name=name_of(fun))
        return flat.output_structure.unflatten(finish(outputs, leaves))

    return checkpointed


remat = checkpoint
