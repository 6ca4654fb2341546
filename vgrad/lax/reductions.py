"""Reductions, cumulative operations, sorts and products, with `jax.lax`'s names and signatures.

Relies on primitives, transforms (for `reduce` by any computation) and numpy.sorting. Dtypes are kept: a sum of int32 is
int32 here. Positions are int64 unless a dtype is asked for.
"""

import enum

import numpy as np

from vgrad import tree
from vgrad.core.jaxpr import Var
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.contraction import contracted, matmul
from vgrad.numpy.operands import axes_of, axis_of, operand
from vgrad.numpy.sorting import first_in_order
from vgrad.primitives import reduction, sorting
from vgrad.primitives.broadcasting import broadcast_to, convert_to, reshape_to
from vgrad.primitives.broadcasting import reduce_sum as reduce_sum_primitive
from vgrad.primitives.contraction import join, letter
from vgrad.primitives.reduction import merge_axes
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.transforms.batch import MappedAxis, batch, materialize
from vgrad.transforms.stage import stage

__all__ = [
    "Precision",
    "approx_max_k",
    "approx_min_k",
    "argmax",
    "argmin",
    "batch_matmul",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "dot",
    "dot_general",
    "reduce",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_prod",
    "reduce_sum",
    "sort",
    "sort_key_val",
    "top_k",
]


# -------------------------------------------------------------------------------------------------------- reductions


def reduction_over(primitive, name, text):
    def apply(operand_, axes):
        operand_ = operand(operand_, name)
        return primitive(operand_, axes=axes_of(tuple(axes), type_of(operand_).ndim, name))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"{text} over the axes, which are left out of the result; the dtype is kept."
    return apply


reduce_sum = reduction_over(reduce_sum_primitive, "reduce_sum", "Sum")
reduce_prod = reduction_over(reduction.reduce_prod, "reduce_prod", "Product")
reduce_max = reduction_over(reduction.reduce_max, "reduce_max", "Largest element")
reduce_min = reduction_over(reduction.reduce_min, "reduce_min", "Smallest element")
reduce_and = reduction_over(reduction.reduce_and, "reduce_and", "Conjunction (bit by bit for integers)")
reduce_or = reduction_over(reduction.reduce_or, "reduce_or", "Disjunction (bit by bit for integers)")

# what a computation of one equation is as a reduction
REDUCTIONS = {
    "add": reduce_sum_primitive,
    "mul": reduction.reduce_prod,
    "max": reduction.reduce_max,
    "min": reduction.reduce_min,
    "and": reduction.reduce_and,
    "or": reduction.reduce_or,
    "logical_and": reduction.reduce_and,
    "logical_or": reduction.reduce_or,
}


def reduce(operands, init_values, computation, dimensions):
    """Combine the elements along `dimensions` and the initial value by an associative `computation` of two scalars.

    operands, init_values   an array and a scalar, or trees of arrays of one shape and of scalars; then the computation
                            takes two trees of scalars and gives one
    Elements are combined in pairs, neighbours first; sums, products, extrema and the logical ones are recognised.
    """
    leaves, structure = tree.flatten(operands)
    initial, initial_structure = tree.flatten(init_values)
    if structure != initial_structure:
        raise TypeError(
            f"reduce: operands and init_values must have one structure, got {structure}, {initial_structure}."
        )
    leaves = [operand(leaf, "reduce") for leaf in leaves]
    shape = type_of(leaves[0]).shape
    for leaf in leaves:
        if type_of(leaf).shape != shape:
            raise ShapeError(f"reduce: operands must have one shape, got {[type_of(leaf).shape for leaf in leaves]}.")
    axes = axes_of(tuple(dimensions), len(shape), "reduce")
    initial = [convert_to(operand(value, "init_values"), type_of(leaf).dtype) for value, leaf in zip(initial, leaves)]

    def flat_computation(*values):
        first, second = values[: len(leaves)], values[len(leaves) :]
        return tree.leaves(computation(tree.unflatten(structure, first), tree.unflatten(structure, second)))

    rest = tuple([length for axis, length in enumerate(shape) if axis not in axes])
    total = [broadcast_to(value, rest) for value in initial]
    if 0 not in [shape[axis] for axis in axes]:
        primitive = recognised(flat_computation, leaves) if len(leaves) == 1 else None
        if primitive is not None:
            found = [primitive(leaves[0], axes=axes)]
        else:
            found = fold_pairs(flat_computation, [merge_axes(leaf, axes) for leaf in leaves])
        total = combine(flat_computation, total, found)
    return tree.unflatten(structure, total)


def recognised(computation, leaves):
    """The reduction that the computation of two scalars stands for, or None."""
    scalar = ArrayType((), type_of(leaves[0]).dtype)
    jaxpr, outer_values = stage(computation, [scalar, scalar])
    if outer_values or len(jaxpr.equations) != 1:
        return None
    (equation,) = jaxpr.equations
    variables = all(isinstance(each, Var) for each in equation.operands)
    plain = variables and set(equation.operands) == set(jaxpr.inputs) and jaxpr.outputs == equation.outputs
    return REDUCTIONS.get(equation.primitive.name) if plain else None


def fold_pairs(computation, values):
    """Combine along axis 0, which is not empty: neighbours, then neighbours of the results, and so on."""
    length = type_of(values[0]).shape[0]
    while length > 1:
        even, paired = length // 2 * 2, length // 2
        first = [slice_axis(value, 0, 0, even, 2) for value in values]
        second = [slice_axis(value, 0, 1, even, 2) for value in values]
        results = combine(computation, first, second)
        if length % 2:
            left = [slice_axis(value, 0, even, length) for value in values]
            results = [concatenate(*pair, axis=0) for pair in zip(results, left)]
        values, length = results, paired + length % 2
    return [reshape_to(value, type_of(value).shape[1:]) for value in values]


def combine(computation, first, second):
    """The computation of scalars for all elements of arrays of one shape at once."""
    type_ = type_of(first[0])
    flat = [reshape_to(value, (type_.size,)) for value in (*first, *second)]
    outputs, axes = batch(computation, MappedAxis(None, type_.size), flat, [0] * len(flat))
    full = [materialize(output, axis, 0, type_.size) for output, axis in zip(outputs, axes)]
    dtypes = [type_of(value).dtype for value in first]
    return [convert_to(reshape_to(output, type_.shape), dtype) for output, dtype in zip(full, dtypes, strict=True)]


def argmax(operand_, axis, index_dtype=np.int64):
    """Position of the largest element along the axis, the first of several."""
    return position(reduction.argmax, operand_, axis, index_dtype, "argmax")


def argmin(operand_, axis, index_dtype=np.int64):
    """Position of the smallest element along the axis, the first of several."""
    return position(reduction.argmin, operand_, axis, index_dtype, "argmin")


def position(primitive, operand_, axis, index_dtype, name):
    operand_ = operand(operand_, name)
    return convert_to(primitive(operand_, axis=axis_of(axis, type_of(operand_).ndim, name)), np.dtype(index_dtype))


# -------------------------------------------------------------------------------------------------------- cumulative


def cumulative(primitive, name, text):
    def apply(operand_, axis=0, reverse=False):
        operand_ = operand(operand_, name)
        return primitive(operand_, axis=axis_of(axis, type_of(operand_).ndim, name), reverse=bool(reverse))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"{text} of the first 1, 2, ... elements along the axis, or of the last ones with reverse=True."
    return apply


cumsum = cumulative(reduction.cumsum, "cumsum", "Sums")
cumprod = cumulative(reduction.cumprod, "cumprod", "Products")
cummax = cumulative(reduction.cummax, "cummax", "Largest")
cummin = cumulative(reduction.cummin, "cummin", "Smallest")
cumlogsumexp = cumulative(reduction.cumlogsumexp, "cumlogsumexp", "Logarithms of the sums of the exponentials")


# ------------------------------------------------------------------------------------------------------------- sorts


def sort(operand_, dimension=-1, is_stable=True, num_keys=1):
    """The array in order along the dimension; or several, in the order of the first `num_keys` of them.

    operand_    an array, or a list or tuple of arrays of one shape; then a tuple comes back
    Sorts are always stable; NaNs come last.
    """
    if not isinstance(operand_, (list, tuple)):
        operand_ = operand(operand_, "sort")
        return sorting.sort(operand_, axis=axis_of(dimension, type_of(operand_).ndim, "sort"))
    operands = [operand(each, "sort") for each in operand_]
    if not 1 <= num_keys <= len(operands):
        raise ValueError(f"sort: num_keys={num_keys} must lie between 1 and {len(operands)}, the number of operands.")
    shapes = [type_of(each).shape for each in operands]
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(f"sort: operands must have one shape, got {', '.join(map(str, shapes))}.")
    axis = axis_of(dimension, len(shapes[0]), "sort")
    order = sorting.argsort(*operands[:num_keys], axis=axis)
    return tuple([sorting.take_along(each, order, axis, unique=True) for each in operands])


def sort_key_val(keys, values, dimension=-1, is_stable=True):
    """(keys in order, values in the order of the keys)."""
    return sort((keys, values), dimension, is_stable, 1)


def top_k(operand_, k, *, axis=-1):
    """[the k largest elements along the axis, largest first; their positions]. Of equal ones the first comes first."""
    operand_ = operand(operand_, "top_k")
    return list(first_in_order(operand_, int(k), axis_of(axis, type_of(operand_).ndim, "top_k"), True))


def approx_max_k(operand_, k, reduction_dimension=-1, recall_target=0.95, reduction_input_size_override=-1,
                 aggregate_to_topk=True):  # fmt: skip
    """top_k, exactly: the recall is 1 whatever is asked for."""
    return top_k(operand_, k, axis=reduction_dimension)


def approx_min_k(operand_, k, reduction_dimension=-1, recall_target=0.95, reduction_input_size_override=-1,
                 aggregate_to_topk=True):  # fmt: skip
    """[the k smallest elements, smallest first; their positions], exactly: the recall is 1 whatever is asked for."""
    operand_ = operand(operand_, "approx_min_k")
    return list(first_in_order(operand_, int(k), axis_of(reduction_dimension, type_of(operand_).ndim, "top_k"), False))


# ---------------------------------------------------------------------------------------------------------- products


class Precision(enum.Enum):
    """What `precision=` takes in jax; here every product has the precision of its dtype."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


def dot_general(lhs, rhs, dimension_numbers, precision=None, preferred_element_type=None, *, out_sharding=None):
    """Sum over the contracting axes of both, for each element of the batch axes of both.

    dimension_numbers   ((lhs contracting, rhs contracting), (lhs batch, rhs batch)), each a sequence of axes
    Shapes:  batch axes, then the other axes of lhs, then those of rhs. `precision` is accepted and ignored.
    """
    lhs, rhs = operand(lhs, "dot_general"), operand(rhs, "dot_general")
    shapes = type_of(lhs).shape, type_of(rhs).shape
    (lhs_summed, rhs_summed), (lhs_batch, rhs_batch) = [
        [tuple([axis_of(int(axis), len(shape), "dot_general") for axis in side]) for side, shape in zip(pair, shapes)]
        for pair in dimension_numbers
    ]
    lhs_letters = [letter(number) for number in range(len(shapes[0]))]
    rhs_letters = [letter(len(shapes[0]) + number) for number in range(len(shapes[1]))]
    for kind, lhs_axes, rhs_axes in (("contracting", lhs_summed, rhs_summed), ("batch", lhs_batch, rhs_batch)):
        sizes = [tuple([shape[axis] for axis in axes]) for shape, axes in zip(shapes, (lhs_axes, rhs_axes))]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"dot_general requires {kind} dimensions to have the same shape, got {sizes[0]} (axes {lhs_axes} of "
                f"shape {shapes[0]}) and {sizes[1]} (axes {rhs_axes} of shape {shapes[1]})."
            )
        for lhs_axis, rhs_axis in zip(lhs_axes, rhs_axes):
            rhs_letters[rhs_axis] = lhs_letters[lhs_axis]
    output = [lhs_letters[axis] for axis in lhs_batch]
    output += [name for axis, name in enumerate(lhs_letters) if axis not in lhs_summed + lhs_batch]
    output += [name for axis, name in enumerate(rhs_letters) if axis not in rhs_summed + rhs_batch]
    spec = join(("".join(lhs_letters), "".join(rhs_letters)), "".join(output))
    return contracted((lhs, rhs), spec, preferred_element_type)


def dot(lhs, rhs, precision=None, preferred_element_type=None, *, dimension_numbers=None, out_sharding=None):
    """Product of vectors and matrices; with dimension_numbers the same as dot_general."""
    lhs, rhs = operand(lhs, "dot"), operand(rhs, "dot")
    if dimension_numbers is not None:
        return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)
    shapes = type_of(lhs).shape, type_of(rhs).shape
    if not all(1 <= len(shape) <= 2 for shape in shapes) or shapes[0][-1] != shapes[1][0]:
        raise ShapeError(f"Incompatible shapes for dot: got {shapes[0]} and {shapes[1]}.")
    return dot_general(lhs, rhs, (((len(shapes[0]) - 1,), (0,)), ((), ())), precision, preferred_element_type)


def batch_matmul(lhs, rhs, precision=None):
    """Products of the matrices in two stacks of equal shape: (..., I, J) and (..., J, K) give (..., I, K)."""
    lhs, rhs = operand(lhs, "batch_matmul"), operand(rhs, "batch_matmul")
    shapes = type_of(lhs).shape, type_of(rhs).shape
    if min(map(len, shapes)) < 2 or shapes[0][:-2] != shapes[1][:-2]:
        raise ShapeError(f"batch_matmul requires equal batch dimensions, got shapes {shapes[0]} and {shapes[1]}.")
    return matmul(lhs, rhs)
