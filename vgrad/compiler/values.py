"""Values: what the compiler knows of an array before it decides where, and whether, it lies in memory.

Relies on arrays. lowering makes values from equations; schedule decides which are formed; emit writes their elements.

A value that is not formed is an expression: asked for its element at an index, it asks its operands for theirs.
An index has one entry per axis: (constant, ((axis, coefficient), ...)), a sum of multiples of loop axes, all integers.
"""

import numpy as np

from vgrad.compiler.arrays import Array

ZERO = (0, ())
BOOL = np.dtype(np.bool_)


def along(axis):
    """The index entry that runs along a loop axis."""
    return (0, ((axis, 1),))


def moved(entry, scale, shift):
    """scale * entry + shift."""
    constant, terms = entry
    if scale == 1:
        return (constant + shift, terms)
    return (constant * scale + shift, tuple([(axis, coefficient * scale) for axis, coefficient in terms]))


def added(first, second):
    terms = dict(first[1])
    for axis, coefficient in second[1]:
        terms[axis] = terms.get(axis, 0) + coefficient
    return (first[0] + second[0], tuple(terms.items()))


class Value:
    """An array that a program computes. `root` is set once it has been decided to form it, or reduce to it.

    labels      one number per axis (None for length 1): axes with one label run over the same things, as far as the
                equations show: examples, steps, features
    array       where it lies, or would lie, in memory; None for expressions
    depth       how many expressions stand in each other
    equation    what it is the result of, if it is that of an equation
    """

    __slots__ = ("shape", "dtype", "labels", "array", "root", "producers", "cost", "depth", "equation")

    def __init__(self, shape, dtype, labels):
        self.shape = shape
        self.dtype = dtype
        self.labels = labels
        self.array = None
        self.root = None
        self.producers = ()
        self.cost = 0
        self.depth = 0
        self.equation = None

    def made_of(self, operands, cost):
        """Set the cost, `cost` above that of the operands computed in place, and the depth."""
        expressions = [operand for operand in operands if not operand.is_leaf]
        self.cost = cost + sum([operand.cost for operand in expressions])
        self.depth = 1 + max([operand.depth for operand in expressions], default=0)

    def requests(self, index):
        """(operand, index) for every operand element that the element at `index` is made of."""
        return ()

    @property
    def is_leaf(self):
        """Whether its elements are read from memory or from a root, not computed in place."""
        return self.array is not None or self.root is not None


class Stored(Value):
    """A value in memory: an argument, a constant, the output of a product or of a call."""

    __slots__ = ()

    def __init__(self, array, labels, producers=()):
        super().__init__(array.shape, array.dtype, labels)
        self.array = array
        self.producers = producers


class Constant(Value):
    """One number for all elements."""

    __slots__ = ("number",)

    def __init__(self, number, shape, dtype, labels):
        super().__init__(shape, dtype, labels)
        self.number = number


class Position(Value):
    """The integers 0, 1, 2, ... along one axis: an element's place along it."""

    __slots__ = ("axis",)

    def __init__(self, axis, shape, dtype, labels):
        super().__init__(shape, dtype, labels)
        self.axis = axis


def position_entry(value, index):
    """The index entry that an element of a view of a Position is, or None if the value is no such view."""
    while isinstance(value, View) and value.array is None:
        index = value.pull(index)
        value = value.operand
    return index[value.axis] if isinstance(value, Position) and value.array is None else None


class Elementwise(Value):
    """An elementwise primitive of operands that broadcast."""

    __slots__ = ("primitive", "params", "operands", "operand_types", "output_type")

    def __init__(self, primitive, params, operands, operand_types, output_type, labels):
        super().__init__(output_type.shape, output_type.dtype, labels)
        self.primitive = primitive
        self.params = params
        self.operands = operands
        self.operand_types = operand_types
        self.output_type = output_type

    def requests(self, index):
        return [(operand, broadcast_index(operand.shape, self.shape, index)) for operand in self.operands]


def broadcast_index(shape, output_shape, index):
    """The index of an operand of `shape` for the element at `index` of the broadcast shape."""
    extra = len(output_shape) - len(shape)
    return tuple(
        [index[extra + axis] if length == output_shape[extra + axis] else ZERO for axis, length in enumerate(shape)]
    )


class View(Value):
    """Elements of the operand in another arrangement: `pull(index)` gives the operand's index."""

    __slots__ = ("operand", "pull")

    def __init__(self, operand, shape, pull, labels):
        super().__init__(shape, operand.dtype, labels)
        self.operand = operand
        self.pull = pull
        self.cost = operand.cost
        self.depth = 1 + (0 if operand.is_leaf else operand.depth)

    def requests(self, index):
        return [(self.operand, self.pull(index))]


class Gathered(Value):
    """Elements of a table in memory at computed places.

    indices     one value per axis in `axes`, of the shape that comes first in this value's shape, or broadcasting to it
    outside     "clip", "zero" or "fill": what a place out of bounds gives
    positions   {axis: view of a Position}: the axes whose place is that of the element itself along some axis
    """

    __slots__ = ("table", "indices", "axes", "outside", "positions", "common")

    def __init__(self, table, indices, axes, outside, positions, common, shape, labels):
        super().__init__(shape, table.dtype, labels)
        self.table = table
        self.indices = indices
        self.axes = axes
        self.outside = outside
        self.positions = positions
        self.common = common

    def requests(self, index):
        front = index[: len(self.common)]
        return [(each, broadcast_index(each.shape, self.common, front)) for each in self.indices]

    def table_index(self, index):
        """The part of the table's index that is not computed: zero along `axes`."""
        front, rest = index[: len(self.common)], iter(index[len(self.common) :])
        entries = []
        for axis in range(len(self.table.shape)):
            if axis in self.positions:
                view = self.positions[axis]
                entries.append(position_entry(view, broadcast_index(view.shape, self.common, front)))
            else:
                entries.append(ZERO if axis in self.axes else next(rest))
        return tuple(entries)


class Sliced(Value):
    """A slice of a table in memory whose start is computed: one scalar value per axis, clamped so that it fits."""

    __slots__ = ("table", "starts")

    def __init__(self, table, starts, shape, labels):
        super().__init__(shape, table.dtype, labels)
        self.table = table
        self.starts = starts

    def requests(self, index):
        return [(start, ()) for start in self.starts if start is not None]


class RandomBits(Value):
    """Threefry ciphers of the counters 0, 1, 2, ... under keys of shape (..., 2) in memory."""

    __slots__ = ("key", "rank")

    def __init__(self, key, shape, dtype, labels):
        super().__init__(shape, dtype, labels)
        self.key = key
        self.rank = len(key.shape) - 1
        self.cost = 60

    def requests(self, index):
        front = index[: self.rank]
        return [(self.key, (*front, ZERO)), (self.key, (*front, (1, ())))]


class Ciphered(Value):
    """Threefry ciphers of counters under keys, both pairs of words along the last axis."""

    __slots__ = ("key", "counter")

    def __init__(self, key, counter, shape, dtype, labels):
        super().__init__(shape, dtype, labels)
        self.key = key
        self.counter = counter
        self.made_of((key, counter), cost=60)

    def requests(self, index):
        found = []
        for operand in (self.key, self.counter):
            front = broadcast_index(operand.shape[:-1], self.shape[:-1], index[:-1])
            found += [(operand, (*front, (word, ()))) for word in (0, 1)]
        return found


class Reduced(Value):
    """A reduction of its operand over axes. Always a root.

    kind    "sum", "max", "min", "prod", "and", "or", "argmax", "argmin"
    """

    __slots__ = ("operand", "axes", "kind")

    def __init__(self, operand, axes, kind, dtype, labels):
        shape = tuple([length for axis, length in enumerate(operand.shape) if axis not in axes])
        super().__init__(shape, dtype, labels)
        self.operand = operand
        self.axes = axes
        self.kind = kind


class Cumulated(Value):
    """A running reduction along one axis. Always a root."""

    __slots__ = ("operand", "axis", "kind", "reverse")

    def __init__(self, operand, axis, kind, reverse):
        super().__init__(operand.shape, operand.dtype, operand.labels)
        self.operand = operand
        self.axis = axis
        self.kind = kind
        self.reverse = reverse


class FirstEqual(Value):
    """Where along one axis each element of an array in memory came first. Always a root."""

    __slots__ = ("operand", "axis")

    def __init__(self, operand, axis, dtype):
        super().__init__(operand.shape, dtype, operand.labels)
        self.operand = operand
        self.axis = axis


def identity_of(kind, dtype):
    """The number that a reduction starts from."""
    if kind in ("sum", "or"):
        return dtype.type(0)
    if kind == "prod":
        return dtype.type(1)
    if kind == "and":
        return dtype.type(True if dtype == BOOL else -1 if dtype.kind == "i" else np.iinfo(dtype).max)
    lowest = kind in ("max", "logaddexp")
    if dtype.kind == "f":
        return dtype.type(-np.inf if lowest else np.inf)
    if dtype == BOOL:
        return np.bool_(not lowest)
    return dtype.type(np.iinfo(dtype).min if lowest else np.iinfo(dtype).max)


def array_of(value):
    """The strided array that a value is, if it lies in memory or is a view of one that does; else None."""
    index = tuple([along(axis) for axis in range(len(value.shape))])
    return array_at(value, index, value.shape)


def array_at(value, index, shape):
    """The array of shape `shape` whose element (i, j, ...) is the value's element at `index` of axes 0, 1, ..."""
    while value.array is None:
        if not isinstance(value, View):
            return None
        index = value.pull(index)
        value = value.operand
    offset, strides = 0, [0] * len(shape)
    for (constant, terms), stride in zip(index, value.array.strides):
        offset += constant * stride
        for axis, coefficient in terms:
            strides[axis] += coefficient * stride
    return Array(value.array.buffer, shape, tuple(strides), value.array.offset + offset)


def memory_below(value):
    """The value in memory that a view stands on (the value itself if it is no view)."""
    while value.array is None and isinstance(value, View):
        value = value.operand
    return value
