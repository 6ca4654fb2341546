"""A planned program as text: its regions, kernels, products, calls and loops, its buffers, and what it costs.

Relies on assemble, whose plan it reads. vgrad.debug and dump show it.
"""

import itertools
import re

from vgrad.compiler.assemble import FIRST_BASE, sources_of
from vgrad.compiler.build import KernelSource
from vgrad.compiler.control import Loop
from vgrad.compiler.lowering import HostCall
from vgrad.compiler.programs import opened
from vgrad.compiler.regions import Region
from vgrad.compiler.values import ZERO
from vgrad.core.jaxpr import subprograms
from vgrad.source import describe

INDENT = "    "


def explain(jaxpr, context, block):
    """The text. `context` and `block` are what assemble.plan_program made of the jaxpr."""
    return Explanation(jaxpr, context, block).text()


def kernel_names(context):
    """{KernelSource: name}, in the order in which the kernels were made."""
    return {source: f"k{number}" for number, source in enumerate(context.sources)}


class Explanation:
    def __init__(self, jaxpr, context, block):
        self.jaxpr = jaxpr
        self.context = context
        self.block = block
        self.kernels = kernel_names(context)
        self.names = {}
        self.regions = []
        self.counts = {}
        self.launched = []

    def text(self):
        types = [", ".join([str(type_) for type_ in own]) for own in (self.jaxpr.input_types, self.jaxpr.output_types)]
        lines = [f"program ({types[0]}) -> ({types[1]}) on {plural(self.context.threads, 'thread')}"]
        choices = list(outer_products(self.jaxpr))
        if choices:
            lines += ["outer products", *[INDENT + line for line in choices]]
        lines += self.lines_of(self.block, INDENT)
        lines += ["buffers", *[INDENT + line for line in self.memory()]]
        lines += ["total", *[INDENT + line for line in self.totals()]]
        return "\n".join(lines)

    def name(self, buffer):
        """Inputs and outputs are numbered by position, other buffers as the text mentions them first."""
        if buffer not in self.names:
            kind = buffer.kind
            if kind in ("input", "output"):
                first = FIRST_BASE + (len(self.jaxpr.inputs) if kind == "output" else 0)
                number = buffer.number - first
            else:
                number = next(self.counts.setdefault(kind, itertools.count()))
            self.names[buffer] = f"{kind}{number}"
        return self.names[buffer]

    def lines_of(self, block, indent):
        for item in block.items:
            if isinstance(item, Region):
                own = self.region(item)
            elif isinstance(item.action, HostCall):
                own = self.host(item.action)
            elif isinstance(item.action, Loop):
                own = self.loop(item.action)
            else:
                own = self.branch(item.action)
            yield from [indent + line for line in own]

    # ----------------------------------------------------------------------------------------------------- the items

    def region(self, region):
        tile = f", tiles of {region.tile}" if region.tile * region.lanes < region.extent else ""
        head = f"region {len(self.regions)}: {region.extent} rows, {plural(region.lanes, 'lane')}{tile}"
        self.regions.append(region)
        yield head
        sources = [each for each in sources_of(region) if region.lanes > 1 or not each[0].startswith("combine")]
        self.launched += [source for _, _, source in sources]
        for part in region.parts:
            own = self.product(part) if part.product is not None else self.kernel(part)
            yield from [INDENT + line for line in own]
        for purpose, buffer, source in sources:
            if buffer is not None:
                yield f"{INDENT}kernel {self.kernels[source]}: {purpose} {self.name(buffer)}"

    def kernel(self, part):
        kernel, emitted = part.place, part.emitted
        source = KernelSource(emitted.text, emitted.kinds)
        yield f"kernel {self.kernels[source]}: {loops_of(kernel, emitted.text)}; {cost(emitted.flops, emitted.bytes)}"
        arguments = [f"x{place}={self.name(buffer)}" for place, (buffer, _) in enumerate(emitted.references)]
        written = [self.name(access.buffer) for access in emitted.accesses if access.writes]
        yield f"{INDENT}{' '.join(arguments)} writes {', '.join(dict.fromkeys(written))}"
        yield from [INDENT + line for line in fused(kernel)]

    def product(self, part):
        product = part.product
        a, b, c = [self.name(array.buffer) for array in (product.a, product.b, product.c)]
        a += "'" * product.transpose_a
        b += "'" * product.transpose_b
        sizes = f"m={product.m} n={product.n} k={product.k} {product.c.dtype.name}"
        repeats = "".join([f", {loop[0]} times" for loop in product.loops])
        how = "its loop" if isinstance(part.how, int) else part.how
        cut = "not cut" if how is None else f"cut along {how}"
        if product.gathering is not None:
            cut += f"; windows gathered {product.gathering.block} at a time"
        yield f"product {product.spec}: {c} = {a} {b}, {sizes}{repeats}; {cost(product.flops, product.bytes)}; {cut}"
        yield from [INDENT + line for line in by_source([product.equation])]

    def host(self, call):
        yield f"call of Python: {call.primitive.name}" + of_source(call.equation)

    def loop(self, loop):
        carried = plural(len(loop.carries), "carry", "carries")
        if loop.condition is None:
            yield f"scan: {plural(loop.length, 'step')}{', reverse' if loop.reverse else ''}, {carried}" + of_source(
                loop.equation
            )
        else:
            yield f"while: {carried}" + of_source(loop.equation)
            yield INDENT + "condition"
            yield from self.lines_of(loop.condition, 2 * INDENT)
        yield INDENT + "body"
        yield from self.lines_of(loop.body, 2 * INDENT)

    def branch(self, branch):
        yield f"cond: {plural(len(branch.blocks), 'branch', 'branches')}" + of_source(branch.equation)
        for number, block in enumerate(branch.blocks):
            yield f"{INDENT}branch {number}"
            yield from self.lines_of(block, 2 * INDENT)

    # ------------------------------------------------------------------------------------------------ memory and costs

    def memory(self):
        yield f"arena: {bytes_text(self.block.bytes)}, for all calls of one thread"
        in_scratch = {buffer: region for region in self.regions for buffer in region.rows}
        for buffer, name in self.names.items():
            if buffer.kind == "slot":
                behind = ", ".join([self.name(each) for each in buffer.behind if each in self.names])
                yield f"{name}: {buffer.dtype.name}, moves with the loop{f' through {behind}' if behind else ''}"
                continue
            size = f"{name}: {buffer.dtype.name}, {bytes_text(buffer.size * buffer.dtype.itemsize)}"
            region = in_scratch.get(buffer)
            if region is not None:
                tile = region.rows[buffer] * region.tile * buffer.dtype.itemsize
                size += f", of which a tile of {bytes_text(tile)} is kept, in scratch"
            yield size
        for number, region in enumerate(self.regions):
            if region.lane_bytes:
                yield f"scratch of region {number}: {bytes_text(region.lane_bytes)} for each lane"

    def totals(self):
        flops, moved, unknown = total_of(self.block)
        each = ", each while loop counted as one step" if unknown else ""
        yield f"{flops_text(flops)}, {bytes_text(moved)} moved{each}"
        outputs = sum([type_.size * type_.dtype.itemsize for type_ in self.jaxpr.output_types])
        constants = sum([array.nbytes for _, array, _ in self.context.constants.values()])
        peak = bytes_text(self.block.bytes + outputs + constants)
        parts = (
            f"arena {bytes_text(self.block.bytes)}, outputs {bytes_text(outputs)}, constants {bytes_text(constants)}"
        )
        yield f"peak memory about {peak}: {parts}"
        yield f"{plural(len(self.launched), 'kernel')}, {len(set(self.launched))} of them distinct"


def total_of(block):
    """(flops, bytes moved, whether some loop's length is unknown) of a block; the costliest of its branches counts."""
    flops, moved, unknown = 0, 0, False
    for item in block.items:
        if isinstance(item, Region):
            contents = [part.product if part.product is not None else part.emitted for part in item.parts]
            flops += sum([each.flops for each in contents])
            moved += sum([each.bytes for each in contents])
            continue
        action = item.action
        if isinstance(action, HostCall):
            continue
        if isinstance(action, Loop):
            inner = [total_of(each) for each in (action.condition, action.body) if each is not None]
            times = 1 if action.length is None else action.length
            flops += times * sum([each[0] for each in inner])
            moved += times * sum([each[1] for each in inner])
            unknown = unknown or action.length is None
        else:
            inner = [total_of(each) for each in action.blocks]
            flops += max([each[0] for each in inner])
            moved += max([each[1] for each in inner])
        unknown = unknown or any([each[2] for each in inner])
    return flops, moved, unknown


# ---------------------------------------------------------------------------------------------------- what was fused


def fused(kernel):
    """Lines: the primitives whose elements the kernel computes, by the user's lines that asked for them."""
    found, seen = [], set()

    def visit(value, is_root):
        if id(value) in seen or (value.is_leaf and not is_root):
            return
        seen.add(id(value))
        if not is_root or value.root.kind in ("store", "reduce", "cumulate"):
            for operand, _ in value.requests((ZERO,) * len(value.shape)):
                visit(operand, False)
        if value.equation is not None:
            found.append(value.equation)

    for root in kernel.roots:
        for value, _ in root.starts():
            visit(value, root.value is value)
        if root.equation is not None and root.value is not root.element:
            found.append(root.equation if root.value is None or root.value.equation is None else root.value.equation)
    return by_source(dict.fromkeys(found))


def by_source(equations):
    lines = {}
    for equation in equations:
        lines.setdefault(equation.source, []).append(equation.primitive.name)
    width = min(max([len(", ".join(names)) for names in lines.values()], default=0), 40)
    return [f"{', '.join(names):{width}}  {describe(source)}".rstrip() for source, names in lines.items()]


def of_source(equation):
    text = describe(equation.source)
    return f"  {text}" if text else ""


def loops_of(kernel, text):
    outer = " x ".join([str(kernel.sizes[axis]) for axis in kernel.outer]) or "1"
    inner = " x ".join([str(kernel.sizes[axis]) for axis in kernel.inner])
    if not inner:
        return f"loops {outer}"
    phases = len(re.findall(r"for j0 in ", text))
    return f"loops {outer}, {plural(phases, 'time')} {inner} in each"


# ------------------------------------------------------------------------------------------------------ contractions


def outer_products(jaxpr):
    """Lines: what was decided of the outer products of a program, and of those inside its loops and branches."""
    yield from [choice_text(choice) for choice in jaxpr.memo.get("contractions", ())]
    for equation in jaxpr.equations:
        for _, program in subprograms(equation):
            inner = list(outer_products(opened(program)))
            if inner:
                yield f"in a {equation.primitive.name}{of_source(equation)}"
                yield from [INDENT + line for line in inner]


def choice_text(choice):
    """An outer product, as per-example gradients are: what it would take, and whether it is formed."""
    (output,) = choice.equation.outputs
    kept, formed = [seconds_text(seconds) for seconds in choice.seconds]
    spec = choice.equation.params.get("spec", choice.equation.primitive.name)
    verdict = {
        "": "stays a contraction", "needed": "formed: something needs its elements", "cheaper": "formed: cheaper",
        "as cheap": "formed: a contraction saves little",
    }[choice.formed]  # fmt: skip
    size = bytes_text(output.type.size * output.type.dtype.itemsize)
    return f"{output.type} {spec}, {size}: {verdict}; {kept} contracted, {formed} formed{of_source(choice.equation)}"


def seconds_text(seconds):
    return "no way" if seconds == float("inf") else f"{seconds * 1e6:.3g} us"


# ------------------------------------------------------------------------------------------------------------- numbers


def plural(number, singular, many=None):
    return f"{number} {singular if number == 1 else many or singular + 's'}"


def cost(flops, size):
    return f"{flops_text(flops)}, {bytes_text(size)}"


def flops_text(number):
    for unit, step in (("Gflop", 1e9), ("Mflop", 1e6), ("kflop", 1e3)):
        if number >= step:
            return f"{number / step:.3g} {unit}"
    return f"{number:.3g} flop"


def bytes_text(number):
    for unit, step in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= step:
            return f"{number / step:.1f} {unit}"
    return f"{number} bytes"
