"""Products of windows: an operand whose elements BLAS cannot read in place, for the windows of an array overlap.

Relies on products' words for letters and strides. products.lower_product asks; assemble writes a `windows_step`.

Formed as a matrix, the windows of a convolution take as many times the memory of its input as a window has places. Here
they are gathered by the product itself, some lines at a time, into scratch that stays in the level 2 cache.
"""

import math

from vgrad.compiler.arrays import Buffer

SCRATCH = 300_000  # bytes of gathered lines: they share a level 2 cache with what they are multiplied by
LEAST = 16  # lines of a block
AXES = 4  # that lines, and what lies along one, may have in memory


class Gathering:
    """How a product gathers the lines of its windows. `lines_of` says what lines are.

    on_left     whether the windows are the left operand of the product
    summed      whether the product sums over the lines
    columns     whether lines are gathered as columns
    lines, along    ((length, stride), ...) of the axes that count lines, and of those within one, the last fastest
    step        elements from one index of the outermost axis of the lines to the next
    block       lines at a time, in `scratch`
    """

    __slots__ = ("on_left", "summed", "columns", "lines", "along", "step", "block", "scratch")

    def __init__(self, lines, along, summed, strides, sizes, dtype):
        self.on_left, self.summed = True, summed
        self.lines, self.along = axes_of(lines, strides, sizes), axes_of(along, strides, sizes)
        run_of_line, run_across = [axes[-1][0] if axes[-1][1] == 1 else 0 for axes in (self.along, self.lines)]
        self.columns = run_across > run_of_line
        self.step = strides[lines[0]]
        self.block = min(math.prod([sizes[x] for x in lines]), max(LEAST, SCRATCH // (self.length * dtype.itemsize)))
        self.scratch = Buffer("lane", dtype, self.length * self.block)

    @property
    def length(self):
        return math.prod([count for count, _ in self.along])


def overlaps(array):
    """Whether elements of a strided array share memory, as those of windows do."""
    reach = 1 + sum([abs(stride) * (length - 1) for length, stride in zip(array.shape, array.strides)])
    broadcast = any([stride == 0 and length != 1 for length, stride in zip(array.shape, array.strides)])
    return reach < array.size and not broadcast


def axes_of(letters, strides, sizes):
    """((length, stride), ...) of the letters in this order, those that lie in one run made one axis."""
    axes = []
    for x in letters:
        if axes and axes[-1][1] == sizes[x] * strides[x]:
            axes[-1] = (axes[-1][0] * sizes[x], strides[x])
        else:
            axes.append((sizes[x], strides[x]))
    return tuple(axes)


def lines_of(letters, strides, sizes):
    """(letters that count lines, letters of the elements of a line, whether lines are summed) of windows; or None.

    letters: of the windows, of the other operand, of the output. What is summed and what is not are the two sides of a
    matrix; its lines are the side that lies farther apart in memory: examples and places, not what a window sees.
    """
    own, other, output = letters
    batch = [x for x in own if x in other and x in output]
    summed, kept = [x for x in own if x in other and x not in output], [x for x in own if x not in other]
    if not summed or not kept or len(batch) > 2 or min([strides[x] for x in own]) < 0:
        return None
    summed, kept = [sorted(side, key=lambda x: -strides[x]) for side in (summed, kept)]
    over_sums = strides[summed[0]] > strides[kept[0]]
    lines, along = (summed, kept) if over_sums else (kept, summed)
    if max([len(axes_of(side, strides, sizes)) for side in (lines, along)]) > AXES:
        return None
    return lines, along, over_sums
