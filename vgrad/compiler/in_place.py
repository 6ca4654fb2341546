"""Results that take the memory of what they are made of: a step's new weights lie where the gradient was summed up.

Relies on schedule. assemble asks for it before kernels are written.
"""

from vgrad.compiler.schedule import Kernel


def write_in_place(block, places, buffers_of):
    """Give an output the buffer of the arena that it is formed from, element by element, where nobody needs that after.

    The buffer becomes the output: what was to be written to the arena goes to the caller's array at once.
    buffers_of(place) gives all that a place reads or writes.
    """
    users = {}
    for place in places:
        for buffer in buffers_of(place):
            users[buffer] = users.get(buffer, 0) | 1 << place.number
    own = set(block.buffers)
    for place in places:
        if isinstance(place, Kernel) and not place.serial:
            for root in place.roots:
                if is_whole_output(root) and users[root.target.buffer] == 1 << place.number:
                    buffer = next((each for each in taken(place, root, own) if not users[each] & ~seen(place)), None)
                    if buffer is not None:
                        block.buffers.remove(buffer)
                        buffer.kind, buffer.number = "output", root.target.buffer.number
                        root.target.buffer = buffer


def seen(place):
    """The place and all that have run before it, as bits."""
    return place.ancestors | 1 << place.number


def is_whole_output(root):
    target = root.target
    plain = root.kind == "store" and root.dynamic is None and target.buffer.kind == "output"
    return plain and target.is_contiguous() and target.size == target.buffer.size


def taken(place, root, own):
    """Buffers of the block of the output's size, read by its kernel only for the element that is written then."""
    target = root.target
    reads = [(each, value, index) for each in place.roots for value, index in each.reads if value.array is not None]
    for reader, value, index in reads:
        buffer, alike = value.array.buffer, value.array.shape == target.shape and value.array.is_contiguous()
        if reader is not root or index != root.own_index() or not alike or buffer not in own:
            continue
        if buffer.kind != "arena" or buffer.size != target.size or buffer.dtype != target.dtype:
            continue
        if sum([one.array.buffer is buffer for _, one, _ in reads]) == 1 and writes_none(place, buffer):
            yield buffer


def writes_none(place, buffer):
    return all([root.target.buffer is not buffer for root in place.roots])
