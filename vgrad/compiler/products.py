"""Contractions that BLAS computes: which they are, and how their axes become rows, columns and loops.

Relies on arrays and values. lowering asks; assemble turns a Product into an instruction.

Transposed operands are flags, batches are loops of one instruction, and any layout that BLAS can read is read as it is.
"""

import math

from vgrad.compiler.arrays import Array
from vgrad.compiler.values import ZERO, Stored, View
from vgrad.core.jaxpr import Equation, Var
from vgrad.core.types import ArrayType
from vgrad.primitives.broadcasting import convert
from vgrad.primitives.contraction import contract, distinct, join, split

BLAS_DTYPES = {"float32", "float64", "complex64", "complex128"}
LARGE = 1 << 18  # bytes of a matrix that not every thread should read as a whole
LEAST = 64  # multiplications per matrix below which a loop in a kernel is as good


class Product:
    """C = A B for all steps of up to two loops.

    loops       ((length, stride of a, stride of b, stride of c), ...), outer first
    partitions  (label, extent, what) for every way to cut it in parts: what is "m", "n", "k", or the loop's number
    sums        whether a loop runs over summed axes: all its steps add to the same C
    gathering   how windows are gathered, if an operand is windows: that one's strides are not a matrix's
    apart       whether a part of its sums is too short to be worth adding to all of C: better it sees many rows at once
    """

    __slots__ = ("a", "b", "c", "m", "n", "k", "lda", "ldb", "ldc", "transpose_a", "transpose_b", "loops", "needs",
                 "partitions", "sums", "spec", "place", "equation", "gathering", "apart")  # fmt: skip

    def __init__(self, spec, needs):
        self.spec, self.needs = spec, needs
        self.place = self.gathering = self.equation = None
        self.sums = self.apart = False

    @property
    def flops(self):
        return 2 * self.m * self.n * self.k * math.prod([loop[0] for loop in self.loops])

    @property
    def bytes(self):
        size = self.a.dtype.itemsize
        return size * (memory_of(self.a) + memory_of(self.b) + 2 * self.c.size)


def memory_of(array):
    """The elements of memory that an array reaches; for windows they are fewer than its elements."""
    return min(array.size, array.buffer.size)


def sizes_of(equation):
    inputs, output = split(equation.params["spec"])
    sizes = {}
    for letters, operand in zip(inputs, equation.operands):
        sizes.update(zip(letters, operand.type.shape))
    return inputs, output, sizes


def is_product(equation):
    """Whether a contraction of two operands is worth a call of BLAS: matrix times matrix, not too small."""
    inputs, output, sizes = sizes_of(equation)
    if len(inputs) != 2 or equation.outputs[0].type.dtype.name not in BLAS_DTYPES:
        return False
    left, right = inputs
    m = math.prod([sizes[x] for x in left if x not in right])
    n = math.prod([sizes[x] for x in right if x not in left])
    k = math.prod([sizes[x] for x in left if x in right and x not in output])
    return min(m, n, k) > 1 and m * n * k >= LEAST and all(sizes.values())


def pairs_of_products(equations):
    """The equations, with contractions made ones of at most two operands of one dtype, each letter once in each."""
    for equation in equations:
        if equation.primitive is not contract:
            yield equation
            continue
        yield from simple_contractions(equation)


def simple_contractions(equation):
    inputs, output, sizes = sizes_of(equation)
    dtype = equation.outputs[0].type.dtype
    made = []

    def make(primitive, operands, params, shape):
        var = Var(ArrayType(tuple(shape), dtype))
        made.append(Equation(primitive, operands, params, (var,), equation.source))
        return var

    terms = []
    for position, (letters, operand) in enumerate(zip(inputs, equation.operands)):
        if operand.type.dtype != dtype:
            operand = make(convert, (operand,), {"dtype": dtype}, operand.type.shape)
        elsewhere = output + "".join(inputs[:position] + inputs[position + 1 :])
        kept = "".join([x for x in distinct(letters) if x in elsewhere])
        if kept != letters and len(inputs) > 1:
            operand = make(contract, (operand,), {"spec": join([letters], kept)}, [sizes[x] for x in kept])
            letters = kept
        terms.append((letters, operand))
    while len(terms) > 2:
        first, second = next_pair(terms, output, sizes)
        pair = terms[first], terms[second]
        rest = [term for place, term in enumerate(terms) if place not in (first, second)]
        needed = output + "".join([letters for letters, _ in rest])
        both = pair[0][0] + pair[1][0]
        kept = "".join([x for x in distinct(both) if x in needed])
        spec = join([pair[0][0], pair[1][0]], kept)
        operand = make(contract, (pair[0][1], pair[1][1]), {"spec": spec}, [sizes[x] for x in kept])
        terms = [*rest, (kept, operand)]
    yield from made
    spec = join([letters for letters, _ in terms], output)
    operands = tuple([operand for _, operand in terms])
    yield Equation(contract, operands, {"spec": spec}, equation.outputs, equation.source)


def next_pair(terms, output, sizes):
    """The two terms to contract first."""
    import opt_einsum  # here, not above: few programs contract more than two arrays at once

    spec = join([letters for letters, _ in terms], output)
    shapes = [tuple([sizes[x] for x in letters]) for letters, _ in terms]
    path, _ = opt_einsum.contract_path(spec, *shapes, shapes=True, optimize="auto")
    return sorted(path[0])[:2]


# ------------------------------------------------------------------------------------------------------- the layout


class Pair:
    """A contraction of two operands that lie in memory.

    inputs, output  its letters; sizes and labels of letters: {letter: ...}
    arrays, needs   of each operand: the array, and the actions before which it may not be read
    letters         of the operands and of the output, without those of length 1
    strides         of each operand: {letter: stride}
    """

    def __init__(self, lowering, equation, operands):
        self.inputs, self.output, self.sizes = sizes_of(equation)
        self.spec, self.var, self.operands = equation.params["spec"], equation.outputs[0], operands
        self.labels = {}
        for letters, operand in zip(self.inputs, operands):
            for x, label in zip(letters, operand.labels):
                if x in self.labels:
                    lowering.labels.unite(self.labels[x], label)
                self.labels.setdefault(x, label)
        self.arrays = [lowering.in_memory(operand) for operand in operands]
        self.needs = [tuple(lowering.needs_of(operand)) for operand in operands]
        self.letters = [[x for x in own if self.sizes[x] != 1] for own in (*self.inputs, self.output)]
        self.strides = [letter_strides(*each, self.sizes) for each in zip(self.inputs, self.arrays)]

    def copy(self, lowering, side, order):
        """Read an operand from a copy, in this order of letters, those that are not in it last."""
        self.arrays[side], action, self.strides[side] = copied(
            lowering, self.operands[side], self.inputs[side], order, self.sizes
        )
        self.needs[side] = (action,)

    def result(self, lowering, order):
        """(array of new memory in this order of letters, with the axes of the output; its strides by letter)."""
        made = lowering.allocate(tuple([self.sizes[x] for x in order]), self.var.type.dtype)
        strides = dict(zip(order, made.strides))
        return Array(made.buffer, self.var.type.shape, tuple([strides.get(x, 0) for x in self.output])), strides

    def value(self, lowering, product, target, wanted):
        """The value that the product makes, brought to the target if somebody wants it there."""
        lowering.actions.append(product)
        labels = tuple([None if self.sizes[x] == 1 else self.labels[x] for x in self.output])
        value = Stored(product.c, labels, (product,))
        if wanted is not None and product.c is not target:
            root = lowering.copy_to(value, wanted)
            value = Stored(wanted, labels, (root,))
        return value


def lower_product(lowering, pair):
    sizes, letters = pair.sizes, pair.letters
    wanted = lowering.targets.get(pair.var)
    result = target = lowering.target_for(pair.var)
    strides = letter_strides(pair.output, target, sizes)
    sums = adds_up(sum([array.size for array in pair.arrays]), target, lowering.context.threads)
    found = layout(letters, (*pair.strides, strides), sizes, sums)
    if found is None:  # another order of the output's axes
        order = own_order(letters)
        result, strides = pair.result(lowering, order)
        found = layout(letters, (*pair.strides, strides), sizes, sums)
        if found is None:
            pair.copy(lowering, 0, order)
            pair.copy(lowering, 1, order)
            found = layout(letters, (*pair.strides, strides), sizes)
    product = Product(pair.spec, pair.needs[0] + pair.needs[1])
    product.a, product.b = pair.arrays
    product.c = result
    assign(product, found, sizes, pair.labels, (*pair.strides, strides))
    if sums and not product.loops:
        k = found[3]
        product.partitions.insert(0, (pair.labels[k[0]], sizes[k[0]], "k"))
    return pair.value(lowering, product, target, wanted)


def own_order(letters):
    """Batch letters, then those of the left, then those of the right operand."""
    left, right, output = letters
    batch = [x for x in left if x in right and x in output]
    return batch + [x for x in left if x not in right] + [x for x in right if x not in left]


def letter_strides(letters, array, sizes):
    return {x: stride for x, stride in zip(letters, array.strides) if sizes[x] != 1}


def copied(lowering, operand, own, order, sizes):
    """(array, action, strides by letter): the operand in new memory, in the output's order, summed letters last."""
    present = [x for x in own if sizes[x] != 1]
    kept = [x for x in order if x in present] + sorted([x for x in present if x not in order])
    places = [kept.index(x) if sizes[x] != 1 else None for x in own]
    shape = tuple([sizes[x] for x in kept])
    labels = tuple([operand.labels[own.index(x)] for x in kept])
    view = View(operand, shape, lambda index: tuple([ZERO if p is None else index[p] for p in places]), labels)
    target = lowering.allocate(shape, operand.dtype)
    return target, lowering.copy_to(view, target), dict(zip(kept, target.strides))


def merged(letters, sizes, *strides):
    """Whether the letters, in this order, are one axis in all the strides."""
    return all([own[x] == sizes[y] * own[y] for x, y in zip(letters, letters[1:]) for own in strides])


def adds_up(size, target, threads):
    """Whether lanes may each add up a part of the sums: their own copies of the result are small beside the
    operands, which have `size` elements together.

    Then the product can run behind what makes its operands, example by example, and the operands are never whole.
    """
    return target.size == target.buffer.size and size >= 2 * threads * target.size


def layout(letters, strides, sizes, sums=False):
    """(swapped, m letters, n letters, k letters, loops) for which BLAS can read and write as it is, or None.

    loops: lists of letters, each one axis in all three arrays. swapped: compute the transpose.
    sums: whether loops may run over summed letters, all steps adding to one result.
    """
    left, right, output = letters
    a, b, c = strides
    batch = [x for x in left if x in right and x in output]
    summed = [x for x in left if x in right and x not in output]
    rows = [x for x in left if x not in right]
    columns = [x for x in right if x not in left]
    k, outer_k = min(largest_merged(summed, sizes, a, b), largest_merged(summed, sizes, b, a), key=lambda x: len(x[1]))
    if not k or outer_k and (batch or not sums):
        return None
    m, loops = largest_merged(rows, sizes, a, c)
    n, more = largest_merged(columns, sizes, b, c)
    if outer_k and (loops or more):
        return None
    loops = merge_loops(batch + loops + more + outer_k, sizes, a, b, c)
    if len(loops) > 2 or not m or not n:
        return None
    sides = matrix_step(a, m, k, sizes), matrix_step(b, k, n, sizes)
    if None in sides:
        return None
    if c[n[-1]] == 1 and (c[m[-1]] >= length(n, sizes)):
        return False, m, n, k, loops
    if c[m[-1]] == 1 and (c[n[-1]] >= length(m, sizes)):
        return True, m, n, k, loops
    return None


def length(letters, sizes):
    return math.prod([sizes[x] for x in letters])


def largest_merged(letters, sizes, *strides):
    """(letters that make one axis, the outer ones that do not join)."""
    order = sorted(letters, key=lambda x: -strides[0][x])
    for start in range(len(order)):
        if merged(order[start:], sizes, *strides):
            return order[start:], order[:start]
    return [], order


def merge_loops(letters, sizes, a, b, c):
    order = sorted(letters, key=lambda x: (-c.get(x, 0), -a.get(x, 0)))
    loops = []
    for x in order:
        if loops and all([own.get(loops[-1][-1], 0) == sizes[x] * own.get(x, 0) for own in (a, b, c)]):
            loops[-1].append(x)
        else:
            loops.append([x])
    return loops


def matrix_step(strides, first, second, sizes):
    """(transposed, leading dimension) of a matrix with these row and column letters, or None if BLAS cannot read it."""
    row, column = strides[first[-1]], strides[second[-1]]
    if column == 1 and row >= length(second, sizes):
        return False, row
    if row == 1 and column >= length(first, sizes):
        return True, column
    return None


def assign(product, found, sizes, label_of, strides):
    swapped, m, n, k, loops = found
    a, b, c = strides
    product.m, product.n, product.k = length(m, sizes), length(n, sizes), length(k, sizes)
    product.transpose_a, product.lda = matrix_step(a, m, k, sizes)
    product.transpose_b, product.ldb = matrix_step(b, k, n, sizes)
    product.ldc = c[n[-1]] if swapped else c[m[-1]]
    if swapped:  # C' = B' A'
        product.a, product.b = product.b, product.a
        product.m, product.n = product.n, product.m
        product.transpose_a, product.transpose_b = not product.transpose_b, not product.transpose_a
        product.lda, product.ldb = product.ldb, product.lda
        a, b, m, n = b, a, n, m
    product.loops = [(length(x, sizes), a.get(x[-1], 0), b.get(x[-1], 0), c.get(x[-1], 0)) for x in loops]
    product.partitions = [(label_of[x[0]], sizes[x[0]], number) for number, x in enumerate(loops)]
    product.sums = any([x[0] not in c for x in loops])
    if product.sums:
        return
    product.partitions.append((label_of[m[0]], sizes[m[0]], "m"))
    size = product.c.dtype.itemsize
    if not loops and size * product.b.size > max(LARGE, 4 * size * (product.a.size + product.c.size)):
        # every lane would read all of b from memory: better that each has columns of its own
        product.partitions = [(label_of[n[0]], sizes[n[0]], "n")]
