"""Products of windows, in the Python that Numba compiles to native code: gather some rows, multiply them, go on.

Relies on native.py, whose text is compiled with this one's, and on the numbers in compiler/runtime.py. Programs without
such products never load it.

The windows of an array overlap: as a matrix they take many times the array's memory. Here a block of the matrix's lines
is copied to scratch, small enough to stay in the level 2 cache, and BLAS multiplies it there. A line is what one place
of the window sees; `run_windows` says how lines and the elements in them are found.
"""

from llvmlite import ir
from numba import types
from numba.core.extending import intrinsic

from vgrad.compiler.native import add, address_of, begin_product, load, multiply, pointer
from vgrad.compiler.runtime import ONES, ZERO


def copy_of(count):
    """An intrinsic that copies `count` 4-byte words at once."""
    vector = ir.VectorType(ir.IntType(32), count)

    @intrinsic
    def copy(typing_context, to, source):
        def generate(context, builder, signature, values):
            to, source = values
            builder.store(
                builder.load(pointer(builder, source, vector), align=4), pointer(builder, to, vector), align=4
            )
            return to

        return types.int64(types.int64, types.int64), generate

    return copy


copy_1, copy_4, copy_8, copy_16 = copy_of(1), copy_of(4), copy_of(8), copy_of(16)


def copy_words(to, source, count):
    """Copy `count` words. The last pieces overlap, so that none is shorter than need be."""
    if count >= 16:
        last = 4 * (count - 16)
        place = 0
        while place < last:
            copy_16(to + place, source + place)
            place += 64
        copy_16(to + last, source + last)
    elif count >= 8:
        copy_8(to, source)
        copy_8(to + 4 * (count - 8), source + 4 * (count - 8))
    elif count >= 4:
        copy_4(to, source)
        copy_4(to + 4 * (count - 4), source + 4 * (count - 4))
    else:
        for place in range(0, 4 * count, 4):
            copy_1(to + place, source + place)
    return 0


def copy_run(to, source, count, stride, item):
    """Copy `count` elements that lie `stride` bytes apart to places without gaps."""
    if stride == item:
        copy_words(to, source, count * item // 4)
    else:
        for _ in range(count):
            for word in range(0, item, 4):
                copy_1(to + word, source + word)
            to = to + item
            source = source + stride
    return 0


def line_at(number, lines, source):
    """The address of the first element of a line, whose number counts through the axes at `lines`, the last fastest."""
    for axis in range(3, -1, -1):
        count = load(lines + 16 * axis)
        rest = number // count if axis else 0
        source += (number - rest * count) * load(lines + 16 * axis + 8)
        number = rest
    return source


def gather(to, source, first, last, lines, along, item, columns):
    """Lines first .. last as the rows of a matrix, or as its columns. `lines`, `along`: four axes (count, stride)."""
    count_0 = load(along)
    stride_0 = load(along + 8)
    count_1 = load(along + 16)
    stride_1 = load(along + 24)
    count_2 = load(along + 32)
    stride_2 = load(along + 40)
    count_3 = load(along + 48)
    stride_3 = load(along + 56)
    inner = load(lines + 48)
    step = load(lines + 56)
    number = first
    while number < last:  # lines that lie one step apart
        line = line_at(number, lines, source)
        end = number + inner - number % inner
        end = last if last < end else end
        target = to + (number - first) * item
        if columns:
            for i in range(count_0):
                for j in range(count_1):
                    for k in range(count_2):
                        for m in range(count_3):
                            origin = line + i * stride_0 + j * stride_1 + k * stride_2 + m * stride_3
                            copy_run(target, origin, end - number, step, item)
                            target += (last - first) * item
            number = end
        while number < end:
            for i in range(count_0):
                for j in range(count_1):
                    for k in range(count_2):
                        copy_run(to, line + i * stride_0 + j * stride_1 + k * stride_2, count_3, stride_3, item)
                        to += count_3 * item
            line += step
            number += 1
    return 0


def run_windows(step, bases, scratch, start, stop, services):
    """A `windows_step`; see there."""
    extent = stop - start
    function = load(step + 24)
    kind = load(step + 32)
    on_left = load(step + 40)
    columns = load(step + 48)
    summed = load(step + 56)
    count = load(step + 64) + load(step + 72) * extent
    length = load(step + 80)
    others = load(step + 88) + load(step + 96) * extent
    block = load(step + 104)
    transpose_other = load(step + 112)
    distance = load(step + 120)
    ldc = load(step + 128)
    accumulate = load(step + 136)
    other_step = load(step + 144)
    c_step = load(step + 152)
    source = address_of(step + 160, bases, scratch, start)
    other = address_of(step + 184, bases, scratch, start)
    c = address_of(step + 208, bases, scratch, start)
    gathered = address_of(step + 232, bases, scratch, 0)
    outer = step + 256
    inner = step + 296
    lines = step + 336
    along = step + 400
    item = 16 if kind == 3 else (4 if kind == 0 else 8)
    one = services + 8 * (ONES + 2 * kind)
    zero = services + 8 * ZERO
    if others <= 0:
        return 0
    begun = begin_product(services)
    for i in range(load(outer) + load(outer + 8) * extent):
        for j in range(load(inner) + load(inner + 8) * extent):
            source_here = source + i * load(outer + 16) + j * load(inner + 16)
            other_here = other + i * load(outer + 24) + j * load(inner + 24)
            c_here = c + i * load(outer + 32) + j * load(inner + 32)
            first = 0
            while first < count:
                last = first + block if first + block < count else count
                size = last - first
                gather(gathered, source_here, first, last, lines, along, item, columns)
                own = size if columns else length
                factor = one if accumulate or (summed and first > 0) else zero
                rows = length if summed else size
                steps = size if summed else length
                # On the left the lines are rows, unless they are summed over.
                transposed = 1 if columns != summed else 0
                if on_left:
                    multiply(
                        function, one, factor, transposed, transpose_other,
                        rows, others, steps, gathered, own, other_here, distance, c_here, ldc,
                    )  # fmt: skip
                else:
                    multiply(
                        function, one, factor, transpose_other, 1 - transposed,
                        others, rows, steps, other_here, distance, gathered, own, c_here, ldc,
                    )  # fmt: skip
                other_here += size * other_step
                c_here += size * c_step
                first = last
    add(begun, -1)
    return 0
