"""Places in the arena for buffers that are not needed at the same time.

Relies on arrays.
"""

ALIGNMENT = 64


def place_buffers(sizes, first, last):
    """(offsets, total): offsets in bytes such that buffers needed at the same time do not overlap.

    sizes           {buffer: bytes}
    first, last     {buffer: position}: where in the program it is needed first and last
    The largest buffer goes first, each into the lowest gap that is free for as long as it is needed.
    """
    offsets, placed, total = {}, [], 0
    for buffer in sorted(sizes, key=lambda each: -sizes[each]):
        size = -(-sizes[buffer] // ALIGNMENT) * ALIGNMENT
        begin, end = first[buffer], last[buffer]
        taken = sorted([(o, s) for o, s, b, e in placed if b <= end and begin <= e])
        offset = 0
        for start, length in taken:
            if start - offset >= size:
                break
            offset = max(offset, start + length)
        offsets[buffer] = offset
        placed.append((offset, size, begin, end))
        total = max(total, offset + size)
    return offsets, total


def most_at_once(sizes, first, last):
    """The bytes of the buffers that are needed at the same time, where that is most: no placement takes less."""
    changes = {}
    for buffer, size in sizes.items():
        changes[first[buffer]] = changes.get(first[buffer], 0) + size
        changes[last[buffer] + 1] = changes.get(last[buffer] + 1, 0) - size
    total = most = 0
    for position in sorted(changes):
        total += changes[position]
        most = max(most, total)
    return most
