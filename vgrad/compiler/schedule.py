"""Puts loop nests together: roots become kernels, kernels and products become regions.

Relies on lowering and indexing. emit writes a kernel's source; assemble writes the regions' instructions.

A kernel is one nest of loops over the axes of its roots. Outer axes belong to all of them; inner axes are walked in
phases, one after the other, for each element of the outer axes: a row program (softmax, layer norm, their gradients)
reads a row once from memory and then from cache. A reduction whose result has just the outer axes can be used in the
same kernel; any other is finished when the kernel ends.
"""

import math

from vgrad.compiler.indexing import safe_axes
from vgrad.compiler.lowering import POSITIONS, Root
from vgrad.compiler.values import Reduced

LONG = 4096  # elements of a row whose reduction is not put off
CANDIDATES = 6  # how many earlier kernels a root without producers among them looks at


class Kernel:
    """Roots that share loops.

    sizes, labels   of the kernel's axes; outer and inner list axes in the order of the loops
    axes            for each root the kernel axis of each of its own (None for length 1)
    serial          True if its iterations must run in order on one thread
    cut             the axis that tiles and lanes divide, if that is not the first of outer
    """

    __slots__ = (
        "number", "roots", "axes", "sizes", "labels", "outer", "inner", "split", "serial", "cut", "ancestors",
        "emitted",
    )  # fmt: skip

    def __init__(self, number):
        self.number = number
        self.roots = []
        self.axes = {}
        self.sizes = []
        self.labels = []
        self.outer = []
        self.inner = []
        self.split = False  # whether outer and inner are settled
        self.serial = False
        self.cut = None
        self.ancestors = 0
        self.emitted = None

    def value_axes(self, root):
        """The kernel axis of each axis of the root's value."""
        axes = self.axes[root]
        if isinstance(root.value, Reduced):
            return [axis for place, axis in enumerate(axes) if place not in root.value.axes]
        return axes


class Step:
    """A product, host call or control instruction in the order of the program."""

    __slots__ = ("number", "action", "ancestors")

    def __init__(self, number, action):
        self.number = number
        self.action = action
        self.ancestors = 0


def reads_of(root):
    """(leaf, index) for everything that the root's expression reads, indices in the root's own axes."""
    found, seen = [], set()
    pending = list(root.starts())
    first = root.element if root.kind == "store" and root.value is root.element else None
    while pending:
        value, index = pending.pop()
        if value.is_leaf and value is not first:
            key = (id(value), index)
            if key not in seen:
                seen.add(key)
                found.append((value, index))
            continue
        first = None if value is first else first
        key = (id(value), index)
        if key in seen:
            continue
        seen.add(key)
        table = getattr(value, "table", None)
        if table is not None:
            found.append((table, None))
        pending.extend(value.requests(index))
    return found


def fuse(actions, labels):
    """Kernels and steps, in an order in which they can run; every root's `place` is its kernel."""
    places = []
    roots = [action for action in actions if isinstance(action, Root)]
    for action in actions:
        if isinstance(action, Root):
            if action.place is None:
                place_root(action, places, labels)
        else:
            step = Step(len(places), action)
            action.place = step
            for need in action.needs:
                step.ancestors |= need.place.ancestors | 1 << need.place.number
            places.append(step)
    for root in roots:
        for value, _ in root.reads:
            if value.root is not None and value.root.place is not root.place:
                value.root.external = True
    return in_order(places)


def place_root(root, places, labels):
    root.reads = reads_of(root)
    needs = set()
    for value, _ in root.reads:
        if value.root is not None:
            if value.root.place is None:  # a later action asked for it in memory
                place_root(value.root, places, labels)
            needs.add(value.root.place)
        else:
            needs.update([each.place for each in value.producers])
    needs.update([each.place for each in root.after])
    bits = 0
    for each in needs:
        bits |= 1 << each.number
    ancestors = bits
    for each in needs:
        ancestors |= each.ancestors
    for kernel in candidates(needs, places, root):
        others = [each for each in needs if each is not kernel]
        if any([each.ancestors >> kernel.number & 1 for each in others]):
            continue
        if ancestors & ~(1 << kernel.number) & ~kernel.ancestors and would_wait(kernel, root):
            continue
        if not join(kernel, root, labels):
            continue
        bit = 1 << kernel.number
        added = ancestors & ~bit & ~kernel.ancestors
        if added:
            kernel.ancestors |= added
            for place in places:
                if place.ancestors & bit:
                    place.ancestors |= kernel.ancestors
        root.place = kernel
        return
    kernel = Kernel(len(places))
    start(kernel, root, labels)
    kernel.ancestors = ancestors
    root.place = kernel
    places.append(kernel)


def candidates(needs, places, root):
    """Kernels that the root might join: those it reads from, latest first, then the latest others."""
    if root.kind in ("scatter", "add", "cumulate", "first") or root.dynamic is not None or 0 in root.shape:
        return []
    found = sorted([each for each in needs if isinstance(each, Kernel)], key=lambda each: -each.number)
    others = [each for each in places[-CANDIDATES:] if isinstance(each, Kernel) and each not in needs]
    return [each for each in [*found, *reversed(others)] if not each.serial and fits_more(each)]


def would_wait(kernel, root):
    """Whether a root that needs more than the kernel would keep back a reduction of long rows for little work.

    The sum of the norms of all leaves is an example: each is best taken while its leaf is in the cache.
    """
    return shrinks(kernel) and math.prod(root.shape) * LONG <= math.prod(kernel.sizes)


def fits_more(kernel):
    first = kernel.roots[0]
    regular = first.kind in ("store", "reduce") and first.dynamic is None
    return regular and len(kernel.roots) < 24 and 0 not in first.shape


# ------------------------------------------------------------------------------------------------- joining a kernel


def join(kernel, root, labels):
    """Give the root a place in the kernel's loops, if it has one there."""
    mapping = axes_from_reads(kernel, root)
    if mapping is None:
        return False
    mapping = axes_from_labels(kernel, root, mapping, labels)
    if mapping is None:
        return False
    used = {axis for axis in mapping.values()}
    new = [axis for axis, length in enumerate(root.shape) if length != 1 and axis not in mapping]
    outer, inner = set(kernel.outer), set(kernel.inner)
    whole = outer | inner
    if root.kind == "reduce":
        kept = {mapping[axis] for axis in range(len(root.shape)) if axis in mapping and axis not in root.value.axes}
        if root.value.kind in POSITIONS and kernel.split and (kept != outer or used != whole):
            return False
        new_kept = [axis for axis in new if axis not in root.value.axes]
        if new:
            if inner or used != outer or new_kept or not outer:
                return False
        elif kernel.split:
            if used != whole and used != outer:
                return False
        elif used != outer or not split_for(kernel, root, mapping, kept):
            return False
    elif new:
        if inner or used != outer or not outer or (kernel.split and not any_prefix(kernel)):
            return False
        if root.kind == "store" and fastest(root) not in new:
            return False  # its elements would be written with gaps
    elif used != whole and not (kernel.split and used == outer):
        return False
    elif root.kind == "store" and inner and used == whole and mapping[fastest(root)] not in inner:
        return False
    if new:
        kernel.split = True
        for axis in new:
            mapping[axis] = add_axis(kernel, root, axis)
            kernel.inner.append(mapping[axis])
    kernel.roots.append(root)
    kernel.axes[root] = [mapping.get(axis) for axis in range(len(root.shape))]
    return True


def fastest(root):
    """The axis along which the elements of a root's target lie closest."""
    return min(
        [axis for axis, length in enumerate(root.shape) if length != 1],
        key=lambda axis: (abs(root.target.strides[axis]) or math.inf, -axis),
    )


def any_prefix(kernel):
    """Inner axes may be added to a kernel whose loops so far are all outer."""
    return not kernel.inner


def add_axis(kernel, root, axis):
    kernel.sizes.append(root.shape[axis])
    kernel.labels.append(root.labels[axis])
    return len(kernel.sizes) - 1


def axes_from_reads(kernel, root):
    """Axes that are settled by what the root reads from the kernel's own values; None if it cannot read them there."""
    mapping = {}
    for value, index in root.reads:
        producer = value.root
        if producer is None:
            if any([each.place is kernel for each in value.producers]):
                return None
            continue
        if producer.place is not kernel:
            continue
        if index is None or producer.value is not value or is_terminal(kernel, producer):
            return None
        for entry, axis in zip(index, kernel.value_axes(producer)):
            if axis is None:
                continue
            constant, terms = entry
            if constant or len(terms) != 1 or terms[0][1] != 1:
                return None
            own = terms[0][0]
            if root.shape[own] != kernel.sizes[axis] or mapping.setdefault(own, axis) != axis:
                return None
    if any([each.place is kernel for each in root.after]) or len(set(mapping.values())) != len(mapping):
        return None
    return mapping


def is_terminal(kernel, root):
    """Whether the root's value is complete only when the kernel ends."""
    if root.kind == "store":
        return False
    axes = kernel.value_axes(root)
    return {axis for axis in axes if axis is not None} != set(kernel.outer) or not kernel.split


def axes_from_labels(kernel, root, mapping, labels):
    """The other axes, matched to the kernel's by label; those that find none are left out."""
    used = set(mapping.values())
    for own, length in enumerate(root.shape):
        if length == 1 or own in mapping:
            continue
        label = labels.find(root.labels[own])
        for axis in [*kernel.outer, *kernel.inner]:
            if axis not in used and kernel.sizes[axis] == length and labels.find(kernel.labels[axis]) == label:
                mapping[own] = axis
                used.add(axis)
                break
    if not mapping and (kernel.sizes or any([length != 1 for length in root.shape])):
        return None  # nothing in common
    return mapping


def start(kernel, root, labels):
    """A kernel of one root."""
    axes = []
    for axis, length in enumerate(root.shape):
        axes.append(add_axis(kernel, root, axis) if length != 1 else None)
    kernel.roots.append(root)
    kernel.axes[root] = axes
    whole = [axis for axis in axes if axis is not None]
    if root.kind == "reduce":
        kernel.outer = whole
        kept = {axis for place, axis in enumerate(axes) if axis is not None and place not in root.value.axes}
        split_for(kernel, root, {place: axis for place, axis in enumerate(axes) if axis is not None}, kept)
    elif root.kind == "cumulate":
        along_axis = axes[root.value.axis]
        kernel.outer = [axis for axis in whole if axis != along_axis]
        kernel.inner = [along_axis] if along_axis is not None else []
        kernel.split = True
        kernel.serial = not kernel.outer
    elif root.kind == "first":
        kernel.outer = [axis for axis in whole if axis != axes[root.value.axis]]
        kernel.split, kernel.serial = True, not kernel.outer
    else:
        kernel.outer = whole
        if root.kind in ("scatter", "add"):
            safe = [axes[own] for own in safe_axes(root.shape, root.index)[:1]]
            closest = [axes[own] for own in closest_axis(root)]
            kernel.outer = safe + [axis for axis in whole if axis not in safe + closest]
            kernel.inner = [axis for axis in closest if axis not in safe or len(kernel.outer) > 1]
            kernel.outer = [axis for axis in kernel.outer if axis not in kernel.inner]
            kernel.cut = safe[0] if safe else None
            kernel.serial = not safe and not root.partial
            kernel.split = True


def closest_axis(root):
    """The axis along which updates go to places side by side, as a list: the last loop, whatever the others are."""
    for own, length in enumerate(root.shape):
        steps = [
            stride * k
            for (_, terms), stride in zip(root.index, root.target.strides)
            for axis, k in terms
            if axis == own
        ]
        if length != 1 and steps == [1]:
            return [own]
    return []


def split_for(kernel, root, mapping, kept):
    """Settle outer and inner axes of a kernel by its first reduction, over `kernel.outer` minus `kept`."""
    order, steps = by_memory(kernel, root, mapping)
    if root.value.kind in POSITIONS:  # a position is found by loops over all elements, the inner ones
        kernel.outer = [axis for axis in order if axis in kept]
        kernel.inner = [axis for axis in order if axis not in kept]
        kernel.split, kernel.serial = True, not kernel.outer
        return True
    reduced = [axis for axis in order if axis not in kept]
    if not reduced:
        kernel.split = True
        return True
    if not kept:
        cut = 1  # everything is reduced: rows are added up, then the sums of rows
    elif order[-1] in kept and len(kept) < len(order):
        first = order.index(reduced[0])
        cut = first or next((place for place, axis in enumerate(order) if axis in kept), 1)
    elif order[0] not in kept and any([steps[one] == steps[other] != 0 for one in kept for other in reduced]):
        # Sums over the places of windows, for every place within: row by row of what lies in memory.
        cut = max([place for place, axis in enumerate(order) if axis in kept]) + 1
    else:
        order = [axis for axis in order if axis in kept] + reduced
        cut = len(kept)
    kernel.outer, kernel.inner = order[:cut], order[cut:]
    kernel.split = True
    return True


def by_memory(kernel, root, mapping):
    """(the kernel's axes in the order of their strides in the largest array that the reduction reads, the strides).

    Largest strides come first; of axes with one stride, as windows have, the shorter.
    """
    best, strides = -1, {}
    for value, index in root.reads:
        if index is None or value.array is None:
            continue
        own = {}
        for (_, terms), stride in zip(index, value.array.strides):
            for axis, coefficient in terms:
                own[axis] = own.get(axis, 0) + abs(coefficient * stride)
        size = len([axis for axis, stride in own.items() if stride])
        if (size, value.array.size) > (best, 0) and size > best:
            best, strides = size, own
    by_axis = {axis: strides.get(own, 0) for own, axis in mapping.items()}
    order = list(kernel.outer)
    by_axis = {axis: by_axis.get(axis, 0) for axis in order}
    return sorted(order, key=lambda axis: (-by_axis[axis], by_axis[axis] and kernel.sizes[axis])), by_axis


# ---------------------------------------------------------------------------------------------------------- the order


def in_order(places):
    """The places as they were made, but each with all that it needs before it, and reductions as soon as they can run.

    A kernel that was joined by later roots draws what these need before itself. A reduction to little, a norm for
    example, reads what was made just before from the cache. Nothing else is moved.
    """
    done, ordered, by_number = 0, [], {place.number: place for place in places}
    waiting = [place for place in places if shrinks(place)]
    for place in places:
        if done >> place.number & 1:
            continue
        missing = [by_number[number] for number in bits_of(place.ancestors & ~done)]
        for each in (*sorted(missing, key=lambda each: each.ancestors.bit_count()), place):
            if done >> each.number & 1:
                continue
            ordered.append(each)
            done |= 1 << each.number
            ready = [one for one in waiting if one.ancestors >> each.number & 1 and not one.ancestors & ~done]
            for one in ready:
                waiting.remove(one)
                if not done >> one.number & 1:
                    ordered.append(one)
                    done |= 1 << one.number
    return ordered


def shrinks(place):
    """Whether a place is a kernel that makes little of much: it reads 16 times what it writes, or more."""
    if not isinstance(place, Kernel) or any([root.kind != "reduce" for root in place.roots]):
        return False
    read = {id(value.array.buffer): value.array.size for root in place.roots for value, _ in root.reads if value.array}
    return sum(read.values()) >= 16 * sum([root.target.size for root in place.roots])


def bits_of(number):
    """The places of the ones in a number's binary form."""
    found = []
    while number:
        lowest = number & -number
        found.append(lowest.bit_length() - 1)
        number ^= lowest
    return found
