"""Reading and writing at computed places to the compiler: gather, scatter, slices that move, windows added up.

Relies on lowering, whose RULES it fills in.
"""

import math

import numpy as np

from vgrad.compiler.lowering import RULES, Root, apply, convert_value, stored
from vgrad.compiler.products import adds_up
from vgrad.compiler.values import (
    ZERO,
    Constant,
    Gathered,
    Position,
    Sliced,
    Stored,
    View,
    added,
    along,
    broadcast_index,
    moved,
    position_entry,
)
from vgrad.primitives.comparison import eq, lt, select
from vgrad.primitives.elementwise import add


def lower_gather(lowering, equation, operands):
    (table, *indices), params = operands, equation.params
    var = equation.outputs[0]
    common = var.type.shape[: var.type.ndim - len(table.shape) + len(params["axes"])]
    labels = list(lowering.labels.new(var.type.shape))
    for each in indices:
        extra = len(common) - len(each.shape)
        for axis, own in enumerate(each.labels):
            if each.shape[axis] == common[extra + axis]:
                lowering.labels.unite(own, labels[extra + axis])
    rest = [axis for axis in range(len(table.shape)) if axis not in params["axes"]]
    for place, axis in enumerate(rest, start=len(common)):
        if labels[place] is not None:
            labels[place] = table.labels[axis]
    if isinstance(table, Constant) and params.get("outside", "clip") == "clip":
        return Constant(table.number, var.type.shape, table.dtype, tuple(labels))
    table = stored(lowering, table)
    positions, axes, indices = split_indices(lowering, table, indices, params["axes"], common, labels)
    outside = params.get("outside", "clip")
    value = Gathered(table, indices, axes, outside, positions, common, var.type.shape, tuple(labels))
    if not axes:
        return View(table, var.type.shape, value.table_index, value.labels)
    value.made_of(indices, cost=3 * len(indices))
    return value


def split_indices(lowering, table, indices, axes, common, labels):
    """(views of Positions by axis, the other axes, their indices): some places are those of the elements themselves.

    vmap makes such indices, 0, 1, 2, ... along the examples, wherever every example reads or writes its own rows.
    """
    positions, others = {}, []
    for axis, index in zip(axes, indices):
        entry = position_entry(index, tuple([along(place) for place in range(len(index.shape))]))
        if entry is None or counted_length(index) > table.shape[axis]:
            others.append((axis, index))
            continue
        positions[axis] = index
        entry = position_entry(index, broadcast_index(index.shape, common, tuple(map(along, range(len(common))))))
        if len(entry[1]) == 1 and common[entry[1][0][0]] == table.shape[axis]:
            lowering.labels.unite(table.labels[axis], labels[entry[1][0][0]])
    return positions, tuple([axis for axis, _ in others]), [index for _, index in others]


def counted_length(value):
    while isinstance(value, View):
        value = value.operand
    return value.shape[value.axis]


def lower_dynamic_slice(lowering, equation, operands):
    table, *starts = operands
    var = equation.outputs[0]
    table = stored(lowering, table)
    starts = [None if a == b else start for start, a, b in zip(starts, table.shape, var.type.shape)]
    labels = lowering.labels.new(var.type.shape)
    labels = tuple([own if s is None and n is not None else n for s, own, n in zip(starts, table.labels, labels)])
    value = Sliced(table, starts, var.type.shape, labels)
    value.cost = 3
    return value


def lower_dynamic_update_slice(lowering, equation, operands):
    operand, update, *starts = operands
    var = equation.outputs[0]
    target = lowering.target_for(var)
    before = lowering.copy_to(operand, target)
    starts = [None if a == b else start for start, a, b in zip(starts, operand.shape, update.shape)]
    if 0 in update.shape:
        return Stored(target, operand.labels, (before,))
    window = target.window(update.shape, target.strides)
    root = Root(
        "store", None, convert_value(lowering, update, var.type.dtype), window, after=(before,),
        dynamic=(starts, operand.shape, update.shape),
    )  # fmt: skip
    lowering.actions.append(root)
    return Stored(target, operand.labels, (before, root))


def lower_scatter(lowering, equation, operands):
    (operand, updates, *indices), params = operands, equation.params
    var = equation.outputs[0]
    updates = convert_value(lowering, updates, var.type.dtype)
    common = len(updates.shape) - (len(var.type.shape) - len(params["axes"]))
    labels = list(updates.labels)
    positions, axes, indices = split_indices(lowering, operand, indices, params["axes"], updates.shape[:common], labels)
    own = tuple([ZERO if length == 1 else along(axis) for axis, length in enumerate(updates.shape)])
    index = target_index(operand, updates, own, common, positions, axes)
    from_zeros = params["kind"] == "add" and isinstance(operand, Constant) and operand.number == 0
    if from_zeros and len(axes) == 1 and 0 not in updates.shape:
        found = one_hot(lowering, operand, updates, indices[0], index, axes[0], common)
        if found is not None:
            return found
    target = lowering.target_for(var)
    shared = from_zeros and not safe_axes(updates.shape, index)
    partial = shared and adds_up(2 * math.prod(updates.shape), target, lowering.context.threads)
    before = () if partial else (lowering.copy_to(operand, target),)
    if 0 in updates.shape:
        return Stored(target, operand.labels, before or (lowering.copy_to(operand, target),))
    root = Root(
        "scatter", None, updates, target, index=index, after=before, dynamic=(indices, axes, params["kind"], common),
        partial=partial,
    )  # fmt: skip
    lowering.actions.append(root)
    return Stored(target, operand.labels, (*before, root))


def target_index(operand, updates, own, common, positions, axes):
    """Where in the operand an update at the index `own` goes, ZERO along the computed axes."""
    rest = iter(own[common:])
    entries = []
    for axis in range(len(operand.shape)):
        if axis in positions:
            view = positions[axis]
            entries.append(position_entry(view, broadcast_index(view.shape, updates.shape[:common], own[:common])))
        else:
            entries.append(ZERO if axis in axes else next(rest))
    return tuple(entries)


def safe_axes(shape, index):
    """The axes along which different elements go to different places: threads may divide the work there."""
    found = []
    for own, length in enumerate(shape):
        owners = [terms for _, terms in index if any([axis == own for axis, _ in terms])]
        if length != 1 and len(owners) == 1 and len(owners[0]) == 1:
            found.append(own)
    return found


def one_hot(lowering, operand, updates, place, index, axis, common):
    """The scatter of at most one update to each row of zeros: select(place == position, update, 0); None if it is not.

    It is computed where it is read, and needs no memory: the gradient of choosing one element of each row.
    """
    owners = {}
    for place_in_target, (constant, terms) in enumerate(index):
        if place_in_target == axis or (not terms and operand.shape[place_in_target] == 1):
            continue
        if constant or len(terms) != 1 or terms[0][1] != 1 or terms[0][0] in owners:
            return None
        if updates.shape[terms[0][0]] != operand.shape[place_in_target]:
            return None
        owners[terms[0][0]] = place_in_target
    if any([length != 1 and own not in owners for own, length in enumerate(updates.shape)]):
        return None
    shape, length = operand.shape, operand.shape[axis]
    labels = lowering.labels.new(shape)
    for own, target_axis in owners.items():
        lowering.labels.unite(updates.labels[own], labels[target_axis])
    lowering.labels.unite(operand.labels[axis], labels[axis])

    def spread(value, first):
        """The value, whose axes are those of the updates from `first` on, over the shape of the target."""

        def pull(index):
            return tuple([ZERO if n == 1 else index[owners[own]] for own, n in enumerate(value.shape, start=first)])

        return View(value, shape, pull, labels)

    def number(value, like):
        return Constant(like.dtype.type(value), (), like.dtype, ())

    if np.iinfo(place.dtype).max < length:
        place = convert_value(lowering, place, np.dtype(np.int64))
    if place.dtype.kind == "i":
        size = lowering.context.scalar(place.dtype.type(length), place.dtype)
        wrapped = apply(lowering, add, place, size)
        place = apply(lowering, select, apply(lowering, lt, place, number(0, place)), wrapped, place)
    position = Position(0, (length,), place.dtype, (labels[axis],))
    position = View(position, shape, lambda index: (index[axis],), labels)
    chosen = apply(lowering, eq, spread(place, common - len(place.shape)), position)
    return apply(lowering, select, chosen, spread(updates, 0), number(0, updates))


def lower_overlap_add(lowering, equation, operands):
    (operand,), params, var = operands, equation.params, equation.outputs[0]
    axes, strides, dilations = params["axes"], params["strides"], params["dilations"]
    target = lowering.target_for(var)
    labels = list(lowering.labels.new(var.type.shape))
    for axis in range(len(labels)):
        if axis not in axes and labels[axis] is not None:
            labels[axis] = operand.labels[axis]
    zeros = Constant(0, var.type.shape, var.type.dtype, tuple(labels))
    before = lowering.copy_to(zeros, target)
    if 0 in operand.shape:
        return Stored(target, tuple(labels), (before,))
    rank = len(labels)
    entries = [ZERO if length == 1 else along(axis) for axis, length in enumerate(operand.shape)]
    index = entries[:rank]
    for number, axis in enumerate(axes):
        index[axis] = added(moved(index[axis], strides[number], 0), moved(entries[rank + number], dilations[number], 0))
    root = Root("add", None, operand, target, index=tuple(index), after=(before,))
    lowering.actions.append(root)
    return Stored(target, tuple(labels), (before, root))


RULES.update(
    {
        "gather": lower_gather,
        "dynamic_slice": lower_dynamic_slice,
        "dynamic_update_slice": lower_dynamic_update_slice,
        "scatter": lower_scatter,
        "overlap_add": lower_overlap_add,
    }
)
