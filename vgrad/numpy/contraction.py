"""Products of arrays that sum over shared axes: matmul, dot, einsum and their kind. All are the primitive `contract`.

Relies on primitives and numpy.operands. Specs and checks of shapes are made once for each combination of shapes.
"""

import functools

import numpy as np

from vgrad.core.types import promote, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axis_of, operand, refuse_out
from vgrad.primitives.broadcasting import convert_to, move_axis, reshape_to
from vgrad.primitives.complex import conj
from vgrad.primitives.contraction import contract, join, letter, unused_letters
from vgrad.primitives.elementwise import mul, neg, sub
from vgrad.primitives.shape import concatenate, slice_axis

__all__ = [
    "cross",
    "dot",
    "einsum",
    "einsum_path",
    "inner",
    "kron",
    "matmul",
    "matvec",
    "outer",
    "tensordot",
    "trace",
    "vdot",
    "vecdot",
    "vecmat",
]


def promoted(operands, dtype=None):
    """The operands with their common dtype, or with `dtype` where that is wider."""
    first = getattr(operands[0], "dtype", None)
    if dtype is None and first is not None and all([getattr(each, "dtype", None) == first for each in operands]):
        return operands
    # NumPy makes arrays of Python scalars here
    types = [type_of(each).strong() for each in operands]
    common, _ = promote(*types)
    if dtype is not None:
        common = np.result_type(common, dtype)
    return [convert_to(each, common) for each in operands]


def contracted(operands, spec, dtype=None):
    """contract of operands that are not promoted yet; the result has `dtype` if that is given."""
    result = contract(*promoted(operands, dtype), spec=spec)
    return result if dtype is None else convert_to(result, np.dtype(dtype))


def shape_of(value):
    return getattr(value, "shape", ())


def fitted(value, shape):
    return value if shape_of(value) == shape else reshape_to(value, shape)


# ------------------------------------------------------------------------------------------------------------ matmul


@functools.lru_cache(maxsize=4096)
def matmul_spec(name, first, second, first_core, second_core, output_core):
    """(spec, shape of the first operand, shape of the second): batch axes broadcast, axes of size 1 dropped for that.

    first_core, second_core, output_core    letters of the last axes, for example "ij", "jk", "ik"
    """
    if len(first) < len(first_core) or len(second) < len(second_core):
        raise ShapeError(
            f"{name}: operands need at least {len(first_core)} and {len(second_core)} axes, "
            f"got shapes {first} and {second}.",
            "For products with a scalar write *.",
        )
    first_batch, first_sizes = split_shape(first, first_core)
    second_batch, second_sizes = split_shape(second, second_core)
    if first_sizes["j"] != second_sizes["j"]:
        advice = ""
        if first_core == "ij" and second_core == "jk" and len(second) == 2 and second_sizes["k"] == first_sizes["j"]:
            advice = "If the second array should be transposed, write .T after it."
        elif first_core == "ij" and second_core == "jk" and len(first) == 2 and first_sizes["i"] == second_sizes["j"]:
            advice = "If the first array should be transposed, write .T after it."
        raise ShapeError(
            f"{name}: shapes {first} and {second} do not fit: axis {first_core.index('j') - len(first_core)} "
            f"of the first has size {first_sizes['j']}, axis {second_core.index('j') - len(second_core)} of the second "
            f"has size {second_sizes['j']}.",
            advice,
        )
    try:
        batch = np.broadcast_shapes(first_batch, second_batch)
    except ValueError:
        raise ShapeError(
            f"{name}: batch axes {first_batch} of shape {first} and {second_batch} of shape {second} do not broadcast."
        ) from None
    letters = [letter for letter, _ in zip(unused_letters("ijk"), batch)]
    first_letters, first_shape = without_spread_axes(letters, batch, first_batch)
    second_letters, second_shape = without_spread_axes(letters, batch, second_batch)
    # where both have size 1 one of them keeps the axis
    spec = join((first_letters + first_core, second_letters + second_core), "".join(letters) + output_core)
    return spec, first_shape + first[len(first_batch) :], second_shape + second[len(second_batch) :]


def split_shape(shape, core):
    count = len(shape) - len(core)
    return shape[:count], dict(zip(core, shape[count:]))


def without_spread_axes(letters, batch, shape):
    """(letters, shape) of an operand's batch axes, without those of size 1 that are to be spread."""
    own = letters[len(batch) - len(shape) :]
    kept = [(name, size) for name, size, full in zip(own, shape, batch[len(batch) - len(shape) :]) if size == full]
    return "".join([name for name, _ in kept]), tuple([size for _, size in kept])


def product(name, x1, x2, first_core, second_core, output_core, dtype=None):
    """Contract the last axes of both, as the letters say, and broadcast the axes before them."""
    spec, first, second = matmul_spec(name, shape_of(x1), shape_of(x2), first_core, second_core, output_core)
    return contracted((fitted(x1, first), fitted(x2, second)), spec, dtype)


def matmul(x1, x2, out=None, *, dtype=None, precision=None, preferred_element_type=None):
    """Matrix product of the last two axes; axes before them broadcast; vectors are a row or a column.

    Shapes:  (..., I, J) and (..., J, K) give (..., I, K); (J,) and (J, K) give (K,); (I, J) and (J,) give (I,).
    dtype, preferred_element_type give the result's dtype; precision is accepted and ignored.
    Errors:  ShapeError names both shapes; scalars are refused (write *).
    """
    refuse_out(out, "matmul")
    x1, x2 = operand(x1, "matmul"), operand(x2, "matmul")
    letters = MATMUL_LETTERS[len(shape_of(x1)) < 2, len(shape_of(x2)) < 2]
    return product("matmul", x1, x2, *letters, dtype or preferred_element_type)


# of the last axes of both operands and of the result, by whether each operand is a vector
MATMUL_LETTERS = {
    (False, False): ("ij", "jk", "ik"),
    (False, True): ("ij", "j", "i"),
    (True, False): ("j", "jk", "k"),
    (True, True): ("j", "j", ""),
}


def matvec(x1, x2, /, out=None, *, dtype=None):
    """Matrix times vector: (..., I, J) and (..., J) give (..., I)."""
    refuse_out(out, "matvec")
    return product("matvec", operand(x1, "matvec"), operand(x2, "matvec"), "ij", "j", "i", dtype)


def vecmat(x1, x2, /, out=None, *, dtype=None):
    """Conjugated vector times matrix: (..., I) and (..., I, J) give (..., J)."""
    refuse_out(out, "vecmat")
    return product("vecmat", conjugated(operand(x1, "vecmat")), operand(x2, "vecmat"), "j", "jk", "k", dtype)


def vecdot(x1, x2, /, out=None, *, axis=-1, dtype=None, precision=None, preferred_element_type=None):
    """Sum over `axis` of conj(x1) * x2; the other axes broadcast."""
    refuse_out(out, "vecdot")
    x1, x2 = operand(x1, "vecdot"), operand(x2, "vecdot")
    x1, x2 = [move_axis(x, axis_of(axis, type_of(x).ndim, "vecdot"), type_of(x).ndim - 1) for x in (x1, x2)]
    return product("vecdot", conjugated(x1), x2, "j", "j", "", dtype or preferred_element_type)


def conjugated(value):
    return conj(value) if type_of(value).dtype.kind == "c" else value


# ----------------------------------------------------------------------------------------------------- dot and its kind


def dot(a, b, out=None, *, precision=None, preferred_element_type=None):
    """Sum over the last axis of `a` and the last but one (or only) axis of `b`; a product if either is a scalar.

    Shapes:  (..., J) and (---, J, K) give (..., ---, K).
    """
    refuse_out(out, "dot")
    a, b = operand(a, "dot"), operand(b, "dot")
    ranks = len(shape_of(a)), len(shape_of(b))
    axes = ((), ()) if 0 in ranks else ((ranks[0] - 1,), (max(ranks[1] - 2, 0),))
    return summed_product("dot", a, b, *axes, preferred_element_type)


def inner(a, b, *, precision=None, preferred_element_type=None):
    """Sum over the last axes of both; a product if either is a scalar."""
    a, b = operand(a, "inner"), operand(b, "inner")
    ranks = len(shape_of(a)), len(shape_of(b))
    axes = ((), ()) if 0 in ranks else ((ranks[0] - 1,), (ranks[1] - 1,))
    return summed_product("inner", a, b, *axes, preferred_element_type)


def vdot(a, b, *, precision=None, preferred_element_type=None):
    """Sum over all elements of conj(a) * b, both read in C order."""
    a, b = operand(a, "vdot"), operand(b, "vdot")
    a, b = [reshape_to(x, (type_of(x).size,)) for x in (a, b)]
    return summed_product("vdot", conjugated(a), b, (0,), (0,), preferred_element_type)


def outer(a, b, out=None):
    """All products of an element of `a` and one of `b`, both read in C order: shape (a.size, b.size)."""
    refuse_out(out, "outer")
    a, b = operand(a, "outer"), operand(b, "outer")
    a, b = [reshape_to(x, (type_of(x).size,)) for x in (a, b)]
    return summed_product("outer", a, b, (), ())


def tensordot(a, b, axes=2, *, precision=None, preferred_element_type=None):
    """Sum over several axes of both at once.

    axes    a number n: the last n of `a` with the first n of `b`; or a pair of axes or of sequences of axes
    """
    a, b = operand(a, "tensordot"), operand(b, "tensordot")
    ranks = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(ranks):
            raise ShapeError(f"tensordot: axes={axes} does not fit shapes {shape_of(a)} and {shape_of(b)}.")
        pair = tuple(range(ranks[0] - axes, ranks[0])), tuple(range(axes))
    else:
        pair = [(side,) if isinstance(side, (int, np.integer)) else tuple(side) for side in axes]
        if len(pair) != 2 or len(pair[0]) != len(pair[1]):
            raise ShapeError(f"tensordot: axes={axes} is not two sequences of equal length.")
        pair = [tuple([axis_of(axis, rank, "tensordot") for axis in side]) for side, rank in zip(pair, ranks)]
    return summed_product("tensordot", a, b, *pair, preferred_element_type)


def summed_product(name, a, b, a_axes, b_axes, dtype=None):
    return contracted((a, b), sum_spec(name, shape_of(a), shape_of(b), a_axes, b_axes), dtype)


@functools.lru_cache(maxsize=4096)
def sum_spec(name, a_shape, b_shape, a_axes, b_axes):
    """The spec that sums axes of `a` with axes of `b`, pair by pair. ShapeError where sizes differ."""
    a_letters = "".join([letter(number) for number in range(len(a_shape))])
    b_letters = [letter(len(a_shape) + number) for number in range(len(b_shape))]
    for a_axis, b_axis in zip(a_axes, b_axes):
        if a_shape[a_axis] != b_shape[b_axis]:
            advice = "If the second array should be transposed, write .T after it."
            fits = name == "dot" and len(b_shape) == 2 and b_shape[1] == a_shape[a_axis]
            raise ShapeError(
                f"{name}: shapes {a_shape} and {b_shape} do not fit: axis {a_axis} of the first has size "
                f"{a_shape[a_axis]}, axis {b_axis} of the second has size {b_shape[b_axis]}.",
                advice if fits else "",
            )
        b_letters[b_axis] = a_letters[a_axis]
    output = [name for axis, name in enumerate(a_letters) if axis not in a_axes]
    output += [name for axis, name in enumerate(b_letters) if axis not in b_axes]
    return join((a_letters, "".join(b_letters)), "".join(output))


# ------------------------------------------------------------------------------------------------------------- einsum


def einsum(subscripts, /, *operands, out=None, dtype=None, order="K", casting="safe", optimize=True, precision=None,
           preferred_element_type=None):  # fmt: skip
    """Sums of products, written with one letter per axis: einsum("ij,jk->ik", x, y).

    subscripts  letters, "..." for any leading axes (which broadcast), "->" and the output's letters. Without "->" the
                output has the letters that occur once, in alphabetical order. Or the interleaved form:
                einsum(x, [0, 1], y, [1, 2], [0, 2]), with Ellipsis for "...".
    A letter twice in one operand is the diagonal. An axis of size 1 broadcasts.
    dtype, preferred_element_type give the result's dtype; order, casting, optimize, precision are accepted and ignored:
    three operands and more are always taken in the order that opt_einsum finds.
    Errors:  ShapeError names the letter, its two sizes and the operands that have them.
    """
    refuse_out(out, "einsum")
    subscripts, operands = read_einsum_arguments(subscripts, operands)
    operands = [operand(each, "einsum") for each in operands]
    spec, shapes = normal_spec(subscripts, tuple([shape_of(each) for each in operands]))
    operands = [fitted(each, shape) for each, shape in zip(operands, shapes)]
    return contracted(operands, spec, dtype or preferred_element_type)


def read_einsum_arguments(subscripts, operands):
    """(subscripts, operands), from either form of arguments."""
    if isinstance(subscripts, str):
        return "".join(subscripts.split()), operands
    arguments = (subscripts,) + operands
    pairs = len(arguments) // 2
    texts = [sublist_text(sublist) for sublist in arguments[1 : 2 * pairs : 2]]
    output = "->" + sublist_text(arguments[-1]) if len(arguments) % 2 else ""
    return ",".join(texts) + output, arguments[0 : 2 * pairs : 2]


def sublist_text(sublist):
    # upper-case letters first, as alphabetical order of the implicit output is then the order of the numbers
    return "".join(["..." if item is Ellipsis else interleaved_letter(item) for item in sublist])


def interleaved_letter(number):
    return chr(65 + number) if number < 26 else chr(97 + number - 26) if number < 52 else letter(number)


@functools.lru_cache(maxsize=4096)
def normal_spec(subscripts, shapes):
    """(spec of letters only with an output, shapes of the operands without axes of size 1 that broadcast)."""
    inputs, arrow, output = subscripts.partition("->")
    inputs = inputs.split(",")
    if len(inputs) != len(shapes):
        raise ShapeError(f"einsum {subscripts!r} is written for {len(inputs)} operands but got {len(shapes)}.")
    inputs, ellipsis = expand_ellipses(subscripts, inputs, shapes)
    if arrow:
        if "..." in output:
            output = output.replace("...", ellipsis, 1)
        for name in output:
            if not any(name in letters for letters in inputs):
                raise ShapeError(f"einsum {subscripts!r}: output letter {name!r} occurs in no operand.")
            if output.count(name) > 1:
                raise ShapeError(f"einsum {subscripts!r}: output letter {name!r} occurs twice in the output.")
    else:
        text = "".join(inputs)
        output = ellipsis + "".join(sorted([name for name in text if text.count(name) == 1 and name not in ellipsis]))
    sizes = {}
    for letters, shape in zip(inputs, shapes):
        for name, size in zip(letters, shape):
            sizes[name] = size if sizes.get(name, 1) == 1 else sizes[name]
    kept = [
        [(name, size) for name, size in zip(letters, shape) if size != 1 or sizes[name] == 1]
        for letters, shape in zip(inputs, shapes)
    ]
    spec = join(["".join([name for name, _ in pairs]) for pairs in kept], output)
    return spec, [tuple([size for _, size in pairs]) for pairs in kept]


def expand_ellipses(subscripts, inputs, shapes):
    """(inputs with letters for "...", the letters of the longest "...")."""
    free = unused_letters(subscripts)
    counts = []
    for number, (letters, shape) in enumerate(zip(inputs, shapes)):
        named = letters.replace("...", "", 1)
        if "." in named or not all(name.isalpha() or ord(name) > 127 for name in named):
            raise ShapeError(
                f"einsum {subscripts!r}: operand {number}'s part {letters!r} is not letters and one '...'."
            )
        counts.append(len(shape) - len(named))
        if counts[-1] < 0 or (counts[-1] and "..." not in letters):
            raise ShapeError(
                f"einsum {subscripts!r}: {letters!r} has {len(named)} letters but operand {number} "
                f"has rank {len(shape)} (shape {shape})."
            )
    ellipsis = "".join([name for name, _ in zip(free, range(max(counts)))])
    expanded = [letters.replace("...", ellipsis[len(ellipsis) - count :], 1) for letters, count in zip(inputs, counts)]
    return expanded, ellipsis


def einsum_path(subscripts, /, *operands, optimize="greedy", einsum_call=False):
    """The order in which NumPy would contract, and a text that describes it; only shapes matter."""
    subscripts, operands = read_einsum_arguments(subscripts, operands)
    stand_ins = [np.broadcast_to(np.zeros(()), shape_of(operand(each, "einsum_path"))) for each in operands]
    return np.einsum_path(subscripts, *stand_ins, optimize=optimize)


# --------------------------------------------------------------------------------------------------- kron, trace, cross


def kron(a, b):
    """The Kronecker product: blocks of `b`, each times an element of `a`; shapes multiply axis by axis."""
    a, b = operand(a, "kron"), operand(b, "kron")
    rank = max(type_of(a).ndim, type_of(b).ndim)
    a_shape, b_shape = [(1,) * (rank - type_of(x).ndim) + type_of(x).shape for x in (a, b)]
    a, b = reshape_to(a, a_shape), reshape_to(b, b_shape)
    letters = "".join([letter(number) for number in range(2 * rank)])
    first, second = letters[0::2], letters[1::2]
    blocks = contracted((a, b), join((first, second), letters))
    return reshape_to(blocks, tuple([m * n for m, n in zip(a_shape, b_shape)]))


def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """Sum along a diagonal. Booleans and small integers are summed as int64."""
    refuse_out(out, "trace")
    a = operand(a, "trace")
    type_ = type_of(a)
    if type_.ndim < 2:
        raise ShapeError(f"trace needs an array of at least two axes, got shape {type_.shape}.")
    axis1, axis2 = axis_of(axis1, type_.ndim, "trace"), axis_of(axis2, type_.ndim, "trace")
    if axis1 == axis2:
        raise ValueError(f"trace: axis1 and axis2 must differ, both are {axis1}.")
    if dtype is None:
        dtype = np.add.reduce(np.zeros(1, type_.dtype)).dtype
    row, column = max(-offset, 0), max(offset, 0)
    length = max(min(type_.shape[axis1] - row, type_.shape[axis2] - column), 0)
    a = slice_axis(a, axis1, min(row, type_.shape[axis1]), min(row, type_.shape[axis1]) + length)
    a = slice_axis(a, axis2, min(column, type_.shape[axis2]), min(column, type_.shape[axis2]) + length)
    letters = [letter(number) for number in range(type_.ndim)]
    output = "".join([name for axis, name in enumerate(letters) if axis not in (axis1, axis2)])
    letters[axis2] = letters[axis1]
    return contract(convert_to(a, np.dtype(dtype)), spec=join(("".join(letters),), output))


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Cross product of vectors of 3 (or 2) components along an axis; the other axes broadcast.

    Two vectors of 2 components give the third component alone, without an axis.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operand(a, "cross"), operand(b, "cross")
    a, b = promoted((a, b))
    a_components, b_components = components(a, axisa), components(b, axisb)
    if len(a_components) == len(b_components) == 2:
        (a0, a1), (b0, b1) = a_components, b_components
        return sub(mul(a0, b1), mul(a1, b0))
    a0, a1, a2 = a_components if len(a_components) == 3 else (*a_components, None)
    b0, b1, b2 = b_components if len(b_components) == 3 else (*b_components, None)
    rows = [difference(a1, b2, a2, b1), difference(a2, b0, a0, b2), difference(a0, b1, a1, b0)]
    shape = type_of(rows[2]).shape
    result = concatenate(*[reshape_to(row, shape + (1,)) for row in rows], axis=len(shape))
    return move_axis(result, len(shape), axis_of(axisc, len(shape) + 1, "cross"))


def components(vector, axis):
    """The vector's components along the axis, each without it."""
    type_ = type_of(vector)
    axis = axis_of(axis, type_.ndim, "cross")
    if type_.shape[axis] not in (2, 3):
        raise ShapeError(f"cross: vectors must have 2 or 3 components, axis {axis} of shape {type_.shape} has others.")
    shape = type_.shape[:axis] + type_.shape[axis + 1 :]
    return [reshape_to(slice_axis(vector, axis, place, place + 1), shape) for place in range(type_.shape[axis])]


def difference(a, b, c, d):
    """a * b - c * d, where a factor None is zero (the third component of a vector of two)."""
    first = None if a is None or b is None else mul(a, b)
    second = None if c is None or d is None else mul(c, d)
    if second is None:
        return first
    return neg(second) if first is None else sub(first, second)
