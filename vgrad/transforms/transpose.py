"""Transpose: run a linear program backward, from cotangents of its outputs to cotangents of its inputs.

Relies on linearize, and on the primitive `add` to accumulate.
"""

from vgrad.core.interpreter import installed, state
from vgrad.core.types import type_of
from vgrad.primitives.elementwise import add
from vgrad.transforms.linearize import Linear, Tape


def backward(linear, cotangents):
    """Cotangents of the inputs (None where zero) of a Linear, under the current interpreter.

    cotangents      one per output; None for zero
    """
    sums = {}
    is_linear = linear.tape.is_linear

    def accumulate(tracer, cotangent):
        key = id(tracer)
        sums[key] = add(sums[key], cotangent) if key in sums else cotangent

    for tracer, cotangent in zip(linear.outputs, cotangents, strict=True):
        if tracer is not None and cotangent is not None:
            accumulate(tracer, cotangent)
    for equation in reversed(linear.equations):
        primitive = equation.primitive
        if not primitive.multiple_outputs:
            # a path of its own: a scalar chain's gradient takes 6 % longer through the general one below
            cotangent = sums.pop(id(equation.outputs[0]), None)
            if cotangent is None:
                continue
            flags = [is_linear(operand) for operand in equation.operands]
            operands = [operand.known_type if flag else operand for operand, flag in zip(equation.operands, flags)]
            for wrt, flag in enumerate(flags):
                if flag:
                    contribution = primitive.transpose(cotangent, operands, wrt, **equation.params)
                    if contribution is not None:
                        accumulate(equation.operands[wrt], contribution)
            continue
        outgoing = [sums.pop(id(output), None) for output in equation.outputs]
        if all([cotangent is None for cotangent in outgoing]):
            continue
        flags = tuple([is_linear(operand) for operand in equation.operands])
        operands = [operand.known_type if flag else operand for operand, flag in zip(equation.operands, flags)]
        contributions = primitive.transpose(outgoing, operands, flags, **equation.params)
        for operand, flag, contribution in zip(equation.operands, flags, contributions, strict=True):
            if flag and contribution is not None:
                accumulate(operand, contribution)
    return [None if tracer is None else sums.get(id(tracer)) for tracer in linear.inputs]


def transpose(function, operands, linear, cotangents):
    """Cotangents of the linear inputs of a flat function that is linear in them.

    operands    values, or types where `linear` is True
    linear      which inputs the function is linear in
    cotangents  one per output; None for zero
    Returns one cotangent per input, None where the input is not linear or its cotangent is zero.
    """
    tape = Tape(state.interpreter)
    inputs = [tape.input(type_of(operand)) if flag else operand for operand, flag in zip(operands, linear, strict=True)]
    with installed(tape):
        outputs = function(*inputs)
    tracers = [tracer if flag else None for tracer, flag in zip(inputs, linear)]
    return backward(
        Linear(tape, tracers, [output if tape.is_linear(output) else None for output in outputs]), cotangents
    )
