"""From equations to values and actions: what each operation is to the compiler.

Relies on values and expressions. schedule puts the actions together to kernels and regions.

An equation becomes an expression that its consumers compute in place, a view, or an action: a Root (a loop nest that
forms or reduces a value), a Product (BLAS), a HostCall (Python), a Loop or a Branch. What an operation asks of its
operands is known before: DEMANDS says which of them must lie in memory.
"""

import math

import numpy as np

from vgrad.compiler.arrays import Array, Buffer
from vgrad.compiler.expressions import code_of
from vgrad.compiler.gathering import lower_product_of_windows
from vgrad.compiler.products import Pair, is_product, lower_product, pairs_of_products
from vgrad.compiler.values import (
    ZERO,
    Ciphered,
    Constant,
    Cumulated,
    Elementwise,
    FirstEqual,
    RandomBits,
    Reduced,
    Stored,
    View,
    added,
    along,
    array_of,
    broadcast_index,
    identity_of,
    memory_below,
    moved,
)
from vgrad.core.jaxpr import Literal
from vgrad.core.types import ArrayType
from vgrad.primitives.broadcasting import convert
from vgrad.primitives.contraction import distinct, split
from vgrad.primitives.elementwise import add, mul

FUSED, VIEW, MEMORY = "fused", "view", "memory"
KEPT = 4  # a value used twice is computed twice if that costs no more than this many additions
DEEPEST = 64  # expressions in each other; emit descends into them


class Root:
    """A loop nest that forms a value: over `shape`, its element at `index` goes to `target`.

    kind    "store", "reduce", "cumulate", "first" (see FirstEqual), "scatter",
            "add" (sum into target at an index that several elements share)
    value   what is formed; element the value whose elements the loop computes
    after   actions that must have run, beyond those that the reads tell
    equation  the one that it was made for: others, whose values are computed in place, may be in it too
    index    for "add" and "scatter": where in the target an element goes, ZERO along the axes that are computed
    dynamic  for stores: (start values, lengths, sizes) that shift the target; for scatters: (index values, their axes,
             operation, rank of the index values together)
    partial  whether lanes may each add to a copy of the target of their own, which starts from zeros
    """

    __slots__ = ("kind", "value", "element", "shape", "labels", "target", "index", "after", "dynamic", "partial",
                 "reads", "place", "external", "equation")  # fmt: skip

    def __init__(self, kind, value, element, target, index=None, after=(), dynamic=None, partial=False):
        self.kind = kind
        self.value = value
        self.element = element
        self.shape = element.shape
        self.labels = element.labels
        self.target = target
        self.index = index
        self.after = after
        self.dynamic = dynamic
        self.partial = partial
        self.reads = None
        self.place = None  # the kernel that it joined
        self.external = False  # whether others than its kernel read what it forms
        self.equation = None

    def starts(self):
        """(value, index) of the elements that the loop computes first: its own, and those that say where it goes."""
        index = self.own_index()
        found = [(self.element, index)]
        if self.kind == "scatter":
            common = self.dynamic[3]
            for each in self.dynamic[0]:
                found.append((each, broadcast_index(each.shape, self.shape[:common], index[:common])))
        elif self.dynamic is not None:
            found += [(start, ()) for start in self.dynamic[0] if start is not None]
        return found

    def own_index(self):
        return tuple([ZERO if length == 1 else along(axis) for axis, length in enumerate(self.shape)])


class HostCall:
    """A call of a primitive's evaluate in Python, from inside the program."""

    __slots__ = ("primitive", "params", "operands", "targets", "needs", "place", "equation")

    def __init__(self, primitive, params, operands, targets, needs):
        self.primitive = primitive
        self.params = params
        self.operands = operands  # Arrays, or Python and NumPy scalars
        self.targets = targets
        self.needs = needs


class Labels:
    """Numbers for axes, merged when equations show that two axes run over the same things."""

    def __init__(self):
        self.parents = []

    def new(self, shape):
        made = []
        for length in shape:
            if length == 1:
                made.append(None)
            else:
                made.append(len(self.parents))
                self.parents.append(len(self.parents))
        return tuple(made)

    def find(self, label):
        if label is None:
            return None
        while self.parents[label] != label:
            self.parents[label] = self.parents[self.parents[label]]
            label = self.parents[label]
        return label

    def unite(self, first, second):
        if first is not None and second is not None:
            self.parents[self.find(second)] = self.find(first)


def uniform_number(array):
    """The one number that all elements of a constant are, else None. Zeros are the common case."""
    if not any(array.strides):
        array = array.reshape(-1)[:1]
    if not array.size or array.dtype.kind not in "fiub" or array.size > 1 << 22:
        return None
    first = array.flat[0]
    if np.signbit(first) if array.dtype.kind == "f" and first == 0 else first != first:
        return None  # -0.0 and NaN have no number that compares equal to them alone
    return (
        first
        if (array == first).all() and not (array.dtype.kind == "f" and np.signbit(array).any() and not first)
        else None
    )


def is_plain(number):
    """Whether a number may stand in a kernel's text. Others may come from sizes (1 / 256 in a mean): arguments."""
    return number in (0, 1, -1, 2, -2, 0.5) or number != number or abs(number) == np.inf


class Lowering:
    """Lowers one program: `inputs` are its values, `targets` the arrays its outputs go to (None: anywhere).

    After `run`, `actions` holds the actions in an order that is right, `outputs` the values of the outputs.
    """

    def __init__(self, context, labels):
        self.context = context  # what all programs of one executable share: see schedule.Context
        self.labels = labels
        self.values = {}
        self.actions = []
        self.buffers = []  # of the arena, allocated by this program
        self.targets = {}

    # ------------------------------------------------------------------------------------------------------- values

    def read(self, atom):
        if isinstance(atom, Literal):
            if is_plain(atom.value):
                return Constant(atom.value, (), atom.type.dtype, ())
            return self.context.scalar(atom.value, atom.type.dtype)
        return self.values[atom]

    def allocate(self, shape, dtype):
        self.buffers.append(Buffer("arena", dtype, math.prod(shape)))
        return Array(self.buffers[-1], shape)

    def target_for(self, var):
        """Where the value of a variable goes: an output's place, or new memory."""
        target = self.targets.pop(var, None)
        return self.allocate(var.type.shape, var.type.dtype) if target is None else target

    def form(self, value, target=None, kind="store", element=None, **more):
        """Make the value a root."""
        target = self.allocate(value.shape, value.dtype) if target is None else target
        root = Root(kind, value, value if element is None else element, target, **more)
        value.root = root
        value.array = target
        self.actions.append(root)
        return root

    def copy_to(self, value, target, after=()):
        """An action that writes the value's elements to a target; the value stays what it is."""
        root = Root("store", None, value, target, after=after)
        self.actions.append(root)
        return root

    def in_memory(self, value):
        """The strided array that holds the value; formed now if it is an expression."""
        array = array_of(value)
        if array is not None:
            return array
        base = memory_below(value)  # an expression below views: form that, and view it
        while isinstance(base, View):
            base = base.operand
        self.form(base)
        return array_of(value)

    def needs_of(self, value):
        """The actions that must have run before the value's memory may be read."""
        base = memory_below(value)
        if base.root is None:
            return base.producers
        base.root.external = True
        return (base.root,)

    # ----------------------------------------------------------------------------------------------------- programs

    def run(self, jaxpr, inputs, targets):
        equations = list(pairs_of_products(jaxpr.equations))
        self.values.update(zip(jaxpr.inputs, inputs))
        for var, array in jaxpr.constants:
            self.values[var] = self.context.constant(array, self.labels)
        uses, in_memory = demands(equations, jaxpr.outputs)
        self.targets = {}
        for output, target in zip(jaxpr.outputs, targets):
            if not isinstance(output, Literal) and output not in self.values and target is not None:
                self.targets.setdefault(output, target)
        places = dict(self.targets)
        assembled, skipped = sums_of_pads(equations, uses)
        for equation in equations:
            if equation not in skipped:
                self.lower(equation, uses, in_memory, assembled.get(equation))
        outputs = []
        for output, target in zip(jaxpr.outputs, targets):
            value = self.read(output)
            if not isinstance(output, Literal) and self.targets.get(output) is target and target is not None:
                del self.targets[output]  # nothing wrote it: a view or an expression
                places.pop(output)
            if target is not None and places.pop(output, None) is not target:
                root = self.copy_to(value, target)
                value = Stored(target, value.labels, (root,))
            if target is not None:
                self.needs_of(value)  # somebody else reads it
            outputs.append(value)
        return outputs

    def lower(self, equation, uses, in_memory, pads=None):
        before = len(self.actions)
        if pads is None:
            operands = [self.read(operand) for operand in equation.operands]
            rule = RULES.get(equation.primitive.name)
            if rule is None:
                rule = lower_elementwise if is_native(equation) else lower_host
            results = rule(self, equation, operands)
        else:
            results = lower_sum_of_pads(self, equation, pads)
        if not isinstance(results, tuple):
            results = (results,)
        for action in self.actions[before:]:
            action.equation = equation
        for var, value in zip(equation.outputs, results):
            self.values[var] = value
            if value.equation is None:
                value.equation = equation
            if value.array is not None or isinstance(value, (Constant, View)) or var not in uses:
                continue
            if in_memory[var] or (uses[var] > 1 and value.cost > KEPT) or value.depth > DEEPEST:
                self.form(value, self.targets.pop(var, None))


def demands(equations, outputs):
    """(how many consumers compute with a variable, which variables must lie in memory), by a walk from the end."""
    uses, in_memory = {}, {}
    for output in outputs:
        if not isinstance(output, Literal):
            uses[output] = uses.get(output, 0) + 1
            in_memory[output] = True
    for equation in reversed(equations):
        own_uses = sum([uses.get(output, 0) for output in equation.outputs])
        own_memory = any([in_memory.get(output, False) for output in equation.outputs])
        for operand, mode in zip(equation.operands, modes(equation)):
            if isinstance(operand, Literal):
                continue
            uses[operand] = uses.get(operand, 0) + (max(own_uses, 1) if mode is VIEW else 1)
            in_memory[operand] = in_memory.get(operand, False) or mode is MEMORY or (mode is VIEW and own_memory)
    return uses, in_memory


def sums_of_pads(equations, uses):
    """({equation: pads that it adds up}, equations that need not be lowered): sums of zeros around disjoint parts.

    They are the gradient of an array of which slices are taken, a flat vector of parameters for example. The parts are
    written to their places in one array; as it stands the program would write and add an array for each of them.
    """
    pads, sums, skipped = {}, {}, set()
    for equation in equations:
        name = equation.primitive.name
        if name == "pad" and is_plain_pad(equation):
            pads[equation.outputs[0]] = [equation]
        elif name == "add" and equation.outputs[0].type.dtype.kind in "fiu":
            parts = [pads.get(operand) for operand in equation.operands]
            if None not in parts and all([uses[operand] == 1 for operand in equation.operands]):
                joined = parts[0] + parts[1]
                if all([apart(one, other) for one in parts[0] for other in parts[1]]):
                    pads[equation.outputs[0]] = joined
                    sums[equation] = joined
                    skipped.update(parts[0], parts[1], [each for each in sums if sums[each] in parts])
    return sums, skipped


def is_plain_pad(equation):
    """Whether a pad puts zeros around an array, and nothing else."""
    operand, filling = equation.operands
    is_zero = isinstance(filling, Literal) and filling.value == 0
    return (
        is_zero
        and 0 not in operand.type.shape
        and all([low >= 0 <= high and not gap for low, high, gap in equation.params["widths"]])
    )


def apart(one, other):
    """Whether the operands of two plain pads come to lie in different places."""
    total = one.outputs[0].type.shape
    windows = [
        [(low, length - high) for length, (low, high, _) in zip(total, each.params["widths"])] for each in (one, other)
    ]
    return total == other.outputs[0].type.shape and any([a[1] <= b[0] or b[1] <= a[0] for a, b in zip(*windows)])


def modes(equation):
    """What an equation asks of each operand: to be computed in place, to be viewed, or to lie in memory."""
    name, count = equation.primitive.name, len(equation.operands)
    if name == "reshape":
        shape = equation.operands[0].type.shape
        return [VIEW if reshape_terms(shape, equation.params["shape"]) is not None else MEMORY]
    if name in VIEWS:
        return [VIEW]
    if name == "first_equal":
        return [MEMORY]
    if name in TABLES:
        return [MEMORY] + [FUSED] * (count - 1)
    if name == "contract":
        return [MEMORY if is_product(equation) else FUSED] * count
    if name in RULES and name not in PROGRAMS:
        return [FUSED] * count
    return [FUSED if name not in PROGRAMS and is_native(equation) else MEMORY] * count


def is_native(equation):
    """Whether an elementwise equation can be written in a kernel."""
    types = [operand.type for operand in equation.operands]
    return code_of(equation.primitive, equation.params, types, equation.outputs[0].type) is not None


# ------------------------------------------------------------------------------------------------------ elementwise

COSTS = {
    "div": 4, "sqrt": 4, "exp": 12, "exp2": 12, "log": 14, "tanh": 20, "logistic": 16, "sin": 20, "cos": 20,
    "convert_element_type": 0.5, "integer_pow": 2, "reciprocal": 4, "select": 1, "neg": 0.5,
}  # fmt: skip
CHEAP = {
    "add", "sub", "mul", "max", "min", "abs", "square", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "not",
    "logical_and", "logical_or", "logical_not", "logical_xor", "sign", "floor", "ceil", "clamp", "copysign", "conj",
    "real", "imag", "shift_left", "shift_right_logical", "shift_right_arithmetic", "is_finite", "is_nan", "complex",
}  # fmt: skip


def cost_of(name):
    return COSTS.get(name) or (1 if name in CHEAP else 25)


def lower_elementwise(lowering, equation, operands):
    types = tuple([operand.type for operand in equation.operands])
    return elementwise(lowering, equation.primitive, equation.params, operands, types, equation.outputs[0].type)


def broadcast_labels(lowering, operands, shape):
    """The labels of what operands of broadcasting shapes make."""
    labels = lowering.labels.new(shape)
    for operand in operands:
        extra = len(shape) - len(operand.shape)
        for axis, length in enumerate(operand.shape):
            if length == shape[extra + axis]:
                lowering.labels.unite(operand.labels[axis], labels[extra + axis])
    return labels


def elementwise(lowering, primitive, params, operands, types, output):
    labels = broadcast_labels(lowering, operands, output.shape)
    value = Elementwise(primitive, params, operands, types, output, labels)
    value.made_of(operands, cost_of(primitive.name))
    return value


# ------------------------------------------------------------------------------------------------------------ views


def lower_alias(lowering, equation, operands):
    return operands[0]


def lower_broadcast(lowering, equation, operands):
    (operand,), shape, axes = operands, equation.params["shape"], equation.params["axes"]
    if isinstance(operand, Constant):
        return Constant(operand.number, shape, operand.dtype, lowering.labels.new(shape))
    labels = list(lowering.labels.new(shape))
    kept = []
    for axis, place in enumerate(axes):
        kept.append(operand.shape[axis] == shape[place])
        if kept[-1] and labels[place] is not None:
            labels[place] = operand.labels[axis]

    def pull(index):
        return tuple([index[place] if whole else ZERO for place, whole in zip(axes, kept)])

    return View(operand, shape, pull, tuple(labels))


def lower_transpose(lowering, equation, operands):
    (operand,), permutation = operands, equation.params["permutation"]
    inverse = [permutation.index(axis) for axis in range(len(permutation))]
    return View(
        operand,
        tuple([operand.shape[axis] for axis in permutation]),
        lambda index: tuple([index[place] for place in inverse]),
        tuple([operand.labels[axis] for axis in permutation]),
    )


def reshape_terms(shape, new_shape):
    """For each axis of `shape` the axes of `new_shape` that it is cut into, with their steps; None if axes merge."""
    terms, place = [], 0
    if 0 in shape:
        return None
    for length in shape:
        own, found = length, []
        if length == 1:
            terms.append(())
            continue
        while own != 1:
            while place < len(new_shape) and new_shape[place] == 1:
                place += 1
            if own % new_shape[place]:
                return None
            own //= new_shape[place]
            found.append((place, own))
            place += 1
        terms.append(tuple(found))
    return terms


def lower_reshape(lowering, equation, operands):
    (operand,), shape = operands, equation.params["shape"]
    if isinstance(operand, Constant):
        return Constant(operand.number, shape, operand.dtype, lowering.labels.new(shape))
    terms = reshape_terms(operand.shape, shape)
    if terms is None:
        return merged_axes(lowering, operand, shape)
    labels = list(lowering.labels.new(shape))
    for own, found in zip(operand.labels, terms):
        if len(found) == 1:
            labels[found[0][0]] = own

    def pull(index):
        entries = []
        for found in terms:
            entry = ZERO
            for place, step in found:
                entry = added(entry, moved(index[place], step, 0))
            entries.append(entry)
        return tuple(entries)

    return View(operand, shape, pull, tuple(labels))


def merged_axes(lowering, operand, shape):
    """A reshape that merges axes: another window on the operand's memory, copied first where that has gaps."""
    array, needs = lowering.in_memory(operand), lowering.needs_of(operand)
    reshaped = array.reshaped(shape)
    if reshaped is None:
        target = lowering.allocate(operand.shape, operand.dtype)
        needs = (lowering.copy_to(operand, target),)
        reshaped = target.reshaped(shape)
    labels = list(lowering.labels.new(shape))
    for axis, (length, own) in enumerate(zip(shape, operand.shape)):  # what comes before the first merged axis
        if length != own:
            break
        labels[axis] = operand.labels[axis]
    return Stored(reshaped, tuple(labels), needs)


def lower_slice(lowering, equation, operands):
    (operand,), start, step = operands, equation.params["start"], equation.params["step"]
    shape = equation.outputs[0].type.shape
    if isinstance(operand, Constant):
        return Constant(operand.number, shape, operand.dtype, lowering.labels.new(shape))
    labels = lowering.labels.new(shape)
    labels = [own if a == b else new for new, own, a, b in zip(labels, operand.labels, shape, operand.shape)]

    def pull(index):
        return tuple([moved(entry, scale, shift) for entry, scale, shift in zip(index, step, start)])

    return View(operand, shape, pull, tuple(labels))


def lower_reverse(lowering, equation, operands):
    (operand,), axes = operands, equation.params["axes"]
    labels = lowering.labels.new(operand.shape)
    labels = tuple([labels[axis] if axis in axes else own for axis, own in enumerate(operand.labels)])

    def pull(index):
        return tuple(
            [moved(entry, -1, operand.shape[axis] - 1) if axis in axes else entry for axis, entry in enumerate(index)]
        )

    return View(operand, operand.shape, pull, labels)


def lower_windows(lowering, equation, operands):
    (operand,), params = operands, equation.params
    axes, strides, dilations = params["axes"], params["strides"], params["dilations"]
    shape = equation.outputs[0].type.shape
    labels = list(lowering.labels.new(shape))
    for axis in range(len(operand.shape)):
        if axis not in axes:
            labels[axis] = operand.labels[axis]

    def pull(index):
        entries = list(index[: len(operand.shape)])
        for number, axis in enumerate(axes):
            within = moved(index[len(operand.shape) + number], dilations[number], 0)
            entries[axis] = added(moved(entries[axis], strides[number], 0), within)
        return tuple(entries)

    return View(operand, shape, pull, tuple(labels))


# --------------------------------------------------------------------------------------- what moves elements by actions


def lower_concatenate(lowering, equation, operands):
    axis, var = equation.params["axis"], equation.outputs[0]
    target = lowering.target_for(var)
    labels = list(lowering.labels.new(var.type.shape))
    start, parts = 0, []
    for operand in operands:
        for place, own in enumerate(operand.labels):
            if place != axis and labels[place] is not None:
                labels[place] = own
        window = target.window(operand.shape, target.strides, start * target.strides[axis])
        start += operand.shape[axis]
        if operand.shape[axis]:
            parts.append(lowering.copy_to(convert_value(lowering, operand, var.type.dtype), window))
    return Stored(target, tuple(labels), tuple(parts))


def convert_value(lowering, value, dtype):
    """The value in another dtype."""
    if value.dtype == dtype:
        return value
    given, wanted = ArrayType(value.shape, value.dtype), ArrayType(value.shape, dtype)
    result = Elementwise(convert, {"dtype": dtype}, [value], (given,), wanted, value.labels)
    result.made_of([value], cost=0.5)
    return result


def lower_pad(lowering, equation, operands):
    (operand, filling), widths = operands, equation.params["widths"]
    var = equation.outputs[0]
    target = lowering.target_for(var)
    labels = lowering.labels.new(var.type.shape)
    labels = tuple([own if width == (0, 0, 0) else new for own, new, width in zip(operand.labels, labels, widths)])
    spread = View(filling, var.type.shape, lambda index: (), labels)
    fill = lowering.copy_to(convert_value(lowering, spread, var.type.dtype), target)
    offset, strides, shape, starts = 0, [], [], []
    for length, total, stride, (low, _, interior) in zip(operand.shape, var.type.shape, target.strides, widths):
        step = interior + 1
        first = max(0, -(low // step))  # of the elements that are not cut off
        last = max(first, min(length, -((low - total) // step)))
        starts.append(first)
        shape.append(last - first)
        strides.append(stride * step)
        offset += (low + first * step) * stride
    if 0 in shape:
        return Stored(target, labels, (fill,))

    def pull(index):
        return tuple([moved(entry, 1, first) for entry, first in zip(index, starts)])

    inner_labels = [own if a == b else new for own, new, a, b in zip(operand.labels, labels, operand.shape, shape)]
    inner = View(operand, tuple(shape), pull, tuple(inner_labels))
    part = lowering.copy_to(inner, target.window(tuple(shape), tuple(strides), offset), after=(fill,))
    return Stored(target, labels, (fill, part))


def lower_sum_of_pads(lowering, equation, pads):
    var = equation.outputs[0]
    target = lowering.target_for(var)
    labels = list(lowering.labels.new(var.type.shape))
    operands = [lowering.read(pad.operands[0]) for pad in pads]
    zero = Constant(0, var.type.shape, var.type.dtype, tuple(labels))
    after, parts = (), []
    if sum([math.prod(operand.shape) for operand in operands]) < var.type.size:
        after = (lowering.copy_to(zero, target),)
    for operand, pad in zip(operands, pads):
        offset = sum([low * stride for (low, _, _), stride in zip(pad.params["widths"], target.strides)])
        for axis, length in enumerate(operand.shape):
            if length == var.type.shape[axis]:
                lowering.labels.unite(operand.labels[axis], labels[axis])
        # Added to 0, as in the sum: there -0.0 becomes 0.0.
        part = apply(
            lowering, add, convert_value(lowering, operand, var.type.dtype), Constant(0, (), var.type.dtype, ())
        )
        parts.append(lowering.copy_to(part, target.window(operand.shape, target.strides, offset), after=after))
    return Stored(target, tuple(labels), (*after, *parts))


def stored(lowering, value):
    """The value as one in memory."""
    return Stored(lowering.in_memory(value), value.labels, lowering.needs_of(value))


def apply(lowering, primitive, *operands):
    """An elementwise primitive of values, as a value."""
    types = tuple([ArrayType(operand.shape, operand.dtype) for operand in operands])
    return elementwise(lowering, primitive, {}, operands, types, primitive.output_type(*types))


# --------------------------------------------------------------------------------------------------------- reductions

REDUCTIONS = {
    "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "reduce_and": "and",
    "reduce_or": "or", "argmax": "argmax", "argmin": "argmin",
}  # fmt: skip
POSITIONS = ("argmax", "argmin")
CUMULATIONS = {"cumsum": "sum", "cumprod": "prod", "cummax": "max", "cummin": "min", "cumlogsumexp": "logaddexp"}


def lower_reduction(lowering, equation, operands):
    (operand,), params, var = operands, equation.params, equation.outputs[0]
    if operand.dtype.kind == "c" and equation.primitive.name not in ("reduce_sum", "reduce_prod"):
        return lower_host(lowering, equation, operands)
    axes = params["axes"] if "axes" in params else (params["axis"],)
    return reduction(lowering, operand, tuple(axes), REDUCTIONS[equation.primitive.name], var)


def reduction(lowering, operand, axes, kind, var):
    """The value of a reduction, made a root; a view where all axes have length 1."""
    labels = tuple([label for axis, label in enumerate(operand.labels) if axis not in axes])
    if all([operand.shape[axis] == 1 for axis in axes]) and kind not in POSITIONS:
        kept = [axis for axis in range(len(operand.shape)) if axis not in axes]

        def pull(index):
            entries = [ZERO] * len(operand.shape)
            for axis, entry in zip(kept, index):
                entries[axis] = entry
            return tuple(entries)

        return View(operand, var.type.shape, pull, labels)
    if 0 in operand.shape:
        number = 0 if kind in POSITIONS else identity_of(kind, operand.dtype)
        return Constant(number, var.type.shape, var.type.dtype, labels)
    value = Reduced(operand, axes, kind, var.type.dtype, labels)
    lowering.form(value, lowering.target_for(var), kind="reduce", element=operand)
    return value


def lower_cumulation(lowering, equation, operands):
    (operand,), params, var = operands, equation.params, equation.outputs[0]
    kind = CUMULATIONS[equation.primitive.name]
    if operand.dtype.kind == "c" and kind not in ("sum", "prod"):
        return lower_host(lowering, equation, operands)
    value = Cumulated(operand, params["axis"], kind, params["reverse"])
    lowering.form(value, lowering.target_for(var), kind="cumulate", element=operand)
    return value


def lower_first_equal(lowering, equation, operands):
    (operand,), (var,) = operands, equation.outputs
    if operand.dtype.kind not in "iu" or 0 in operand.shape:
        return lower_host(lowering, equation, operands)
    table = stored(lowering, operand)
    value = FirstEqual(table, equation.params["axis"], var.type.dtype)
    lowering.form(value, lowering.target_for(var), kind="first", element=table)
    return value


# ----------------------------------------------------------------------------------------------------- random, products


def lower_random_bits(lowering, equation, operands):
    (key,), var = operands, equation.outputs[0]
    labels = list(lowering.labels.new(var.type.shape))
    for axis in range(len(key.shape) - 1):
        if labels[axis] is not None:
            labels[axis] = key.labels[axis]
    return RandomBits(key, var.type.shape, var.type.dtype, tuple(labels))


def lower_threefry(lowering, equation, operands):
    (key, counter), output = operands, equation.outputs[0].type
    return Ciphered(key, counter, output.shape, output.dtype, broadcast_labels(lowering, operands, output.shape))


def lower_contract(lowering, equation, operands):
    if is_product(equation):
        pair = Pair(lowering, equation, operands)
        value = lower_product_of_windows(lowering, pair)
        return lower_product(lowering, pair) if value is None else value
    return loops_of_contraction(lowering, equation, operands)


def loops_of_contraction(lowering, equation, operands):
    """A contraction as an elementwise product, summed."""
    inputs, output = split(equation.params["spec"])
    var = equation.outputs[0]
    letters = output + "".join([name for name in distinct("".join(inputs)) if name not in output])
    sizes = {}
    for own, operand in zip(inputs, operands):
        sizes.update(zip(own, operand.shape))
    shape = tuple([sizes[name] for name in letters])
    labels = list(lowering.labels.new(shape))
    factors = []
    for own, operand in zip(inputs, operands):
        for name, label in zip(own, operand.labels):
            lowering.labels.unite(label, labels[letters.index(name)])
        factors.append(letters_view(operand, own, letters, shape, tuple(labels)))
    product = factors[0]
    for factor in factors[1:]:
        whole = ArrayType(shape, var.type.dtype)
        both = [convert_value(lowering, each, whole.dtype) for each in (product, factor)]
        product = Elementwise(mul, {}, both, (whole, whole), whole, tuple(labels))
        product.made_of([each for each in both if not memory_below(each).is_leaf], cost=1)
    axes = tuple(range(len(output), len(letters)))
    return reduction(lowering, product, axes, "sum", var) if axes else product


def letters_view(operand, own, letters, shape, labels):
    """An operand with letters `own` spread over all letters."""
    places = [letters.index(name) for name in own]
    return View(operand, shape, lambda index: tuple([index[place] for place in places]), labels)


def lower_host(lowering, equation, operands):
    arrays, needs = [], []
    for atom, operand in zip(equation.operands, operands):
        if isinstance(atom, Literal):
            arrays.append(atom.value)
            continue
        arrays.append(lowering.in_memory(operand))
        needs += lowering.needs_of(operand)
    targets = [lowering.target_for(var) for var in equation.outputs]
    call = HostCall(equation.primitive, equation.params, arrays, targets, tuple(needs))
    lowering.actions.append(call)
    return tuple([Stored(target, lowering.labels.new(target.shape), (call,)) for target in targets])


VIEWS = {"broadcast_in_dim", "transpose", "slice", "rev", "windows", "stop_gradient"}
TABLES = {"gather", "dynamic_slice"}
PROGRAMS = {"scan", "while", "cond"}
RULES = {
    "broadcast_in_dim": lower_broadcast,
    "transpose": lower_transpose,
    "reshape": lower_reshape,
    "slice": lower_slice,
    "rev": lower_reverse,
    "windows": lower_windows,
    "stop_gradient": lower_alias,
    "concatenate": lower_concatenate,
    "pad": lower_pad,
    **dict.fromkeys(REDUCTIONS, lower_reduction),
    **dict.fromkeys(CUMULATIONS, lower_cumulation),
    "first_equal": lower_first_equal,
    "random_bits": lower_random_bits,
    "threefry2x32": lower_threefry,
    "contract": lower_contract,
}
