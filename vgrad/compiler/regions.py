"""Regions: runs of kernels and products that go over the same examples, tile by tile, each lane on its own.

Relies on schedule, emit, products and memory. assemble makes instructions of them.

Within a region a tile of examples goes through all its steps while what they hand on is in cache: values that nobody
outside reads live in scratch of the size of a tile. A value is handed on row by row: its writer and its readers
reach, for example e, the same row e and nothing else.
"""

from vgrad.compiler.emit import Access, Emitted
from vgrad.compiler.memory import most_at_once, place_buffers

CACHE = 400_000  # bytes of scratch per tile: they share a level 2 cache with what is read and written once
FEWER = 4  # where no product gains from more rows, a tile takes CACHE / FEWER
LEAST_ROWS = 48  # of a product: fewer waste BLAS
# Seconds, per thread. Only their ratios and the cost of a barrier matter.
PER_OPERATION, PER_BYTE, PER_FLOP, PER_STEP = 2e-11, 4e-11, 9e-12, 1e-7
PER_SINGLE, PER_LOOP = 3e-10, 5e-9  # an operation that is not one of a vector's, and the beginning of an inner loop
WORTH_A_LANE = 4e-6


class Part:
    """A kernel or a product, and the axis along which the region cuts it.

    place       the Kernel or Step; emitted or product is what it runs
    label, extent, how, unit     the axis: `how` is None for kernels, else as in Product.partitions; unit rows of it
                make one of the region's
    accesses    Access for each buffer, along that axis
    partial     {buffer: kind of reduction}: results that are complete only when all examples have been seen
    alone       whether it joins its like only, which take all their rows at once
    """

    __slots__ = ("place", "emitted", "product", "label", "extent", "how", "unit", "accesses", "partial", "alone",
                 "seconds")  # fmt: skip

    def __init__(self, place, content, option, labels):
        self.place = place
        label, self.extent, self.how = option
        self.label = labels.find(label)
        if isinstance(content, Emitted):
            self.emitted, self.product = content, None
            self.unit = content.unit
            self.accesses = content.accesses
            self.partial = {buffer: kind for buffer, (kind, _) in content.partial.items()}
            self.alone = False
            work = (content.flops - content.single_flops) * PER_OPERATION + content.single_flops * PER_SINGLE
            self.seconds = max(work + content.loops_begun * PER_LOOP, content.bytes * PER_BYTE) + PER_STEP
        else:
            self.emitted, self.product = None, content
            self.unit = 1
            if self.how is not None:
                self.unit = cut_length(content, self.how) // self.extent
            self.accesses = product_accesses(content, self.how, self.unit)
            self.partial = {content.c.buffer: "sum"} if content.sums or self.how == "k" else {}
            self.alone = content.apart and self.how == "k"
            self.seconds = max(content.flops * PER_FLOP, content.bytes * PER_BYTE) + PER_STEP

    def scratch(self):
        """The buffers in a lane's scratch that are this part's own."""
        if self.emitted is not None:
            return [buffer for buffer, _ in self.emitted.references if buffer.kind == "lane"]
        return [] if self.product.gathering is None else [self.product.gathering.scratch]


def product_accesses(product, how, unit):
    found = []
    for array, position, writes in ((product.a, 1, False), (product.b, 2, False), (product.c, 3, True)):
        row = product_row(product, how, unit, position)
        if row:
            reach = sum([stride * (length - 1) for length, stride in zip(array.shape, array.strides)])
            others = reach - row * (product_extent(product, how, unit) - 1)
            if array.offset + others >= row or min(array.strides, default=0) < 0:
                row = None
        found.append(Access(array.buffer, writes, row or None))
    return found


def product_extent(product, how, unit):
    return cut_length(product, how) // unit


def cut_length(product, how):
    return {"m": product.m, "n": product.n, "k": product.k}.get(how) or product.loops[how][0]


def product_row(product, how, unit, position):
    """Elements between one example's part of operand `position` (1 a, 2 b, 3 c) and the next one's; 0 if shared."""
    if how is None:
        return 0
    gathering = product.gathering
    if gathering is not None and position == (1 if gathering.on_left else 2) and how in ("m", "n", "k"):
        return gathering.step if how == gathering.cut else 0
    if how == "n":
        return (0, product.ldb if product.transpose_b else 1, 1)[position - 1] * unit
    if how == "k":
        return (product.lda if product.transpose_a else 1, 1 if product.transpose_b else product.ldb, 0)[
            position - 1
        ] * unit
    if how != "m":
        return product.loops[how][position] * unit
    if position == 2:
        return 0
    if position == 3:
        return product.ldc * unit
    return unit if product.transpose_a else product.lda * unit


def options(place, content, labels):
    """The ways to cut a step, as Parts; one uncut if there is none."""
    if isinstance(content, Emitted):
        return [Part(place, content, (content.label, content.extent, None), labels)]
    return [Part(place, content, option, labels) for option in content.partitions]


class Region:
    """Parts that run together. Filled by `finish`: lanes, tile, and the scratch of a lane.

    offsets     {buffer: offset in the lane's scratch, in bytes}
    rows        {buffer: elements of one example}, for buffers that are as large as a tile
    """

    __slots__ = ("parts", "label", "extent", "alone", "written", "read", "lanes", "tile", "offsets", "rows",
                 "lane_bytes", "block", "partial")  # fmt: skip

    def __init__(self, part):
        self.parts = [part]
        self.label = part.label
        self.extent = part.extent
        self.alone = part.alone
        self.written = {}
        self.read = {}
        self.note(part)
        self.lanes = 1
        self.tile = None
        self.offsets = {}
        self.rows = {}
        self.lane_bytes = 0
        self.block = None
        self.partial = {}

    def note(self, part):
        for buffer, writes, row in part.accesses:
            into = self.written if writes else self.read
            into[buffer] = row if into.get(buffer, row) == row else None
        for buffer in part.partial:
            self.written[buffer] = None

    def accepts(self, part):
        """Whether the part may run tile by tile behind the others."""
        if part.label is None or part.label != self.label or part.extent != self.extent or self.extent < 2:
            return False
        if self.alone != part.alone:
            return False
        for buffer, writes, row in part.accesses:
            if buffer in self.written and (row is None or self.written[buffer] != row):
                return False
            if writes and buffer in self.read and (row is None or self.read[buffer] != row):
                return False
        return not any([buffer in self.written for buffer in part.partial])

    def add(self, part):
        self.parts.append(part)
        self.note(part)

    def finish(self, threads, uses):
        """Choose lanes and tile, and give scratch to what only this region uses. `uses`: {buffer: set of regions}."""
        seconds = sum([part.seconds for part in self.parts])
        cut = self.label is not None or self.extent > 1
        if cut and threads > 1:
            self.lanes = max(1, min(threads, self.extent, int(seconds / WORTH_A_LANE)))
        for buffer, row in self.written.items():
            if buffer.kind == "arena" and row and len(self.parts) > 1 and uses.get(buffer) == {self}:
                if self.read.get(buffer, row) == row:
                    self.rows[buffer] = row
        for part in self.parts:
            self.partial.update(part.partial)
        chunk = -(-self.extent // self.lanes) if self.extent else 1
        self.tile = chunk
        rows = {buffer: row * buffer.dtype.itemsize for buffer, row in self.rows.items()}
        first, last = self.lifetimes()
        bytes_per_row = most_at_once(rows, first, last)
        least = self.least_rows()
        cache = CACHE if least > 1 else CACHE // FEWER
        if bytes_per_row * chunk > 1.5 * cache:
            tiles = -(-chunk // max(least, cache // bytes_per_row, 1))
            self.tile = -(-chunk // tiles)
        if self.tile >= self.extent and self.lanes == 1 and not self.lane_kept():
            self.rows = {}
        sizes = {buffer: rows[buffer] * self.tile for buffer in self.rows}
        for buffer in first:
            if buffer.kind == "lane" or (self.lanes > 1 and buffer in self.partial):
                sizes[buffer] = buffer.size * buffer.dtype.itemsize
        self.offsets, self.lane_bytes = place_buffers(sizes, first, last)

    def least_rows(self):
        """The rows that a tile must have, lest its products waste BLAS. Those that are a small part of the work may."""
        seconds = sum([part.seconds for part in self.parts])
        products = [part for part in self.parts if part.product is not None and part.how == "m"]
        rest, units = 0.1 * seconds, []
        for part in sorted(products, key=lambda part: part.unit):
            rest -= part.seconds
            if rest < 0:
                units.append(part.unit)
        return -(-LEAST_ROWS // units[0]) if units else 1

    def lifetimes(self):
        """({buffer: number of the first part that uses it}, {buffer: of the last}); what is summed is needed always."""
        first, last = {}, {}
        for number, part in enumerate(self.parts):
            used = [access.buffer for access in part.accesses]
            used += part.scratch()
            for buffer in used:
                first.setdefault(buffer, number)
                last[buffer] = number
        for buffer in self.partial:
            first[buffer], last[buffer] = 0, len(self.parts)
        return first, last

    def lane_kept(self):
        return any([buffer.kind == "lane" for part in self.parts for buffer in part.scratch()])


def group(places, contents, labels):
    """Regions and other steps in an order in which they can run. `contents`: {place: Emitted, Product or None}.

    What can join the current region comes first, so that one region takes in all that goes over its examples. One look
    at each place is enough: what depends on it comes later, and what does not fit a region does not fit it grown.
    """
    found = {place: options(place, content, labels) for place, content in contents.items() if content is not None}
    pending, done, ordered = prepared(places, found), 0, []
    while pending:
        first = next(place for place in pending if not place.ancestors & ~done)
        done |= 1 << first.number
        if contents[first] is None:
            ordered.append(first)
            pending.remove(first)
            continue
        region = Region(best_option(found[first]))
        ordered.append(region)
        left = []
        for place in pending:
            if place is first:
                continue
            part = None
            if contents[place] is not None and not place.ancestors & ~done:
                part = next((each for each in found[place] if region.accepts(each)), None)
            if part is None:
                left.append(place)
            else:
                region.add(part)
                done |= 1 << place.number
        pending = left
    return ordered


def prepared(places, found):
    """The places, those first that need nothing and do not go over the examples.

    They lay out weights as products want them. Later they would cut a region in two.
    """
    seconds = {}
    for parts in found.values():
        for label in {part.label for part in parts} - {None}:
            seconds[label] = seconds.get(label, 0) + parts[0].seconds
    if not seconds:
        return list(places)
    examples = max(seconds, key=seconds.get)
    first = [
        place
        for place in places
        if place in found and not place.ancestors and all([part.label != examples for part in found[place]])
    ]
    return first + [place for place in places if place not in first]


def best_option(found):
    """The way to cut the first part of a region: into many parts, and so that none has to be added up."""
    return max(found, key=lambda part: (not part.partial, min(part.extent, 64), part.how != "m"))
