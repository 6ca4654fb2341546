"""Control flow to the compiler: scan, while and cond become jumps around the instructions of their programs.

Relies on lowering. assemble writes the jumps.
"""

import math

from vgrad.compiler.arrays import Array, Buffer
from vgrad.compiler.lowering import PROGRAMS, RULES, Lowering, convert_value
from vgrad.compiler.programs import opened
from vgrad.compiler.values import Stored
from vgrad.core.types import INT64


class Block:
    """A program inside the program: its actions, later its regions."""

    __slots__ = ("actions", "buffers", "items", "offsets", "bytes")

    def __init__(self, lowering):
        self.actions = lowering.actions
        self.buffers = lowering.buffers
        self.items = None  # regions, and steps of other kinds, in order
        self.offsets = None  # of buffers, scratch of regions and inner blocks in the block's memory
        self.bytes = 0


class Loop:
    """A scan or a while loop.

    length      of a scan; None for a while loop, whose `condition` block writes `going`
    carries     (Array that the body reads, Array that it writes, slot, other slot): after each step the slots swap
    slices      (slot, Array of the whole): slot follows the step along axis 0
    results     Arrays that get the last carries
    """

    __slots__ = (
        "length", "reverse", "carries", "slices", "condition", "going", "body", "needs", "place", "counter", "results",
        "equation",
    )  # fmt: skip


class Branch:
    """One of several blocks, chosen by an int64 in memory. All write the same arrays."""

    __slots__ = ("index", "blocks", "needs", "place", "equation")


def arguments_of(lowering, values):
    """(values in memory for a block, the actions that must have run)."""
    arrays, needs = [], []
    for value in values:
        array = lowering.in_memory(value)
        needs += lowering.needs_of(value)
        arrays.append(Stored(array, lowering.labels.new(array.shape)))
    return arrays, needs


def block_of(lowering, jaxpr, inputs, targets):
    inner = Lowering(lowering.context, lowering.labels)
    inner.run(opened(jaxpr), inputs, targets)
    return Block(inner)


def slot_array(lowering, type_, behind=()):
    """An array at an address that changes while the program runs."""
    buffer = Buffer("slot", type_.dtype, type_.size, lowering.context.new_base())
    buffer.behind = behind
    return Array(buffer, type_.shape)


def carry(lowering, value, type_, needs):
    """(arrays read and written by the body): two pieces of memory, of which the first starts as the value."""
    start = lowering.allocate(type_.shape, type_.dtype)
    other = lowering.allocate(type_.shape, type_.dtype)
    needs.append(lowering.copy_to(convert_value(lowering, value, type_.dtype), start))
    behind = (start.buffer, other.buffer)
    return slot_array(lowering, type_, behind), slot_array(lowering, type_, behind), start, other


def lower_scan(lowering, equation, operands):
    params = equation.params
    consts, num_carry = params["num_consts"], params["num_carry"]
    jaxpr, length = params["jaxpr"], params["length"]
    loop = Loop()
    loop.length, loop.reverse, loop.condition, loop.going = length, params["reverse"], None, None
    loop.counter = lowering.context.new_counter()
    inputs, needs = arguments_of(lowering, operands[:consts])
    loop.carries = []
    for value, type_ in zip(operands[consts : consts + num_carry], jaxpr.output_types):
        made = carry(lowering, value, type_, needs)
        loop.carries.append(made)
        inputs.append(Stored(made[0], lowering.labels.new(type_.shape)))
    targets = [made[1] for made in loop.carries]
    loop.slices = []
    for value in operands[consts + num_carry :]:
        whole = lowering.in_memory(value)
        needs += lowering.needs_of(value)
        buffer = Buffer("slot", value.dtype, math.prod(whole.shape[1:]), lowering.context.new_base())
        buffer.behind = (whole.buffer,)
        loop.slices.append((buffer, whole))
        own = Array(buffer, whole.shape[1:], whole.strides[1:])
        inputs.append(Stored(own, lowering.labels.new(own.shape)))
    stacks = [lowering.target_for(var) for var in equation.outputs[num_carry:]]
    for stack in stacks:
        buffer = Buffer("slot", stack.dtype, math.prod(stack.shape[1:]), lowering.context.new_base())
        buffer.behind = (stack.buffer,)
        loop.slices.append((buffer, stack))
        targets.append(Array(buffer, stack.shape[1:], stack.strides[1:]))
    return finish_loop(lowering, equation, loop, block_of(lowering, jaxpr, inputs, targets), needs, stacks)


def finish_loop(lowering, equation, loop, body, needs, stacks):
    loop.body = body
    loop.needs = tuple(needs)
    # Slots are known to the threads that ran the loop; what comes after reads the last carries from fixed places.
    loop.results = [lowering.target_for(var) for var, _ in zip(equation.outputs, loop.carries)]
    lowering.actions.append(loop)
    return tuple([Stored(each, lowering.labels.new(each.shape), (loop,)) for each in (*loop.results, *stacks)])


def lower_while(lowering, equation, operands):
    params = equation.params
    cond_consts, body_consts = params["cond_consts"], params["body_consts"]
    types = params["body_jaxpr"].output_types
    loop = Loop()
    loop.length, loop.reverse, loop.slices = None, False, []
    loop.counter = lowering.context.new_counter()
    for_condition, needs = arguments_of(lowering, operands[:cond_consts])
    for_body, more = arguments_of(lowering, operands[cond_consts : cond_consts + body_consts])
    needs += more
    loop.carries = [
        carry(lowering, value, type_, needs) for value, type_ in zip(operands[cond_consts + body_consts :], types)
    ]
    state = [Stored(made[0], lowering.labels.new(made[0].shape)) for made in loop.carries]
    loop.going = lowering.allocate((), params["cond_jaxpr"].output_types[0].dtype)
    loop.condition = block_of(lowering, params["cond_jaxpr"], for_condition + state, [loop.going])
    body = block_of(lowering, params["body_jaxpr"], for_body + state, [made[1] for made in loop.carries])
    return finish_loop(lowering, equation, loop, body, needs, [])


def lower_cond(lowering, equation, operands):
    index, *operands = operands
    branch = Branch()
    chosen = convert_value(lowering, index, INT64)
    branch.index = lowering.in_memory(chosen)
    inputs, needs = arguments_of(lowering, operands)
    branch.needs = (*lowering.needs_of(chosen), *needs)
    targets = [lowering.target_for(var) for var in equation.outputs]
    branch.blocks = [block_of(lowering, jaxpr, inputs, targets) for jaxpr in equation.params["branches"]]
    lowering.actions.append(branch)
    return tuple([Stored(target, lowering.labels.new(target.shape), (branch,)) for target in targets])


RULES.update({"scan": lower_scan, "while": lower_while, "cond": lower_cond})
assert PROGRAMS <= RULES.keys()
