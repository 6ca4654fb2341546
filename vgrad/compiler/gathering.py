"""Products of windows: an operand whose elements BLAS cannot read in place, for the windows of an array overlap.

Relies on products. lowering asks, for every product; assemble writes a `windows_step`.

Formed as a matrix, the windows of a convolution take as many times the memory of its input as a window has places. Here
they are gathered by the product itself, some lines at a time, into scratch that stays in the level 2 cache.
"""

import math

from vgrad.compiler.arrays import Buffer
from vgrad.compiler.products import (
    LARGE,
    Product,
    adds_up,
    length,
    letter_strides,
    matrix_step,
    memory_of,
    merge_loops,
    merged,
)

FEW = 48  # terms of a sum: fewer are not worth adding to a large matrix
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
    def cut(self):
        """Which of the product's sizes counts the lines: "m", "n" or "k"."""
        return "k" if self.summed else "m" if self.on_left else "n"

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


def lower_product_of_windows(lowering, pair):
    """The value of a product one of whose operands is windows, which it gathers itself; None if it is no such product.

    Written W X: W the windows, X the other operand; the letters of the result are the rows, those of W alone, and the
    columns, those of X alone. Its transpose is computed where the result lies so.
    """
    for side in (0, 1):
        if overlaps(pair.arrays[side]):
            letters = pair.letters[side], pair.letters[1 - side], pair.letters[2]
            found = lines_of(letters, pair.strides[side], pair.sizes)
            columns = [x for x in letters[1] if x not in letters[0]]
            if found is not None and columns:
                return gathered(lowering, pair, side, *found, columns)
    return None


def gathered(lowering, pair, side, lines, along, summed, columns):
    sizes = pair.sizes
    k, rows = (lines, along) if summed else (along, lines)
    batch = [x for x in pair.letters[side] if x in pair.letters[1 - side] and x in pair.letters[2]]
    columns = sorted(columns, key=lambda x: -pair.strides[1 - side][x])
    if not is_matrix(k, columns, pair.strides[1 - side], sizes):
        pair.copy(lowering, 1 - side, batch + k + columns)
    wanted = lowering.targets.get(pair.var)
    result = target = lowering.target_for(pair.var)
    places = letter_strides(pair.output, target, sizes)
    if not is_matrix(rows, columns, places, sizes):
        result, places = pair.result(lowering, batch + rows + columns)
    product = Product(pair.spec, pair.needs[0] + pair.needs[1])
    product.gathering = Gathering(lines, along, summed, pair.strides[side], sizes, pair.var.type.dtype)
    swapped, product.ldc = matrix_step(places, rows, columns, sizes)
    transposed, distance = matrix_step(pair.strides[1 - side], k, columns, sizes)
    left, right = (1 - side, side) if swapped else (side, 1 - side)
    product.gathering.on_left = not swapped
    product.a, product.b, product.c = pair.arrays[left], pair.arrays[right], result
    product.m, product.n, product.k = length(rows, sizes), length(columns, sizes), length(k, sizes)
    product.transpose_a, product.lda, product.transpose_b, product.ldb = False, 0, transposed, distance
    if swapped:
        product.m, product.n = product.n, product.m
        product.transpose_a, product.lda, product.transpose_b, product.ldb = not transposed, distance, False, 0
    strides = pair.strides[left], pair.strides[right], places
    loops = merge_loops(batch, sizes, *strides)
    product.loops = [(length(x, sizes), *[each.get(x[-1], 0) for each in strides]) for x in loops]
    product.partitions = [(pair.labels[x[0]], sizes[x[0]], number) for number, x in enumerate(loops)]
    if not summed:
        product.partitions.append((pair.labels[rows[0]], sizes[rows[0]], "n" if swapped else "m"))
        return pair.value(lowering, product, target, wanted)
    if adds_up(sum([memory_of(array) for array in pair.arrays]), target, 1):
        product.partitions.append((pair.labels[k[0]], sizes[k[0]], "k"))
        product.apart = length(k[1:], sizes) < FEW and result.size * result.dtype.itemsize > LARGE
    product.partitions.append((pair.labels[columns[0]], sizes[columns[0]], "m" if swapped else "n"))
    return pair.value(lowering, product, target, wanted)


def is_matrix(rows, columns, strides, sizes):
    """Whether BLAS can read or write what has these letters as a matrix, or its transpose."""
    return (
        merged(rows, sizes, strides)
        and merged(columns, sizes, strides)
        and matrix_step(strides, rows, columns, sizes) is not None
    )
