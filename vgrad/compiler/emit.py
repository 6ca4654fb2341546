"""The source of a kernel: Python that Numba compiles, with sizes and strides as arguments.

Relies on schedule and expressions. assemble hands the source to build and the arguments to the runtime.

    def kernel(start, stop, x0, x1, n0, s0):
        for i0 in range(start, stop):               the outer axes; i0 is cut among tiles and lanes
            a = ...                                 once per element of the outer axes
            for j0 in range(n0):                    a phase: the inner axes
                ...

Names: i outer axes, j inner axes, x arrays, n sizes, s strides, t values, r reductions. Equal structure gives equal
text whatever the sizes, so that kernels are compiled once.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from vgrad.compiler.arrays import Array, Buffer
from vgrad.compiler.expressions import expression, number, template
from vgrad.compiler.lowering import DEEPEST, POSITIONS, cost_of
from vgrad.compiler.values import (
    ZERO,
    Ciphered,
    Constant,
    Cumulated,
    Elementwise,
    Gathered,
    Position,
    RandomBits,
    Sliced,
    View,
    along,
    identity_of,
    moved,
)
from vgrad.primitives.indexing import missing_value

SHORT = {"float": "f", "int": "i", "uint": "u", "complex": "c", "bool": "b"}
RECOMPUTED = 6  # an inner value that costs less than so many additions is computed again by a later phase
COMBINE = {
    "sum": "x0 + x1", "prod": "x0 * x1", "max": "maximum(x0, x1)", "min": "minimum(x0, x1)", "and": "x0 & x1",
    "or": "x0 | x1", "logaddexp": "logaddexp(x0, x1)",
}  # fmt: skip
COMBINE_COMPLEX = COMBINE | {"sum": "accumulate(x0, x1)"}
COMBINE_FLOAT = COMBINE_COMPLEX | {"max": "largest(x0, x1)", "min": "least(x0, x1)"}
COMBINE_BOOL = {
    "sum": "x0 | x1",
    "prod": "x0 & x1",
    "max": "x0 | x1",
    "min": "x0 & x1",
    "and": "x0 & x1",
    "or": "x0 | x1",
}
INT64, BOOL = np.dtype(np.int64), np.dtype(np.bool_)


def combine(kind, dtype, first, second):
    """The text that combines two elements of a reduction."""
    text = {"b": COMBINE_BOOL, "c": COMBINE_COMPLEX, "f": COMBINE_FLOAT}.get(dtype.kind, COMBINE)[kind]
    code, _ = template(text, (dtype, dtype), (dtype, dtype), dtype)
    return code.format(first, second)


@functools.cache
def kind_of(dtype):
    name = dtype.name
    letters = name.rstrip("0123456789")
    return "*b1" if dtype == BOOL else "*" + SHORT[letters] + name[len(letters) :]


class Address:
    """A place in an array: strides by kernel axis, and texts of computed offsets."""

    __slots__ = ("pointer", "strides", "terms", "writes", "reach")

    def __init__(self, pointer, strides, terms=(), writes=False, reach=0):
        self.pointer = pointer
        self.strides = strides
        self.terms = terms
        self.writes = writes
        self.reach = reach  # the most that the computed part adds, in elements


class Access(NamedTuple):
    """What a kernel does with a buffer: the distance of its rows along the first outer axis (None: not by rows)."""

    buffer: Buffer
    writes: bool
    row: int | None


class Emitted(NamedTuple):
    """A kernel's source and its arguments.

    references      (Buffer, offset in elements) per pointer; scratch rows are buffers of kind "lane"
    integers        sizes and strides, after the pointers
    extent, unit    the axis that is cut: its length, and how many steps of the first loop one of it makes
    label           of that axis
    partial         {buffer: (kind, size)}: reductions over the cut axis, to be combined over lanes
    filled          [(Array, kind)]: reductions that keep the cut axis and must start from the identity
    flops           operations; of them single_flops are done once a row beside inner loops, so one at a time
    loops_begun     how often an inner loop begins
    """

    text: str
    kinds: tuple
    references: tuple
    integers: tuple
    extent: int
    unit: int
    label: int | None
    accesses: tuple
    partial: dict
    filled: tuple
    flops: float
    single_flops: float
    loops_begun: int
    bytes: float


class Emitter:
    def __init__(self, kernel):
        self.kernel = kernel
        self.outer, self.inner = list(kernel.outer), list(kernel.inner)
        if not kernel.split:
            self.inner = []
        self.inner_set = set(self.inner)
        self.pointers = {}  # (buffer, offset) -> name
        self.references = []
        self.dtypes = []
        self.addresses = []
        self.numbers = {}  # what an integer argument is for -> name
        self.integers = []
        self.ranks = {}
        self.counts = {}
        self.segments = {0: []}  # lines of the outer level, before and between phases
        self.phases = {}  # number -> lines
        self.first = []  # lines before all loops
        self.last = []  # lines after all loops
        self.outer_names = {}
        self.phase_names = {}
        self.kept = {}  # root -> (phase in which it was computed, Array or None)
        self.partial = {}
        self.filled = []
        self.operations = self.single_operations = 0
        self.cut = (
            None if kernel.serial else kernel.cut if kernel.cut is not None else self.outer[0] if self.outer else None
        )
        self.stored = {root for root in kernel.roots if is_stored(root)}

    # ---------------------------------------------------------------------------------------------------- names, text

    def name(self, letter):
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter] - 1}"

    def pointer(self, buffer, offset):
        key = (id(buffer), offset)
        if key not in self.pointers:
            self.pointers[key] = self.name("x")
            self.references.append((buffer, offset))
            self.dtypes.append(buffer.dtype)
        return self.pointers[key]

    def integer(self, key, value, letter="s"):
        """The name of an integer argument; one for each use, so that equal sizes do not make another text."""
        if key not in self.numbers:
            self.numbers[key] = self.name(letter)
            self.integers.append(value)
        return self.numbers[key]

    def address(self, array, index, terms=(), writes=False, reach=0):
        """Where the array's element at `index` lies."""
        offset, strides = array.offset, {}
        for (constant, own), stride in zip(index, array.strides):
            offset += constant * stride
            for axis, coefficient in own:
                strides[axis] = strides.get(axis, 0) + coefficient * stride
        made = Address(self.pointer(array.buffer, offset), strides, terms, writes, reach)
        self.addresses.append((array.buffer, offset, made))
        return made

    # ----------------------------------------------------------------------------------------------------- the phases

    def rank(self, value):
        """How many phases must have ended before an element of the value can be computed."""
        key = id(value)
        if key not in self.ranks:
            root = value.root
            if root is not None and root.place is self.kernel and root.value is value:
                self.ranks[key] = self.rank_of_root(root)
            elif value.is_leaf:
                self.ranks[key] = 0
            else:
                self.ranks[key] = self.rank_of_requests(value)
        return self.ranks[key]

    def rank_of_requests(self, value):
        index = tuple([(0, ())] * len(value.shape))
        return max([self.rank(operand) for operand, _ in value.requests(index)], default=0)

    def rank_of_root(self, root):
        element = root.element
        own = self.rank_of_requests(element) if element is root.value and root.kind == "store" else self.rank(element)
        if root.kind != "reduce" or not self.is_inner(root):
            return own
        return own + 2 if root.value.kind in POSITIONS else own + 1

    def is_inner(self, root):
        """Whether the root's loops include the inner axes."""
        return any([axis in self.inner_set for axis in self.kernel.axes[root]])

    # ---------------------------------------------------------------------------------------------------- the elements

    def place_of(self, value, index, phase):
        """(names, lines) where an element of the value belongs: the outer level, or the phase."""
        if phase is not None and any([axis in self.inner_set for _, terms in index for axis, _ in terms]):
            return self.phase_names[phase], self.phases[phase]
        return self.outer_names, self.segments.setdefault(self.rank(value), [])

    def element(self, value, index, phase):
        """The name (or number) of the value's element at `index`, whose computation is written where it belongs."""
        if isinstance(value, Constant) and not value.is_leaf:
            return number(value.number, value.dtype)
        while isinstance(value, View) and not value.is_leaf:
            index = value.pull(index)
            value = value.operand
            if isinstance(value, Constant) and not value.is_leaf:
                return number(value.number, value.dtype)
        root = value.root
        if root is not None and root.place is self.kernel and root.value is value:
            return self.own_element(value, root, index, phase)
        names, lines = self.place_of(value, index, phase)
        key = (id(value), index)
        if key not in names:
            names[key] = (
                self.load(value.array, index, lines) if value.is_leaf else self.compute(value, index, phase, lines)
            )
        return names[key]

    def own_element(self, value, root, index, phase):
        """An element of a value that this kernel itself forms or reduces to."""
        if root.kind == "reduce":
            return self.outer_names[root]
        names, lines = self.place_of(value, index, phase)
        key = (id(value), index)
        if key in names:
            return names[key]
        if names is self.outer_names:
            names[key] = self.compute(value, index, None, lines)
            return names[key]
        before = self.kept.get(root)
        if before is not None and before[0] < phase:
            if root in self.stored:
                names[key] = self.load(root.target, index, lines)
                return names[key]
            if value.cost >= RECOMPUTED:
                names[key] = self.load(self.keep(root, *before), index, lines)
                return names[key]
        names[key] = self.compute(value, index, phase, lines)
        if before is None or (before[0] > phase and before[1] is None):
            self.kept[root] = (phase, None, key)
        return names[key]

    def keep(self, root, phase, array, key):
        """Scratch in which an inner value waits for later phases; the phase that computed it writes it."""
        if array is None:
            sizes = [self.kernel.sizes[axis] for axis in self.inner]
            buffer = Buffer("lane", root.value.dtype, math.prod(sizes))
            axes = self.kernel.axes[root]
            strides, step = {}, 1
            for axis in reversed(self.inner):
                strides[axis] = step
                step *= self.kernel.sizes[axis]
            array = Array(buffer, root.value.shape, tuple([strides.get(axis, 0) for axis in axes]))
            self.kept[root] = (phase, array, key)
            self.store(array, key[1], self.phase_names[phase][key], self.phases[phase])
        return array

    def count(self, operations, lines):
        """Add operations that are done as often as the lines are run."""
        inside = any([lines is each for each in self.phases.values()])
        axes = self.outer + self.inner if inside else self.outer
        operations *= math.prod([self.kernel.sizes[axis] for axis in axes])
        self.operations += operations
        if self.inner and not inside:
            self.single_operations += operations

    def load(self, array, index, lines, terms=(), reach=0):
        name = self.name("t")
        address = self.address(array, index, terms, reach=reach)
        suffix = " != 0" if array.dtype == BOOL else ""
        lines.append((f"{name} = ", address, suffix))
        return name

    def store(self, array, index, text, lines, terms=(), reach=0):
        address = self.address(array, index, terms, writes=True, reach=reach)
        lines.append(("", address, f" = {f'uint8({text})' if array.dtype == BOOL else text}"))

    def compute(self, value, index, phase, lines):
        if isinstance(value, Elementwise):
            operands = [self.element(operand, own, phase) for operand, own in value.requests(index)]
            text, _ = expression(value.primitive, value.params, value.operand_types, value.output_type, operands)
            self.count(cost_of(value.primitive.name), lines)
        elif isinstance(value, Position):
            return self.position(index[value.axis], value.dtype, (id(value), index), lines)
        elif isinstance(value, Gathered):
            return self.gather(value, index, phase, lines)
        elif isinstance(value, Sliced):
            array = value.table.array
            terms, reach = self.shifts(value, value.starts, array.shape, value.shape, array.strides, phase, lines)
            return self.load(array, index, lines, terms, reach)
        elif isinstance(value, RandomBits):
            text = self.random_bits(value, index, phase, lines)
        elif isinstance(value, Ciphered):
            words = [self.element(each, own, phase) for each, own in value.requests(index)]
            place = self.position(index[-1], np.dtype(np.int64), (id(value), index), lines)
            text = f"threefry_u32({', '.join(words)}, {place})"
            self.count(60, lines)
        elif isinstance(value, Constant):
            text = number(value.number, value.dtype)
        elif isinstance(value, View):
            return self.element(value.operand, value.pull(index), phase)
        else:
            raise TypeError(f"no code for {value!r}")
        name = self.name("t")
        lines.append((f"{name} = {text}",))
        return name

    def position(self, entry, dtype, key, lines):
        """The number that an index entry is."""
        constant, terms = entry
        name = self.name("t")
        pieces = [] if constant == 0 and terms else [self.integer(key, constant)]
        for place, (axis, coefficient) in enumerate(terms):
            step = () if coefficient == 1 else (self.integer((*key, place), coefficient),)
            pieces += [" + "] * bool(pieces) + [("axis", axis, *step)]
        lines.append((f"{name} = {dtype.name}(", *pieces, ")"))
        return name

    def gather(self, value, index, phase, lines):
        array = value.table.array
        terms, checks = [], []
        for axis, (each, own) in zip(value.axes, value.requests(index)):
            place = self.element(each, own, phase)
            length = self.integer((id(value), "length", axis), array.shape[axis], "n")
            step = self.integer((id(value), "step", axis), array.strides[axis])
            name = self.name("k")
            lines.append((f"{name} = int64({place})",))
            lines.append((f"{name} = select({name} < 0, {name} + {length}, {name})",))
            if value.outside != "clip":
                checks.append(self.name("t"))
                lines.append((f"{checks[-1]} = ({name} >= 0) & ({name} < {length})",))
            lines.append((f"{name} = select({name} < 0, 0, select({name} >= {length}, {length} - 1, {name}))",))
            terms.append(f"{name} * {step}")
        if value.outside == "clip":
            return self.load(array, value.table_index(index), lines, tuple(terms), reach_along(array, value.axes))
        inside = self.name("t")
        lines.append((f"{inside} = {' & '.join(checks)}",))
        lost = missing_value(value.dtype) if value.outside == "fill" else value.dtype.type(0)
        if 0 in [array.shape[axis] for axis in value.axes]:
            return number(lost, value.dtype)
        taken = self.load(array, value.table_index(index), lines, tuple(terms), reach_along(array, value.axes))
        name = self.name("t")
        lines.append((f"{name} = select({inside}, {taken}, {number(lost, value.dtype)})",))
        return name

    def shifts(self, owner, starts, lengths, sizes, strides, phase, lines):
        """(terms of an address that shift a slice of these sizes to its starts, clamped so that it fits; how far).

        owner: the slice that is read, or the root that writes one; several may have their starts in common.
        """
        terms, reach = [], 0
        for axis, start in enumerate(starts):
            if start is None:
                continue
            place = self.element(start, (), phase)
            length = self.integer((id(owner), axis, "length"), lengths[axis], "n")
            last = self.integer((id(owner), axis, "last"), lengths[axis] - sizes[axis], "n")
            step = self.integer((id(owner), axis, "step"), strides[axis])
            name = self.name("k")
            lines.append((f"{name} = int64({place})",))
            lines.append((f"{name} = select({name} < 0, {name} + {length}, {name})",))
            lines.append((f"{name} = select({name} < 0, 0, select({name} > {last}, {last}, {name}))",))
            terms.append(f"{name} * {step}")
            reach += (lengths[axis] - sizes[axis]) * abs(strides[axis])
        return tuple(terms), reach

    def random_bits(self, value, index, phase, lines):
        keys = [self.element(each, own, phase) for each, own in value.requests(index)]
        own = index[value.rank :]
        step, constant, pieces = 1, 0, []
        for place, ((shift, terms), length) in enumerate(zip(reversed(own), reversed(value.shape[value.rank :]))):
            constant += shift * step
            for number_, (axis, coefficient) in enumerate(terms):
                key = (id(value), index, place, number_)
                pieces += [("axis", axis, self.integer((*key, "step"), coefficient * step)), " + "]
            step *= length
        pieces.append(self.integer((id(value), index, "constant"), constant))
        counter = self.name("k")
        lines.append((f"{counter} = ", *pieces))
        self.count(60, lines)
        return f"random_bits_u{8 * value.dtype.itemsize}({keys[0]}, {keys[1]}, {counter})"

    # ------------------------------------------------------------------------------------------------------- the roots

    def emit(self):
        for root in self.kernel.roots:
            self.emit_root(root)
        return self.finish()

    def index_of(self, root):
        axes = self.kernel.axes[root]
        index = [along(axis) if axis is not None else (0, ()) for axis in axes]
        if isinstance(root.value, Cumulated) and root.value.reverse:
            place = root.value.axis
            index[place] = moved(index[place], -1, root.shape[place] - 1)
        return tuple(index)

    def renamed(self, index, root):
        """An index in the root's own axes, in the kernel's."""
        axes = self.kernel.axes[root]
        return tuple([(c, tuple([(axes[axis], k) for axis, k in terms])) for c, terms in index])

    def phase_for(self, root):
        """The phase of the root's loop over inner axes, None for a root of the outer level."""
        if not self.is_inner(root):
            return None
        element = root.element
        own = self.rank_of_requests(element) if element is root.value and root.kind == "store" else self.rank(element)
        if root.kind == "scatter":
            own = max([own, *[self.rank(each) for each in root.dynamic[0]]])
        self.phases.setdefault(own + 1, [])
        self.phase_names.setdefault(own + 1, {})
        return own + 1

    def emit_root(self, root):
        index, phase = self.index_of(root), self.phase_for(root)
        if root.kind == "store":
            self.emit_store(root, index, phase)
        elif root.kind == "reduce":
            self.emit_reduction(root, index, phase)
        elif root.kind == "cumulate":
            self.emit_cumulation(root, index, phase)
        elif root.kind == "first":
            self.emit_first_equal(root, index)
        elif root.kind == "add":
            self.emit_addition(root, index, phase)
        else:
            self.emit_scatter(root, index, phase)

    def lines_of(self, phase, rank=0):
        return self.segments.setdefault(rank, []) if phase is None else self.phases[phase]

    def emit_store(self, root, index, phase):
        if root not in self.stored:
            if root.value.depth > DEEPEST:  # now, so that those that need it do not descend further
                self.own_element(root.value, root, index, phase)
            return  # those of the kernel that need it compute it in place
        if root.value is None:
            text, rank = self.element(root.element, index, phase), self.rank(root.element)
        else:
            text, rank = self.own_element(root.value, root, index, phase), self.rank_of_root(root)
        lines, terms, reach = self.lines_of(phase, rank), (), 0
        if root.dynamic is not None:
            starts, lengths, sizes = root.dynamic
            terms, reach = self.shifts(root, starts, lengths, sizes, root.target.strides, phase, lines)
        self.store(root.target, index, text, lines, terms, reach)

    def emit_reduction(self, root, index, phase):
        value, dtype = root.value, root.value.dtype
        kind = value.kind
        if kind in POSITIONS:
            self.emit_position(root, index, phase)
            return
        element = self.element(root.element, index, phase)
        axes = self.kernel.value_axes(root)
        kept = {axis for axis in axes if axis is not None}
        own_index = tuple([along(axis) if axis is not None else (0, ()) for axis in axes])
        reduces_inner = phase is not None and not kept & self.inner_set
        rank = self.rank(root.element)
        self.count(1, self.lines_of(phase, rank))
        if reduces_inner:
            name = self.name("r")
            start = number(identity_of(kind, dtype), dtype)
            self.segments.setdefault(phase - 1, []).append((f"{name} = {start}",))
            self.phases[phase].append((f"{name} = {combine(kind, dtype, name, element)}",))
            element, rank, lines = name, phase, self.segments.setdefault(phase, [])
            if kept == set(self.outer):
                self.outer_names[root] = name
                if root in self.stored:
                    self.store(root.target, own_index, name, lines)
                return
        else:
            lines = self.lines_of(phase, rank)
        self.accumulate(root, kind, dtype, own_index, kept, element, lines)

    def accumulate(self, root, kind, dtype, index, kept, element, lines):
        """A reduction that is complete only when the kernel ends: add the element to what lies in memory."""
        target = root.target
        if self.cut in kept:
            self.filled.append((target, kind))
        else:
            self.partial[target.buffer] = (kind, target.buffer.size)
        address = self.address(target, index, writes=True)
        if kept:
            self.accumulate_at(address, kind, dtype, element, lines)
            return
        name = self.name("r")
        self.first.append((f"{name} = {number(identity_of(kind, dtype), dtype)}",))
        lines.append((f"{name} = {combine(kind, dtype, name, element)}",))
        self.accumulate_at(address, kind, dtype, name, self.last)

    def accumulate_at(self, address, kind, dtype, element, lines):
        before = self.name("t")
        lines.append((f"{before} = ", address, " != 0" if dtype == BOOL else ""))
        text = combine(kind, dtype, before, element)
        lines.append(("", address, f" = {f'uint8({text})' if dtype == BOOL else text}"))

    def emit_position(self, root, index, phase):
        """Find the extremum, then the first element that equals it or is NaN: two loops that vectorise."""
        value, dtype = root.value, root.value.operand.dtype
        rank = self.rank_of_root(root)
        position, lines = self.name("r"), self.segments.setdefault(rank, [])
        if phase is None:  # one element: its position is 0
            lines.append((f"{position} = 0",))
        else:
            kind, best = value.kind.removeprefix("arg"), self.name("r")
            self.segments.setdefault(phase - 1, []).append((f"{best} = {number(identity_of(kind, dtype), dtype)}",))
            element = self.element(root.element, index, phase)
            self.phases[phase].append((f"{best} = {combine(kind, dtype, best, element)}",))
            axis = self.kernel.axes[root][value.axes[0]]
            length = self.integer((id(value), "length"), self.kernel.sizes[axis], "n")
            self.segments.setdefault(phase, []).append((f"{position} = {length}",))
            self.phases.setdefault(rank, [])
            self.phase_names.setdefault(rank, {})
            element = self.element(root.element, index, rank)
            found = f"({element} == {best}) | ({element} != {element})" if dtype.kind == "f" else f"{element} == {best}"
            first = (f"{position} = minimum_i64({position}, select({found}, ", ("axis", axis), f", {length}))")
            self.phases[rank].append(first)
            self.count(2, self.phases[rank])
        self.outer_names[root] = position
        if root in self.stored:
            own = tuple([along(axis) if axis is not None else (0, ()) for axis in self.kernel.value_axes(root)])
            self.store(root.target, own, position, lines)

    def emit_cumulation(self, root, index, phase):
        value = root.value
        if phase is None:  # one element
            self.store(root.target, index, self.element(root.element, index, phase), self.segments[0])
            return
        name = self.name("r")
        start = number(identity_of(value.kind, value.dtype), value.dtype)
        self.segments.setdefault(phase - 1, []).append((f"{name} = {start}",))
        element = self.element(root.element, index, phase)
        lines = self.phases[phase]
        lines.append((f"{name} = {combine(value.kind, value.dtype, name, element)}",))
        self.store(root.target, index, name, lines)

    def emit_first_equal(self, root, index):
        """Each element is looked up in a hash table of the positions that came first, by open addressing."""
        value, axis = root.value, root.value.axis
        length, operand = root.shape[axis], value.operand.array
        size = 2 << length.bit_length()
        table = self.pointer(Buffer("lane", np.dtype(np.int32), size), 0)
        start = (*index[:axis], ZERO, *index[axis + 1 :])
        step, count, mask = [
            self.integer((id(value), what), number_)
            for what, number_ in (("step", operand.strides[axis]), ("length", length), ("mask", size - 1))
        ]
        place, key, slot, found = [self.name("k") for _ in range(4)]
        reach = operand.strides[axis] * (length - 1)
        own, seen = [self.address(operand, start, (f"{each} * {step}",), reach=reach) for each in (place, found)]
        to = self.integer((id(value), "to"), root.target.strides[axis])
        target = self.address(
            root.target, start, (f"{place} * {to}",), writes=True, reach=root.target.strides[axis] * (length - 1)
        )
        self.segments[0] += [
            (f"for {slot} in range({mask} + 1):",),
            (f"    {table}[{slot}] = -1",),
            (f"for {place} in range({count}):",),
            (f"    {key} = int64(", own, ")"),
            (f"    {slot} = (({key} * 2654435761) >> 16) & {mask}",),
            (f"    {found} = int64({table}[{slot}])",),
            (f"    while {found} >= 0 and int64(", seen, f") != {key}:"),
            (f"        {slot} = ({slot} + 1) & {mask}",),
            (f"        {found} = int64({table}[{slot}])",),
            (f"    if {found} < 0:",),
            (f"        {table}[{slot}] = {place}",),
            (f"        {found} = {place}",),
            ("    ", target, f" = {found}"),
        ]
        self.count(10 * length, self.segments[0])

    def emit_addition(self, root, index, phase):
        element = self.element(root.element, index, phase)
        address = self.address(root.target, self.renamed(root.index, root), writes=True)
        self.accumulate_at(address, "sum", root.target.dtype, element, self.lines_of(phase, self.rank(root.element)))

    def emit_scatter(self, root, index, phase):
        indices, axes, operation, _ = root.dynamic
        rank = max([self.rank(root.element), *[self.rank(each) for each in indices]])
        lines = self.lines_of(phase, rank)
        element = self.element(root.element, index, phase)
        starts = root.starts()[1:]
        target = root.target
        terms, checks = [], []
        for axis, (each, own) in zip(axes, starts):
            place = self.element(each, self.renamed(own, root), phase)
            length = self.integer((id(root), "length", axis), target.shape[axis], "n")
            step = self.integer((id(root), "step", axis), target.strides[axis])
            name = self.name("k")
            lines.append((f"{name} = int64({place})",))
            lines.append((f"{name} = select({name} < 0, {name} + {length}, {name})",))
            checks.append(f"({name} >= 0) & ({name} < {length})")
            terms.append(f"{name} * {step}")
        if root.partial:
            self.partial[target.buffer] = ("sum", target.buffer.size)
        lines.append((f"if {' & '.join([f'({check})' for check in checks]) or 'True'}:",))
        inner = []
        address = self.address(
            target, self.renamed(root.index, root), tuple(terms), writes=True, reach=reach_along(target, axes)
        )
        if operation == "set":
            inner.append(("", address, f" = {f'uint8({element})' if target.dtype == BOOL else element}"))
        else:
            kind = {"add": "sum", "multiply": "prod", "minimum": "min", "maximum": "max"}[operation]
            self.accumulate_at(address, kind, target.dtype, element, inner)
        lines.extend([("    ", *line) for line in inner])

    # --------------------------------------------------------------------------------------------------------- the text

    def finish(self):
        merged = self.merge_axes()
        outer = [axis for axis in self.outer if axis not in merged]
        inner = [axis for axis in self.inner if axis not in merged]
        self.loop_names = {axis: f"i{place}" for place, axis in enumerate(outer)}
        self.loop_names.update({axis: f"j{place}" for place, axis in enumerate(inner)})
        lengths = self.lengths(merged)
        cut = self.cut
        while cut in merged:  # the loop that it became part of
            group = self.outer if cut in self.outer else self.inner
            cut = group[group.index(cut) + 1]
        body = []
        depth = 1
        for line in self.first:
            body.append((depth, self.render(line)))
        for axis in outer:
            body.append((depth, self.loop(axis, cut, lengths)))
            depth += 1
        for number_ in range(max([*self.segments, *self.phases], default=0) + 1):
            if number_ in self.phases:
                inside = depth
                for axis in inner:
                    body.append((inside, self.loop(axis, cut, lengths)))
                    inside += 1
                lines = self.phases[number_] or [("pass",)]
                body.extend([(inside, self.render(line)) for line in lines])
            body.extend([(depth, self.render(line)) for line in self.segments.get(number_, [])])
        if depth > 1 and not any(self.segments.values()) and not self.phases:
            body.append((depth, "pass"))
        for line in self.last:
            body.append((1, self.render(line)))
        parameters = ["start", "stop", *[f"x{n}" for n in range(len(self.references))], *self.numbers.values()]
        text = f"def kernel({', '.join(parameters)}):\n"
        text += "".join([f"{'    ' * level}{line}\n" for level, line in body]) or "    pass\n"
        kinds = ("i64", "i64", *[kind_of(dtype) for dtype in self.dtypes], *["i64"] * len(self.integers))
        extent = 1 if self.cut is None else self.kernel.sizes[self.cut]
        unit = lengths[cut] // extent if cut is not None and extent else 1
        loops_begun = len(self.phases) * math.prod([self.kernel.sizes[axis] for axis in self.outer])
        return Emitted(
            text, kinds, tuple(self.references), tuple(self.integers), extent, unit,
            None if self.cut is None else self.kernel.labels[self.cut],
            tuple(self.row_accesses()), self.partial, tuple(self.filled),
            self.operations, self.single_operations, loops_begun, self.touched_bytes(),
        )  # fmt: skip

    def loop(self, axis, cut, lengths):
        """The head of the loop over an axis."""
        if axis == cut:
            return f"for {self.loop_names[axis]} in range(start, stop):"
        return f"for {self.loop_names[axis]} in range({self.integer(('size', axis), lengths[axis], 'n')}):"

    def merge_axes(self):
        """Axes that join the next one: all addresses step through both as through one. They need no loop."""
        if any([isinstance(piece, tuple) for line in self.all_lines() for piece in line]):
            return set()  # an index is used as a number
        merged = set()
        for group in (self.outer, self.inner):
            for first, second in zip(group, group[1:]):
                if second == self.cut:
                    continue  # rows that are cut lie outermost in their loop
                size = self.kernel.sizes[second]
                if all([a.strides.get(first, 0) == size * a.strides.get(second, 0) for _, _, a in self.addresses]):
                    merged.add(first)
        return merged

    def lengths(self, merged):
        """Lengths of the loops that remain."""
        result = {}
        for group in (self.outer, self.inner):
            length = 1
            for axis in group:
                length *= self.kernel.sizes[axis]
                if axis not in merged:
                    result[axis] = length
                    length = 1
        return result

    def all_lines(self):
        for lines in [self.first, self.last, *self.segments.values(), *self.phases.values()]:
            yield from lines

    def render(self, line):
        pieces = []
        for piece in line:
            if isinstance(piece, Address):
                pieces.append(self.render_address(piece))
            elif isinstance(piece, tuple):
                name = self.loop_names[piece[1]]
                pieces.append(name if len(piece) == 2 else f"{name} * {piece[2]}")
            else:
                pieces.append(piece)
        return "".join(pieces)

    def render_address(self, address):
        terms = []
        for axis, name in self.loop_names.items():
            stride = address.strides.get(axis, 0)
            if stride == 1:
                terms.append(name)
            elif stride:
                terms.append(f"{name} * {self.integer((address.pointer, axis, stride), stride)}")
        return f"{address.pointer}[{' + '.join([*terms, *address.terms]) or '0'}]"

    def row_accesses(self):
        found = {}
        for buffer, offset, address in self.addresses:
            row = address.strides.get(self.cut, 0) if self.cut is not None else 0
            reach = sum(
                [
                    abs(stride) * (self.kernel.sizes[axis] - 1)
                    for axis, stride in address.strides.items()
                    if axis != self.cut
                ]
            )
            negative = any([stride < 0 for stride in address.strides.values()])
            if row <= 0 or negative or offset + reach + address.reach >= row:
                row = None
            key = (id(buffer), address.writes)
            if key in found and found[key].row != row:
                row = None
            found[key] = Access(buffer, address.writes, row)
        return found.values()

    def touched_bytes(self):
        """Of all elements that the kernel reads or writes, each counted once: it is in cache when it is read again."""
        elements, sizes = {}, self.kernel.sizes
        for buffer, offset, address in self.addresses:
            axes = range(len(sizes)) if address.terms else [axis for axis, stride in address.strides.items() if stride]
            places = (offset, *sorted(address.strides.items()), *address.terms)
            elements.setdefault(buffer, {})[places] = math.prod([sizes[axis] for axis in axes])
        return sum([min(sum(own.values()), buffer.size) * buffer.dtype.itemsize for buffer, own in elements.items()])


def reach_along(array, axes):
    """How many elements apart the places of an array along some axes can lie."""
    return sum([abs(array.strides[axis]) * max(array.shape[axis] - 1, 0) for axis in axes])


def is_stored(root):
    """Whether what the root forms must lie in memory: somebody outside the kernel reads it."""
    return root.value is None or root.external or root.target.buffer.kind != "arena"


def emit(kernel):
    """The Emitted source of a kernel."""
    return Emitter(kernel).emit()
