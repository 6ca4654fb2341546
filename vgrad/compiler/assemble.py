"""From a Jaxpr to the words of a program: plans blocks, places buffers, compiles kernels, writes instructions.

Relies on everything in compiler/ but executable, which runs what this makes.
"""

import numpy as np

from vgrad.compiler import blas, build, runtime
from vgrad.compiler.arrays import Array, Buffer
from vgrad.compiler.control import Block, Branch, Loop
from vgrad.compiler.emit import combine, emit, kind_of
from vgrad.compiler.expressions import number
from vgrad.compiler.in_place import write_in_place
from vgrad.compiler.lowering import HostCall, Labels, Lowering, is_plain, uniform_number
from vgrad.compiler.memory import place_buffers
from vgrad.compiler.products import Product
from vgrad.compiler.regions import Region, group, product_row
from vgrad.compiler.runtime import Label, Reference
from vgrad.compiler.schedule import Kernel, fuse
from vgrad.compiler.values import Constant, Position, Stored, View, identity_of
from vgrad.primitives.indexing import counted_axis

ARENA, FIRST_BASE = 2, 3


class Context:
    """What all blocks of one program share."""

    def __init__(self, threads):
        self.threads = threads
        self.bases = FIRST_BASE
        self.counters = 0
        self.constants = {}  # id -> (base, array, the array it was made of)
        self.scalars = {}  # (type, number, dtype) -> base
        self.hosts = []
        self.sources = {}  # KernelSource -> None, then address

    def new_base(self):
        self.bases += 1
        return self.bases - 1

    def new_counter(self):
        self.counters += 1
        return self.counters - 1

    def constant(self, array, labels):
        array = np.asarray(array)
        found = uniform_number(array)
        if found is not None and not is_plain(found):
            return View(self.scalar(found, array.dtype), array.shape, lambda index: (), labels.new(array.shape))
        if found is not None:
            return Constant(found, array.shape, array.dtype, labels.new(array.shape))
        axis = counted_axis(array)
        if axis is not None:
            return Position(axis, array.shape, array.dtype, labels.new(array.shape))
        if id(array) not in self.constants:
            # Programs own their constants: one that lies in memory as kernels want it is not copied.
            self.constants[id(array)] = (self.new_base(), np.require(array, requirements="CA"), array)
        base, kept, _ = self.constants[id(array)]
        return Stored(Array(Buffer("constant", kept.dtype, kept.size, base), kept.shape), labels.new(kept.shape))

    def scalar(self, number_, dtype):
        """A number in memory: kernels that differ in it alone are one kernel."""
        key = (type(number_), number_, dtype)
        if key not in self.scalars:
            kept = np.array(number_, dtype)
            base = self.new_base()
            self.constants[id(kept)] = (base, kept, kept)
            self.scalars[key] = base
        return Stored(Array(Buffer("constant", dtype, 1, self.scalars[key]), ()), ())

    def source(self, text, kinds):
        source = build.KernelSource(text, kinds)
        self.sources.setdefault(source)
        return source


class Program:
    """An assembled program: its words, and what its bases are.

    inputs, outputs     base of each
    constants           (base, array)
    """

    __slots__ = ("words", "inputs", "outputs", "constants", "n_bases", "arena", "hosts", "threads", "context", "block")


def plan_program(jaxpr, threads):
    """(Context, Block, input values, output arrays) of a Jaxpr whose calls have been opened; compiles nothing yet."""
    context, labels = Context(threads), Labels()
    inputs = [given("input", var.type, context, labels) for var in jaxpr.inputs]
    outputs = [
        Array(Buffer("output", a.type.dtype, a.type.size, context.new_base()), a.type.shape) for a in jaxpr.outputs
    ]
    lowering = Lowering(context, labels)
    lowering.run(jaxpr, inputs, outputs)
    block = Block(lowering)
    plan(block, labels, context, outermost=True)
    settle(block, 0)
    return context, block, inputs, outputs


def compile_program(jaxpr, threads):
    """The Program of a Jaxpr whose calls have been opened."""
    context, block, inputs, outputs = plan_program(jaxpr, threads)
    addresses = build.compile_kernels(list(context.sources))
    context.sources = dict(zip(context.sources, addresses))
    instructions = [*write_block(block, context), runtime.end()]
    program = Program()
    program.words = runtime.assemble(instructions)
    program.inputs = [value.array.buffer.number for value in inputs]
    program.outputs = [array.buffer.number for array in outputs]
    program.constants = [(base, array) for base, array, _ in context.constants.values()]
    program.n_bases = context.bases
    program.arena = block.bytes
    program.hosts = context.hosts
    program.threads = max([region.lanes for region in regions_of(block)], default=1)
    program.context, program.block = context, block
    return program


def given(kind, type_, context, labels):
    buffer = Buffer(kind, type_.dtype, type_.size, context.new_base())
    return Stored(Array(buffer, type_.shape), labels.new(type_.shape))


# ----------------------------------------------------------------------------------------------------------- planning


def plan(block, labels, context, outermost=False):
    """Decide the order, regions and memory of a block and of the blocks in it."""
    places = fuse(block.actions, labels)
    for place in places:
        for inner in inner_blocks(place):
            plan(inner, labels, context)
    if outermost:  # branches have their outputs in common
        write_in_place(block, places, buffers_of)
    contents = {place: content_of(place) for place in places}
    block.items = group(places, contents, labels)
    uses = {buffer: set() for buffer in block.buffers}  # what blocks around this one read is not for it to drop
    for item in block.items:
        for buffer in buffers_of(item) & uses.keys():
            uses[buffer].add(item)
    for item in block.items:
        if isinstance(item, Region):
            item.finish(context.threads, uses)
            register_sources(item, context)
    place_memory(block, uses)


def content_of(place):
    if isinstance(place, Kernel):
        place.emitted = emit(place)
        return place.emitted
    return place.action if isinstance(place.action, Product) else None


def inner_blocks(item):
    action = getattr(item, "action", None)
    if isinstance(action, Loop):
        return [each for each in (action.condition, action.body) if each is not None]
    return action.blocks if isinstance(action, Branch) else []


def regions_of(block):
    for item in block.items:
        if isinstance(item, Region):
            yield item
        for inner in inner_blocks(item):
            yield from regions_of(inner)


def buffers_of(item):
    """All buffers that a place or a region reads or writes, also those of the blocks inside it."""
    found = set()
    if isinstance(item, Region):
        found.update(item.read)
        found.update(item.written)
    elif isinstance(item, Kernel):
        found.update([root.target.buffer for root in item.roots])
        found.update([value.array.buffer for root in item.roots for value, _ in root.reads if value.array is not None])
    action = getattr(item, "action", None)
    if isinstance(action, Product):
        found.update([each.buffer for each in (action.a, action.b, action.c)])
    elif isinstance(action, HostCall):
        found.update([each.buffer for each in (*action.operands, *action.targets) if isinstance(each, Array)])
    elif isinstance(action, Loop):
        for made in action.carries:
            found.update([array.buffer for array in made])
        found.update([whole.buffer for _, whole in action.slices])
        found.update([each.buffer for each in action.results])
        if action.going is not None:
            found.add(action.going.buffer)
    elif isinstance(action, Branch):
        found.add(action.index.buffer)
    for inner in inner_blocks(item):
        for each in inner.items:
            found |= buffers_of(each)
    return found | {hidden for buffer in found for hidden in buffer.behind}


def place_memory(block, uses):
    """Offsets in the block's own memory: buffers, scratch of regions, blocks inside."""
    sizes, first, last = {}, {}, {}
    positions = {item: number_ for number_, item in enumerate(block.items)}
    for buffer in block.buffers:
        if uses[buffer] and not any([isinstance(item, Region) and buffer in item.rows for item in uses[buffer]]):
            sizes[buffer] = buffer.size * buffer.dtype.itemsize
            spots = [positions[item] for item in uses[buffer]]
            first[buffer], last[buffer] = min(spots), max(spots)
    for item, position in positions.items():
        if isinstance(item, Region):
            if item.lane_bytes:
                sizes[item] = item.lane_bytes * item.lanes
                first[item], last[item] = position, position
        for inner in inner_blocks(item):
            sizes[inner] = inner.bytes
            first[inner] = last[inner] = position
    offsets, block.bytes = place_buffers(sizes, first, last)
    block.offsets = offsets


def settle(block, base):
    """Make all offsets count from the start of the arena."""
    for owner, offset in block.offsets.items():
        if isinstance(owner, Buffer):
            owner.offset = base + offset
        elif isinstance(owner, Region):
            owner.block = base + offset
        else:
            settle(owner, base + offset)


# ------------------------------------------------------------------------------------------ sources beside the kernels


def register_sources(region, context):
    for _, _, source in sources_of(region):
        context.source(*source)


def sources_of(region):
    """(purpose, buffer it serves, KernelSource) of every kernel of a region; the buffer is None for its parts.

    Lanes are combined only where there are several; the kernel is there anyway, lest a larger batch compiles it.
    """
    for part in region.parts:
        if part.emitted is not None:
            yield "part", None, build.KernelSource(part.emitted.text, part.emitted.kinds)
            for target, kind in part.emitted.filled:
                yield "fill", target.buffer, build.KernelSource(*fill_source(target.dtype, kind))
    for buffer, kind in region.partial.items():
        yield "fill", buffer, build.KernelSource(*fill_lane_source(buffer.dtype, kind))
        yield "combine the lanes of", buffer, build.KernelSource(*combine_source(buffer.dtype, kind))


def fill_source(dtype, kind):
    """A kernel that writes a reduction's identity."""
    value = number(identity_of(kind, dtype), dtype)
    text = "def kernel(start, stop, x0, n0):\n    for i0 in range(start * n0, stop * n0):\n        x0[i0] = "
    text += f"uint8({value})\n" if dtype == np.bool_ else f"{value}\n"
    return text, ("i64", "i64", kind_of(dtype), "i64")


def fill_lane_source(dtype, kind):
    """The same for all of a lane's accumulator, whatever the lane's range."""
    text, kinds = fill_source(dtype, kind)
    return text.replace("start * n0, stop * n0", "n0"), kinds


def combine_source(dtype, kind):
    """A kernel that combines what the lanes have accumulated."""
    is_bool = dtype == np.bool_
    test = " != 0" if is_bool else ""
    text = (
        "def kernel(start, stop, x0, x1, n0, s0):\n"
        "    for i0 in range(start, stop):\n"
        f"        r0 = x0[i0]{test}\n"
        "        for j0 in range(1, n0):\n"
        f"            t0 = x0[i0 + j0 * s0]{test}\n"
        f"            r0 = {combine(kind, dtype, 'r0', 't0')}\n"
        f"        x1[i0] = {'uint8(r0)' if is_bool else 'r0'}\n"
    )
    return text, ("i64", "i64", kind_of(dtype), kind_of(dtype), "i64", "i64")


# ------------------------------------------------------------------------------------------------------------- words


def write_block(block, context):
    for item in block.items:
        if isinstance(item, Region):
            yield from write_region(item, context)
        elif isinstance(item.action, HostCall):
            yield write_host(item.action, context)
        elif isinstance(item.action, Loop):
            yield from write_alone(item, write_loop(item.action, context), context)
        else:
            yield from write_alone(item, write_branch(item.action, context), context)


def write_alone(item, instructions, context):
    """Control flow without a region worth sharing runs on one thread: its barriers would cost more."""
    shared = any([region.lanes > 1 for inner in inner_blocks(item) for region in regions_of(inner)])
    if shared or context.threads == 1:
        yield from instructions
        return
    end = Label()
    yield runtime.serial(end)
    yield from instructions
    yield end
    yield runtime.serial_end()


def reference(array_buffer, offset=0, step=0):
    """A Reference to an element of a buffer; offset and step in elements."""
    size = array_buffer.dtype.itemsize
    if array_buffer.kind == "arena":
        return Reference(ARENA, array_buffer.offset + offset * size, step * size)
    return Reference(array_buffer.number, offset * size, step * size)


def in_region(region, buffer, offset=0):
    """A Reference for a kernel, which counts rows from the first of all examples."""
    size = buffer.dtype.itemsize
    if buffer in region.rows:
        return Reference(runtime.SCRATCH, region.offsets[buffer] + offset * size, -region.rows[buffer] * size)
    if buffer in region.offsets:
        return Reference(runtime.SCRATCH, region.offsets[buffer] + offset * size, 0)
    return reference(buffer, offset)


def write_region(region, context):
    body, prologue, before = [], [], []
    for part in region.parts:
        if part.product is not None:
            body.append(write_product(part, region))
            continue
        emitted = part.emitted
        for target, kind in emitted.filled:
            fill = context.sources[build.KernelSource(*fill_source(target.dtype, kind))]
            row = region.written[target.buffer]
            if row:
                body.append(runtime.kernel_step(fill, [in_region(region, target.buffer)], [row]))
            else:
                step = runtime.kernel_step(fill, [reference(target.buffer)], [1])
                before.append(runtime.region(target.buffer.size, [step]))
        references = [in_region(region, buffer, offset) for buffer, offset in emitted.references]
        address = context.sources[build.KernelSource(emitted.text, emitted.kinds)]
        body.append(runtime.kernel_step(address, references, emitted.integers, emitted.unit))
    after = []
    for buffer, kind in region.partial.items():
        fill = context.sources[build.KernelSource(*fill_lane_source(buffer.dtype, kind))]
        prologue.append(runtime.kernel_step(fill, [in_region(region, buffer)], [buffer.size]))
        if region.lanes == 1:
            continue
        merge = context.sources[build.KernelSource(*combine_source(buffer.dtype, kind))]
        start = Reference(ARENA, region.block + region.offsets[buffer])
        sizes = [region.lanes, region.lane_bytes // buffer.dtype.itemsize]
        lanes = region.lanes if buffer.size > 4096 else 1
        step = runtime.kernel_step(merge, [start, reference(buffer)], sizes)
        after.append(runtime.region(buffer.size, [step], lanes=lanes))
    scratch = (ARENA, region.block) if region.lane_bytes else (0, 0)
    yield from before
    yield runtime.region(
        region.extent, body, prologue=prologue, tile=region.tile, lanes=region.lanes, scratch=scratch,
        scratch_stride=region.lane_bytes,
    )  # fmt: skip
    yield from after


def write_product(part, region):
    product = part.product
    size = product.c.dtype.itemsize
    places = []
    for position, array in ((1, product.a), (2, product.b), (3, product.c)):
        row = product_row(product, part.how, part.unit, position)
        if array.buffer in region.offsets:  # all of it is of this tile
            places.append(Reference(runtime.SCRATCH, region.offsets[array.buffer] + array.offset * size))
        else:
            places.append(reference(array.buffer, array.offset, row))
    loops = []
    for number_, (count, *strides) in enumerate(product.loops):
        count = (0, part.unit) if part.how == number_ else count
        loops.append((count, *[stride * size for stride in strides]))
    if product.gathering is not None:
        return write_product_of_windows(part, region, places, loops)
    return runtime.gemm_step(
        blas.gemm(product.c.dtype.name), product.c.dtype.name, (0, part.unit) if part.how == "m" else product.m,
        (0, part.unit) if part.how == "n" else product.n, (0, part.unit) if part.how == "k" else product.k, *places,
        product.lda, product.ldb, product.ldc, transpose_a=product.transpose_a, transpose_b=product.transpose_b,
        accumulate=bool(part.partial), batch=tuple(loops),
    )  # fmt: skip


def write_product_of_windows(part, region, places, loops):
    product, gathering = part.product, part.product.gathering
    size = product.c.dtype.itemsize
    left, right = places[:2]
    source, other = (left, right) if gathering.on_left else (right, left)
    if not gathering.on_left:
        loops = [(count, of_b, of_a, of_c) for count, of_a, of_b, of_c in loops]
    others = "n" if gathering.on_left else "m"
    count = {"m": product.m, "n": product.n, "k": product.k}
    if part.how in count:
        count[part.how] = (0, part.unit)
    transposed, distance = (
        (product.transpose_b, product.ldb) if gathering.on_left else (product.transpose_a, product.lda)
    )
    other_step = c_step = 0
    if gathering.summed:
        other_step = distance if transposed != gathering.on_left else 1
    else:
        c_step = product.ldc if gathering.on_left else 1
    scratch = Reference(runtime.SCRATCH, region.offsets[gathering.scratch])
    return runtime.windows_step(
        product.c.dtype.name, gathering.on_left, gathering.columns, gathering.summed, count[gathering.cut],
        gathering.length, count[others], gathering.block, transposed, distance, product.ldc, bool(part.partial),
        other_step * size, c_step * size, source, other, places[2], scratch, loops, in_bytes(gathering.lines, size),
        in_bytes(gathering.along, size),
    )  # fmt: skip


def in_bytes(axes, size):
    return [(count, stride * size) for count, stride in axes]


def write_host(call, context):
    operands, places = [], []
    for each in call.operands:
        if isinstance(each, Array):
            operands.append((each.dtype, each.shape, tuple([s * each.dtype.itemsize for s in each.strides])))
            places.append(reference(each.buffer, each.offset))
        else:
            operands.append(each)
    targets = []
    for each in call.targets:
        targets.append((each.dtype, each.shape, tuple([s * each.dtype.itemsize for s in each.strides])))
        places.append(reference(each.buffer, each.offset))
    context.hosts.append((call.primitive, call.params, operands, targets))
    return runtime.host(len(context.hosts) - 1, places)


def write_loop(loop, context):
    top, end = Label(), Label()
    for mine, other, start, second in loop.carries:
        yield runtime.slice_base(mine.buffer.number, ARENA, start.buffer.offset, 0, loop.counter)
        yield runtime.slice_base(other.buffer.number, ARENA, second.buffer.offset, 0, loop.counter)
    yield runtime.set_counter(loop.counter, 0)
    yield top
    if loop.condition is None:
        yield runtime.jump_if_done(loop.counter, loop.length, end)
    else:
        yield from write_block(loop.condition, context)
        yield runtime.jump_unless(reference(loop.going.buffer), end)
    for slot, whole in loop.slices:
        place = reference(whole.buffer, whole.offset)
        stride = whole.strides[0] * whole.dtype.itemsize
        offset = place.offset + (loop.length - 1) * stride if loop.reverse else place.offset
        yield runtime.slice_base(slot.number, place.base, offset, -stride if loop.reverse else stride, loop.counter)
    yield from write_block(loop.body, context)
    for mine, other, _, _ in loop.carries:
        yield runtime.swap(mine.buffer.number, other.buffer.number)
    yield runtime.increment(loop.counter)
    yield runtime.jump(top)
    yield end
    steps = []
    for (mine, *_), result in zip(loop.carries, loop.results):
        size = result.size * result.dtype.itemsize
        steps.append(runtime.copy_step(reference(result.buffer, result.offset), reference(mine.buffer), size))
    if steps:
        yield runtime.region(1, steps)


def write_branch(branch, context):
    end, starts = Label(), [Label() for _ in branch.blocks]
    yield runtime.jump_table(reference(branch.index.buffer, branch.index.offset), starts)
    for start, block in zip(starts, branch.blocks):
        yield start
        yield from write_block(block, context)
        yield runtime.jump(end)
    yield end
