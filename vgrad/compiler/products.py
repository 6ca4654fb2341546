"""Contractions that BLAS computes: which they are, and how their axes become rows, columns and loops.

Relies on arrays and values. lowering asks; assemble turns a Product into an instruction.

Transposed operands are flags, batches are loops of one instruction, and any layout that BLAS can read is read as it is.
"""

import math

from vgrad.compiler.arrays import Array
from vgrad.compiler.gathering import Gathering, lines_of, overlaps
from vgrad.compiler.values import ZERO, Stored, View
from vgrad.core.jaxpr import Equation, Var
from vgrad.core.types import ArrayType
from vgrad.primitives.broadcasting import convert
from vgrad.primitives.contraction import contract, distinct, join, split

BLAS_DTYPES = {"float32", "float64", "complex64", "complex128"}
LARGE = 1 << 18  # bytes of a matrix that not every thread should read as a whole
FEW = 48  # terms of a sum: fewer are not worth adding to a large matrix
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


def lower_product(lowering, equation, operands):
    (left, right), output, sizes = sizes_of(equation)
    var = equation.outputs[0]
    label_of = {}
    for letters, operand in zip((left, right), operands):
        for x, label in zip(letters, operand.labels):
            if x in label_of:
                lowering.labels.unite(label_of[x], label)
            label_of.setdefault(x, label)
    arrays = [lowering.in_memory(operand) for operand in operands]
    needs = [need for operand in operands for need in lowering.needs_of(operand)]
    letters = [[x for x in own if sizes[x] != 1] for own in (left, right, output)]
    strides = [letter_strides(own, array, sizes) for own, array in zip((left, right), arrays)]
    for side in (0, 1):
        if overlaps(arrays[side]):
            value = product_of_windows(lowering, equation, operands, arrays, letters, strides, sizes, label_of, side)
            if value is not None:
                return value
    wanted = lowering.targets.get(var)
    target = lowering.target_for(var)
    result, result_strides = target, letter_strides(output, target, sizes)
    sums = adds_up(sum([array.size for array in arrays]), target, lowering.context.threads)
    found = layout(letters, (*strides, result_strides), sizes, sums)
    if found is None:  # another order of the output's axes
        own = own_order(letters)
        result = lowering.allocate(tuple([sizes[x] for x in own]), var.type.dtype)
        result_strides = dict(zip(own, result.strides))
        found = layout(letters, (*strides, result_strides), sizes, sums)
        if found is None:
            copies = [copied(lowering, operands[place], (left, right)[place], own, sizes) for place in (0, 1)]
            arrays, needs, strides = zip(*copies)
            found = layout(letters, (*strides, result_strides), sizes)
        view_strides = tuple([result_strides.get(x, 0) for x in output])
        result = Array(result.buffer, tuple([sizes[x] for x in output]), view_strides)
    product = Product(equation.params["spec"], tuple(needs))
    product.a, product.b = arrays
    product.c = result
    assign(product, found, sizes, label_of, (*strides, result_strides))
    if sums and not product.loops:
        k = found[3]
        product.partitions.insert(0, (label_of[k[0]], sizes[k[0]], "k"))
    return product_value(lowering, product, output, result, target, wanted, label_of, sizes)


def product_value(lowering, product, output, result, target, wanted, label_of, sizes):
    """The value that a product makes in the array `result`, brought to its target if that is wanted."""
    lowering.actions.append(product)
    labels = tuple([None if sizes[x] == 1 else label_of[x] for x in output])
    value = Stored(result, labels, (product,))
    if wanted is not None and result is not target:
        root = lowering.copy_to(value, wanted)
        value = Stored(wanted, labels, (root,))
    return value


def product_of_windows(lowering, equation, operands, arrays, letters, strides, sizes, label_of, side):
    """The value of a product one of whose operands is windows, which it gathers itself; None if it cannot."""
    (own, other), output = (letters[side], letters[1 - side]), letters[2]
    found = lines_of((own, other, output), strides[side], sizes)
    columns = [x for x in other if x not in own]
    if found is None or not columns:
        return None
    lines, along, summed = found
    (k, m), batch = (lines, along) if summed else (along, lines), [x for x in own if x in other and x in output]
    var, source, given = equation.outputs[0], strides[side], strides[1 - side]
    needs = [lowering.needs_of(operand) for operand in operands]
    n = sorted(columns, key=lambda x: -given[x])
    array = arrays[1 - side]
    if not merged(k, sizes, given) or not merged(n, sizes, given) or matrix_step(given, k, n, sizes) is None:
        letters_here = split(equation.params["spec"])[0][1 - side]
        array, copy, given = copied(lowering, operands[1 - side], letters_here, batch + k + n, sizes)
        needs[1 - side] = (copy,)
    wanted = lowering.targets.get(var)
    result = target = lowering.target_for(var)
    places = letter_strides(split(equation.params["spec"])[1], target, sizes)
    if not (merged(m, sizes, places) and merged(n, sizes, places)) or matrix_step(places, m, n, sizes) is None:
        order = batch + m + n
        whole = lowering.allocate(tuple([sizes[x] for x in order]), var.type.dtype)
        places = dict(zip(order, whole.strides))
        strides_of_result = tuple([places.get(x, 0) for x in split(equation.params["spec"])[1]])
        result = Array(whole.buffer, var.type.shape, strides_of_result)
    product = Product(equation.params["spec"], tuple([need for each in needs for need in each]))
    swapped, product.ldc = matrix_step(places, m, n, sizes)
    transposed, distance = matrix_step(given, k, n, sizes)
    product.gathering = Gathering(lines, along, summed, source, sizes, var.type.dtype)
    product.gathering.on_left = not swapped
    product.c, product.k = result, length(k, sizes)
    if swapped:  # C' = B' W'
        product.a, product.b = array, arrays[side]
        product.m, product.n = length(n, sizes), length(m, sizes)
        product.transpose_a, product.lda, product.transpose_b, product.ldb = not transposed, distance, False, 0
    else:
        product.a, product.b = arrays[side], array
        product.m, product.n = length(m, sizes), length(n, sizes)
        product.transpose_a, product.lda, product.transpose_b, product.ldb = False, 0, transposed, distance
    loops = merge_loops(batch, sizes, *((given, source) if swapped else (source, given)), places)
    first, second = (given, source) if swapped else (source, given)
    product.loops = [(length(x, sizes), first.get(x[-1], 0), second.get(x[-1], 0), places.get(x[-1], 0)) for x in loops]
    product.partitions = [(label_of[x[0]], sizes[x[0]], number) for number, x in enumerate(loops)]
    across = (label_of[n[0]], sizes[n[0]], "m" if swapped else "n")
    if not summed:
        product.partitions.append((label_of[m[0]], sizes[m[0]], "n" if swapped else "m"))
    elif adds_up(sum([memory_of(each) for each in (array, arrays[side])]), target, 1):
        product.partitions += [(label_of[k[0]], sizes[k[0]], "k"), across]
        lines_of_one = length(k[1:], sizes)
        product.apart = lines_of_one < FEW and result.size * result.dtype.itemsize > LARGE
    else:
        product.partitions.append(across)
    return product_value(lowering, product, split(equation.params["spec"])[1], result, target, wanted, label_of, sizes)


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
