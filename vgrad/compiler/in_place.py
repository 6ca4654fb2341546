"""Results that take the memory of what they are made of: a step's new weights lie where the gradient was summed up.

Relies on schedule. assemble asks for it before kernels are written.
"""

from vgrad.compiler.schedule import Kernel


def write_in_place(block, places, buffers_of):
    """Give an output the buffer of the arena that it is formed from, element by element, where nobody needs that after.

    The buffer becomes the output: what was to be written to the arena goes to the caller's array at once.
    buffers_of(place) gives all that a place reads or writes.
    """
    users, own = {}, set(block.buffers)
    for place in places:
        for buffer in buffers_of(place):
            users[buffer] = users.get(buffer, 0) | 1 << place.number
    for place in places:
        if not isinstance(place, Kernel) or place.serial:
            continue
        run = place.ancestors | 1 << place.number  # the kernel and all that has run before it, as bits
        for root in place.roots:
            if not is_whole_output(root) or users[root.target.buffer] != 1 << place.number:
                continue
            for buffer in alike(place, root):
                if buffer in own and not users[buffer] & ~run:
                    own.remove(buffer)
                    block.buffers.remove(buffer)
                    buffer.kind, buffer.number = "output", root.target.buffer.number
                    root.target.buffer = buffer
                    break


def is_whole_output(root):
    target = root.target
    plain = root.kind == "store" and root.dynamic is None and target.buffer.kind == "output"
    return plain and target.is_contiguous() and target.size == target.buffer.size


def alike(place, root):
    """Buffers like the root's output that its kernel touches only to read the element that is written then."""
    target = root.target
    touched = [value.array for each in place.roots for value, _ in each.reads if value.array is not None]
    touched += [each.target for each in place.roots]
    for value, index in root.reads:
        array = value.array
        if array is None or index != root.own_index():
            continue
        if array.shape != target.shape or array.size != array.buffer.size or array.dtype != target.dtype:
            continue
        if array.is_contiguous() and sum([each.buffer is array.buffer for each in touched]) == 1:
            yield array.buffer
