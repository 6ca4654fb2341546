"""Memory as the compiler sees it: buffers, and arrays that are strided windows on them.

Relies on nothing. All of compiler/ relies on this. Offsets and strides count elements, not bytes.
"""

import math


class Buffer:
    """A piece of memory with an address that the running program finds in its table of bases.

    kind    "input", "output", "constant": an array of the caller, `number` says which
            "arena": a piece of the program's own memory; memory.py gives it an offset
            "lane": scratch of one lane, as large as a tile of the region that uses it
            "slot": whatever base number `number` points to at the time (slices and carries of loops)
    size    elements
    """

    __slots__ = ("kind", "number", "dtype", "size", "offset", "behind")

    def __init__(self, kind, dtype, size, number=None):
        self.kind = kind
        self.dtype = dtype
        self.size = size
        self.number = number
        self.offset = 0
        self.behind = ()  # the buffers that a slot may point to

    def __repr__(self):
        return f"<{self.kind} {self.number if self.number is not None else ''} {self.size} {self.dtype}>"


class Array:
    """A strided window on a buffer."""

    __slots__ = ("buffer", "offset", "shape", "strides")

    def __init__(self, buffer, shape, strides=None, offset=0):
        self.buffer = buffer
        self.shape = shape
        self.strides = contiguous_strides(shape) if strides is None else strides
        self.offset = offset

    @property
    def dtype(self):
        return self.buffer.dtype

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def ndim(self):
        return len(self.shape)

    def is_contiguous(self):
        expected = 1
        for length, stride in zip(reversed(self.shape), reversed(self.strides)):
            if length != 1 and stride != expected:
                return False
            expected *= length
        return True

    def window(self, shape, strides, offset=0):
        """Another window on the same buffer, `offset` elements after this one's start."""
        return Array(self.buffer, shape, strides, self.offset + offset)

    def reshaped(self, shape):
        """The same elements in another shape without a copy, or None where strides do not allow it."""
        strides = strides_of_reshape(self.shape, self.strides, shape)
        return None if strides is None else Array(self.buffer, shape, strides, self.offset)

    def __repr__(self):
        return f"Array({self.buffer!r}, {self.shape}, {self.strides}, {self.offset})"


def contiguous_strides(shape):
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def strides_of_reshape(shape, strides, new_shape):
    """Strides of `new_shape` over the same memory, or None: runs of axes that lie without gaps may be cut anew."""
    if 0 in shape:
        return contiguous_strides(new_shape)
    old = [(length, stride) for length, stride in zip(shape, strides) if length != 1]
    result, place = [], 0
    lengths = list(new_shape)
    start = 0
    while start < len(lengths):
        if lengths[start] == 1:
            result.append(0)
            start += 1
            continue
        if place >= len(old):
            return None
        total, taken = lengths[start], [lengths[start]]
        length, run_stride = old[place]
        place += 1
        while total != length:
            if total < length:
                start += 1
                total *= lengths[start]
                taken.append(lengths[start])
            else:
                following, stride = old[place]
                if run_stride != following * stride:
                    return None
                place += 1
                length *= following
                run_stride = stride
        step, pieces = run_stride, []
        for each in reversed(taken):
            pieces.append(step)
            step *= each
        result.extend(reversed(pieces))
        start += 1
    return tuple(result)
