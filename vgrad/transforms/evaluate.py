"""Runs a Jaxpr under the current interpreter: on NumPy, or traced by whatever transform is installed.

Relies on core.
"""

from vgrad.core.interpreter import state
from vgrad.core.jaxpr import Literal


def evaluate(jaxpr, *operands):
    """Outputs (a list) of the program on `operands`, one per input. Each value is dropped after its last use."""
    template, input_slots, program, output_slots = jaxpr.derived("slots", lambda: number_slots(jaxpr))
    values = list(template)
    for slot, operand in zip(input_slots, operands, strict=True):
        values[slot] = operand
    process = state.interpreter.process
    for primitive, sources, params, targets, dead in program:
        output = process(primitive, [values[source] for source in sources], params)
        if primitive.multiple_outputs:
            for target, value in zip(targets, output):
                values[target] = value
        else:
            values[targets[0]] = output
        for slot in dead:
            values[slot] = None
    return [values[slot] for slot in output_slots]


def number_slots(jaxpr):
    """(initial values with constants and literals, input slots, program, output slots).

    The program lists (primitive, operand slots, params, output slots, slots that nobody reads afterwards).
    """
    template = []
    numbers = {}

    def new_slot(value=None):
        template.append(value)
        return len(template) - 1

    def slot_of(atom):
        return new_slot(atom.value) if isinstance(atom, Literal) else numbers[atom]

    for var, value in jaxpr.constants:
        numbers[var] = new_slot(value)
    for var in jaxpr.inputs:
        numbers[var] = new_slot()
    program = []
    for equation in jaxpr.equations:
        sources = tuple([slot_of(operand) for operand in equation.operands])
        for var in equation.outputs:
            numbers[var] = new_slot()
        targets = tuple([numbers[var] for var in equation.outputs])
        program.append((equation.primitive, sources, equation.params, targets))
    output_slots = tuple([slot_of(output) for output in jaxpr.outputs])

    alive = set(output_slots)
    with_deaths = []
    for primitive, sources, params, targets in reversed(program):
        dead = (set(sources) | set(targets)) - alive
        alive |= dead
        with_deaths.append((primitive, sources, params, targets, tuple(dead)))
    input_slots = tuple([numbers[var] for var in jaxpr.inputs])
    return tuple(template), input_slots, tuple(reversed(with_deaths)), output_slots
