"""contract: products of arrays summed over shared axes. matmul, dot, outer, tensordot, einsum are this one operation.

Relies on comparison. vgrad.numpy.contraction writes the specs; the compiler's contraction pass merges them.
"""

import functools
import itertools
import math

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import ArrayType, promote, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast
from vgrad.primitives.comparison import select
from vgrad.primitives.elementwise import add

# ------------------------------------------------------------------------------------------------------------- specs


@functools.lru_cache(maxsize=4096)
def split(spec):
    """("ij", "jk"), "ik" of "ij,jk->ik"."""
    inputs, output = spec.split("->")
    return tuple(inputs.split(",")), output


def join(inputs, output):
    return ",".join(inputs) + "->" + output


def letter(number):
    """The number-th letter: a-z, A-Z, then letters beyond ASCII."""
    if number < 26:
        return chr(97 + number)
    return chr(65 + number - 26) if number < 52 else chr(number + 140)


def unused_letters(text):
    """Letters that do not occur in the text, without end."""
    return (new for new in map(letter, itertools.count()) if new not in text)


def distinct(letters):
    """The letters in order of first occurrence, each once."""
    return "".join(dict.fromkeys(letters))


# ------------------------------------------------------------------------------------------------------------- rules


def contract_type(*types, spec):
    inputs, output = split(spec)
    if len(inputs) != len(types):
        raise ShapeError(f"einsum {spec!r} is written for {len(inputs)} operands but got {len(types)}.")
    seen = {}
    for number, (letters, type_) in enumerate(zip(inputs, types)):
        if len(letters) != type_.ndim:
            raise ShapeError(
                f"einsum {spec!r}: {letters!r} has {len(letters)} letters "
                f"but operand {number} ({type_}) has rank {type_.ndim}."
            )
        for name, size in zip(letters, type_.shape):
            first_size, first = seen.setdefault(name, (size, number))
            if first_size != size:
                raise ShapeError(
                    f"einsum {spec!r}: axis {name!r} has size {first_size} in operand {first} ({types[first]}) "
                    f"but {size} in operand {number} ({type_})."
                )
    dtype, weak = promote(*types)
    return ArrayType(tuple([seen[name][0] for name in output]), dtype, weak)


def contract_jvp(output, operands, tangents, *, spec):
    total = None
    for position, tangent in enumerate(tangents):
        if tangent is not None:
            term = contract(*operands[:position], tangent, *operands[position + 1 :], spec=spec)
            total = term if total is None else add(total, term)
    return total


@functools.lru_cache(maxsize=4096)
def transposed_spec(spec, wrt):
    """(spec of cotangent and other operands, letters of operand `wrt` that it gives, all its letters, each once)."""
    inputs, output = split(spec)
    others = (output,) + inputs[:wrt] + inputs[wrt + 1 :]
    wanted = distinct(inputs[wrt])
    given = "".join([name for name in wanted if any(name in letters for letters in others)])
    return join(others, given), given, wanted


def contract_transpose(cotangent, operands, wrt, *, spec):
    """Contract the cotangent with the other operands; letters found only in operand `wrt` were summed: spread them."""
    letters, shape = split(spec)[0][wrt], type_of(operands[wrt]).shape
    others_spec, given, wanted = transposed_spec(spec, wrt)
    result = contract(cotangent, *operands[:wrt], *operands[wrt + 1 :], spec=others_spec)
    if given != wanted:
        sizes = dict(zip(letters, shape))
        axes = tuple([wanted.index(name) for name in given])
        result = broadcast(result, shape=tuple([sizes[name] for name in wanted]), axes=axes)
    return result if wanted == letters else put_on_diagonal(result, wanted, letters, shape)


def put_on_diagonal(value, wanted, letters, shape):
    """The value (of axes `wanted`) on the diagonal of an array of axes `letters`, some equal; zeros elsewhere."""
    first = [letters.index(name) for name in letters]
    indices = np.ogrid[tuple([slice(size) for size in shape])]
    on_diagonal = functools.reduce(
        np.logical_and, [indices[axis] == indices[place] for axis, place in enumerate(first)]
    )
    spread = broadcast(value, shape=shape, axes=tuple([letters.index(name) for name in wanted]))
    return select(on_diagonal, spread, 0)  # not a product with 0 and 1, which would make NaN of Inf


@functools.lru_cache(maxsize=4096)
def batched_spec(spec, mapped_axes):
    inputs, output = split(spec)
    new = next(unused_letters(spec))
    inputs = [
        letters if axis is None else letters[:axis] + new + letters[axis:] for letters, axis in zip(inputs, mapped_axes)
    ]
    return join(inputs, new + output)


def contract_batch(operands, mapped_axes, *, spec):
    """Give the mapped axis a letter of its own; nothing is moved."""
    return contract(*operands, spec=batched_spec(spec, tuple(mapped_axes))), 0


# -------------------------------------------------------------------------------------------------- evaluation: plans
#
# A plan is a function of the operands, made once for each spec and shapes: permute, reshape, one np.dot or np.matmul,
# reshape, permute, and only those steps that do something. Permuted operands stay views, which BLAS reads as they are.


def contract_evaluate(*operands, spec):
    return plan_of(spec, tuple([getattr(operand, "shape", ()) for operand in operands]))(*operands)


@functools.lru_cache(maxsize=4096)
def plan_of(spec, shapes):
    inputs, output = split(spec)
    sizes = {}
    for letters, shape in zip(inputs, shapes, strict=True):
        if len(letters) != len(shape) or any(sizes.setdefault(*pair) != pair[1] for pair in zip(letters, shape)):
            raise ValueError(f"operands of shapes {shapes} do not fit {spec!r}")
    if len(inputs) == 1:
        return plan_one(inputs[0], output, sizes)
    if len(inputs) == 2:
        return plan_two(*inputs, output, sizes)
    return plan_many(inputs, output, sizes)


def same(value):
    return value


def in_turn(*steps):
    """The functions one after the other; those that do nothing are left out."""
    steps = [step for step in steps if step is not same]
    if not steps:
        return same
    if len(steps) == 1:
        return steps[0]
    first, *rest = steps

    def run(*operands):
        value = first(*operands)
        for step in rest:
            value = step(value)
        return value

    return run


def plan_one(letters, output, sizes):
    """Take diagonals, sum what the output does not have, permute."""
    once = distinct(letters)
    kept = "".join([name for name in once if name in output])
    return in_turn(diagonal_step(letters, once), sum_step(once, kept), permute_step(kept, output))


def diagonal_step(letters, once):
    if once == letters:
        return same
    # by numbers because np.einsum knows ASCII letters only
    places, kept = [letters.index(name) for name in letters], [letters.index(name) for name in once]
    return lambda value: np.einsum(value, places, kept)


def sum_step(letters, kept):
    axes = tuple([axis for axis, name in enumerate(letters) if name not in kept])
    # the dtype is said because NumPy sums small integers and booleans in int64
    return (lambda value: np.add.reduce(value, axis=axes, dtype=value.dtype)) if axes else same


def permute_step(letters, wanted):
    if letters == wanted:
        return same
    permutation = [letters.index(name) for name in wanted]
    return lambda value: value.transpose(permutation)


def arrange_step(letters, groups, sizes):
    """Axes in the order of the groups, and the axes of a group made one (of size 1 for a group without letters)."""
    shape = tuple([math.prod([sizes[name] for name in group]) for group in groups])
    reshape = same if all(len(group) == 1 for group in groups) else lambda value: value.reshape(shape)
    return in_turn(permute_step(letters, "".join(groups)), reshape)


def plan_two(left, right, output, sizes):
    """One product of two arrays: elementwise where no letter is summed, else np.dot or np.matmul of merged axes."""
    kept_left = "".join([name for name in distinct(left) if name in output or name in right])
    kept_right = "".join([name for name in distinct(right) if name in output or name in left])
    first_left, first_right = plan_one(left, kept_left, sizes), plan_one(right, kept_right, sizes)
    shared = [name for name in kept_left if name in kept_right]
    summed = "".join([name for name in shared if name not in output])
    if summed:
        product, prepare_left, prepare_right = plan_product(kept_left, kept_right, output, summed, sizes)
    else:
        product, prepare_left, prepare_right = np.multiply, *plan_multiply(kept_left, kept_right, output, sizes)
    first_left, first_right = in_turn(first_left, prepare_left), in_turn(first_right, prepare_right)
    if first_left is same and first_right is same:
        return product
    return lambda x, y: product(first_left(x), first_right(y))


def plan_multiply(left, right, output, sizes):
    """Steps that bring both operands to the output's axes, with size 1 for axes they do not have."""

    def step(letters):
        first = next((place for place, name in enumerate(output) if name in letters), len(output))
        # broadcasting adds leading axes by itself
        shape = tuple([sizes[name] if name in letters else 1 for name in output[first:]])
        reshape = same if len(shape) == len(letters) else lambda value: value.reshape(shape)
        return in_turn(permute_step(letters, "".join([name for name in output if name in letters])), reshape)

    return step(left), step(right)


def plan_product(left, right, output, summed, sizes):
    """(product, step of the left operand, step of the right operand), where letters are summed."""
    batch = "".join([name for name in output if name in left and name in right])
    free_left = "".join([name for name in left if name not in right])
    free_right = "".join([name for name in right if name not in left])
    # the order of the larger operand, which is then not copied to merge its summed axes
    larger = max(left, right, key=lambda letters: math.prod([sizes[name] for name in letters]))
    summed = "".join([name for name in larger if name in summed])
    result = batch + free_left + free_right
    finish = permute_step(result, output)
    if not batch:
        left_groups = [free_left, summed] if free_left else [summed]
        right_groups = [summed, free_right] if free_right else [summed]
        merged = len(free_left) > 1 or len(free_right) > 1
        multiply = np.dot
    else:
        left_groups, right_groups = [*batch, free_left, summed], [*batch, summed, free_right]
        merged = len(free_left) != 1 or len(free_right) != 1
        multiply = np.matmul
    shape = tuple([sizes[name] for name in result])
    if not batch and output and output[0] in free_right and free_left:
        # the product of the transposes has its axes in the output's order: nothing is left to permute
        swapped, step_right, step_left = plan_product(right, left, output, summed, sizes)
        return (lambda x, y: swapped(y, x)), step_left, step_right
    unmerge = (lambda value: value.reshape(shape)) if merged else same
    return (
        in_turn(multiply, unmerge, finish),
        arrange_step(left, left_groups, sizes),
        arrange_step(right, right_groups, sizes),
    )


def plan_many(inputs, output, sizes):
    """Two operands at a time, in the order that opt_einsum finds."""
    import opt_einsum  # here, not above: importing it takes longer than importing vgrad, and few programs need it

    shapes = [tuple([sizes[name] for name in letters]) for letters in inputs]
    path, _ = opt_einsum.contract_path(join(inputs, output), *shapes, shapes=True, optimize="auto")
    remaining, steps = list(inputs), []
    for positions in path:
        taken = [remaining.pop(position) for position in sorted(positions, reverse=True)]
        rest = output + "".join(remaining)
        made = "".join([name for name in distinct("".join(taken)) if name in rest]) if remaining else output
        plan = plan_of(join(taken, made), tuple([tuple([sizes[name] for name in letters]) for letters in taken]))
        steps.append((sorted(positions, reverse=True), plan))
        remaining.append(made)

    def run(*operands):
        values = list(operands)
        for positions, plan in steps:
            values.append(plan(*[values.pop(position) for position in positions]))
        return values[0]

    return run


contract = Primitive(
    "contract",
    output_type=contract_type,
    evaluate=contract_evaluate,
    jvp=contract_jvp,
    transpose=contract_transpose,
    batch=contract_batch,
    lower=STRUCTURAL,
)
