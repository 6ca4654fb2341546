"""Pooling and convolution with `jax.lax`'s names and signatures: windows, then a reduction or a contraction.

Relies on lax.reductions and primitives.window. No other rule is needed for derivatives or vmap.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from vgrad import tree
from vgrad.core.types import promote, type_of
from vgrad.errors import ShapeError
from vgrad.lax.reductions import recognised, reduce
from vgrad.numpy import operands
from vgrad.numpy.subscripts import known_value
from vgrad.primitives.broadcasting import convert_to, permute, reduce_sum, reshape_to
from vgrad.primitives.comparison import eq, gt, logical_and, logical_or, lt, ne, select
from vgrad.primitives.contraction import contract, join, letter
from vgrad.primitives.indexing import gather
from vgrad.primitives.reduction import argmax, argmin, reduce_and, reduce_max, reduce_min, reduce_or, reduce_prod
from vgrad.primitives.shape import pad, reverse, strided_slice
from vgrad.primitives.window import window_counts, windows

__all__ = [
    "ConvDimensionNumbers",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_general_dilated_patches",
    "conv_transpose",
    "conv_with_general_padding",
    "padtype_to_pads",
    "reduce_window",
]


# ------------------------------------------------------------------------------------------------------------ padding


def padtype_to_pads(in_shape, window_shape, window_strides, padding):
    """(low, high) per axis of "VALID" (none), "SAME" (an output per stride; the odd one high) or "SAME_LOWER" (low)."""
    name = str(padding).upper()
    if name == "VALID":
        return [(0, 0)] * len(tuple(in_shape))
    if name not in ("SAME", "SAME_LOWER"):
        raise ValueError(
            f"Unknown padding type: {padding!r}. Write 'SAME', 'SAME_LOWER', 'VALID', or (low, high) pairs."
        )
    pads = []
    for length, size, stride in zip(in_shape, window_shape, window_strides, strict=True):
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        low = total // 2 if name == "SAME" else total - total // 2
        pads.append((low, total - low))
    return pads


def pads_of(name, padding, lengths, sizes, strides):
    """The padding, a name or pairs, as pairs of ints, one per axis."""
    if isinstance(padding, str):
        return padtype_to_pads(lengths, sizes, strides, padding)
    pads = [tuple(map(int, pair)) for pair in padding]
    if len(pads) != len(sizes) or any(len(pair) != 2 for pair in pads):
        raise ShapeError(f"{name}: padding {padding} must be {len(sizes)} pairs (low, high), or 'SAME' or 'VALID'.")
    return pads


def spread(size, dilation):
    """Length over which `size` elements extend at this dilation."""
    return max(size - 1, 0) * dilation + min(size, 1)


def per_axis(name, what, values, rank):
    """One int per axis; None is all ones."""
    values = (1,) * rank if values is None else tuple(map(int, values))
    if len(values) != rank:
        raise ShapeError(f"{name}: {what} must have one entry for each of {rank} axes, got {values}.")
    return values


# ------------------------------------------------------------------------------------------------------------ pooling


def reduce_window(
    operand,
    init_value,
    computation,
    window_dimensions,
    window_strides=None,
    padding="VALID",
    base_dilation=None,
    window_dilation=None,
):
    """Combine the elements of every window, and `init_value`, by a `computation` of two scalars (lax.add, lax.max).

    operand, init_value     an array and a scalar, or trees of arrays of one shape and of scalars
    window_dimensions, window_strides, base_dilation, window_dilation   an int per axis
    padding                 "VALID", "SAME", "SAME_LOWER" or a pair (low, high) per axis; what is padded does not count
    The derivative of a maximum or minimum goes to the first element of the window that attains it.
    """
    leaves, structure = tree.flatten(operand)
    initial = tree.leaves(init_value)
    if len(initial) != len(leaves):
        raise TypeError(f"reduce_window: {len(leaves)} operands but {len(initial)} initial values.")
    leaves = [operands.operand(leaf, "reduce_window") for leaf in leaves]
    shape = type_of(leaves[0]).shape
    for leaf in leaves:
        if type_of(leaf).shape != shape:
            raise ShapeError(f"reduce_window: operands must have one shape, got {shape} and {type_of(leaf).shape}.")
    rank = len(shape)
    sizes = per_axis("reduce_window", "window_dimensions", window_dimensions, rank)
    strides = per_axis("reduce_window", "window_strides", window_strides, rank)
    base = per_axis("reduce_window", "base_dilation", base_dilation, rank)
    dilations = per_axis("reduce_window", "window_dilation", window_dilation, rank)
    lengths = [spread(length, dilation) for length, dilation in zip(shape, base)]
    reach = [spread(size, dilation) for size, dilation in zip(sizes, dilations)]
    pads = pads_of("reduce_window", padding, lengths, reach, strides)
    widths = tuple([(low, high, dilation - 1) for (low, high), dilation in zip(pads, base)])
    axes = tuple([axis for axis in range(rank) if (sizes[axis], strides[axis]) != (1, 1)])
    params = {
        "axes": axes,
        "sizes": tuple([sizes[axis] for axis in axes]),
        "strides": tuple([strides[axis] for axis in axes]),
        "dilations": tuple([dilations[axis] for axis in axes]),
    }
    reduced = tuple(range(rank, rank + len(axes)))

    def padded(leaf, filling):
        return pad(leaf, filling, widths=widths) if any([width != (0, 0, 0) for width in widths]) else leaf

    def windows_of(leaf, filling):
        return windows(padded(leaf, filling), **params)

    initial = [convert_to(operands.operand(value), type_of(leaf).dtype) for value, leaf in zip(initial, leaves)]
    primitive = None
    if len(leaves) == 1:
        primitive = recognised(lambda *pair: [computation(*[tree.unflatten(structure, [x]) for x in pair])], leaves)
    if primitive is not None:
        dtype = type_of(leaves[0]).dtype
        if primitive in POSITIONS and dtype.kind == "c":
            raise TypeError(f"reduce_window: {dtype} has no largest or least element, for it has no order.")
        neutral = NEUTRAL[primitive](dtype)
        known = known_value(initial[0])
        if primitive in POSITIONS and known is not None and known == neutral:
            if 0 < math.prod(params["sizes"]) <= FEW:
                found = extremum_of_slices(padded(leaves[0], neutral), COMPARISONS[primitive], **params)
            else:
                found = first_extremum(windows_of(leaves[0], neutral), len(axes), POSITIONS[primitive])
            return tree.unflatten(structure, [found])
        viewed = windows_of(leaves[0], neutral)
        return reduce(tree.unflatten(structure, [viewed]), init_value, computation, reduced)
    # what is padded takes no part: each element says whether it counts
    present = windows_of(np.ones(shape, np.bool_), False)

    def combine(first, second):
        (counts, x), (other_counts, y) = first, second

        def chosen(both, x, y):
            return select(counts, select(other_counts, both, x), y)

        return logical_or(counts, other_counts), tree.map(chosen, computation(x, y), x, y)

    viewed = [windows_of(leaf, value) for leaf, value in zip(leaves, initial)]
    pairs = (present, tree.unflatten(structure, viewed)), (np.True_, tree.unflatten(structure, initial))
    return reduce(*pairs, combine, reduced)[1]


def lowest(dtype):
    return dtype.type(-np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min)


def highest(dtype):
    return dtype.type(np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max)


FEW = 16  # elements of a window that are compared one slice after the other
POSITIONS = {reduce_max: argmax, reduce_min: argmin}
COMPARISONS = {reduce_max: gt, reduce_min: lt}
NEUTRAL = {  # by reduction: the value that changes no result
    reduce_sum: lambda dtype: dtype.type(0),
    reduce_prod: lambda dtype: dtype.type(1),
    reduce_max: lowest,
    reduce_min: highest,
    reduce_and: lambda dtype: np.invert(dtype.type(0)),
    reduce_or: lambda dtype: dtype.type(0),
}


def extremum_of_slices(x, is_better, axes, sizes, strides, dilations):
    """The extremum of every window, the first element that attains it: a slice for each place in the window.

    The comparisons are kept for the derivative, which goes to the chosen elements; a NaN is chosen before all numbers.
    """
    shape = type_of(x).shape
    counts = window_counts([shape[axis] for axis in axes], sizes, strides, dilations)
    best = None
    for offsets in itertools.product(*map(range, sizes)):
        start, stop, step = [0] * len(shape), list(shape), [1] * len(shape)
        for axis, offset, dilation, stride, count in zip(axes, offsets, dilations, strides, counts):
            start[axis], step[axis] = offset * dilation if count else 0, stride
            stop[axis] = start[axis] + max(0, (count - 1) * stride + 1)
        found = strided_slice(x, start=tuple(start), stop=tuple(stop), step=tuple(step))
        if best is None:
            best = found
            continue
        better = is_better(found, best)
        if type_of(x).dtype.kind == "f":
            better = logical_or(better, logical_and(ne(found, found), eq(best, best)))
        best = select(better, found, best)
    return best


def first_extremum(viewed, count, position):
    """The extremum over the last `count` axes, taken as an element of the window: the first that attains it."""
    shape = type_of(viewed).shape
    rest, size = shape[: len(shape) - count], math.prod(shape[len(shape) - count :])
    rows = reshape_to(viewed, (math.prod(rest), size))
    number = np.arange(math.prod(rest))
    return reshape_to(gather(rows, number, position(rows, axis=1), axes=(0, 1), unique=True), rest)


# -------------------------------------------------------------------------------------------------------- convolution


class ConvDimensionNumbers(NamedTuple):
    """Which axes of a convolution are which.

    lhs_spec    (batch, feature, *spatial) axes of the input
    rhs_spec    (output feature, input feature, *spatial) axes of the kernel
    out_spec    (batch, feature, *spatial) axes of the output
    """

    lhs_spec: tuple
    rhs_spec: tuple
    out_spec: tuple


def conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers):
    """ConvDimensionNumbers from three strings such as ("NHWC", "HWIO", "NHWC"), or from None: NCHW, OIHW, NCHW.

    N is the batch, C the features, O and I the features of output and input; other letters are spatial axes, matched by
    name, in the order in which the kernel has them.
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if len(rhs_shape) != rank:
        raise ShapeError(
            f"convolution requires lhs and rhs ndim to be equal, got shapes {tuple(lhs_shape)} and {tuple(rhs_shape)}."
        )
    if dimension_numbers is None:
        order = tuple(range(rank))
        return ConvDimensionNumbers(order, order, order)
    if len(dimension_numbers) != 3:
        raise TypeError(f"convolution dimension_numbers must be None or three strings, got {dimension_numbers!r}.")
    if not all(isinstance(spec, str) for spec in dimension_numbers):
        return ConvDimensionNumbers(*map(tuple, dimension_numbers))
    lhs, rhs, out = dimension_numbers
    for spec, special in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        fits = len(spec) == rank == len(set(spec)) and set(special) <= set(spec)
        if not fits or set(spec) - set(special) != set(rhs) - set("OI"):
            raise ValueError(
                f"convolution dimension_numbers {dimension_numbers} do not fit arrays of rank {rank}: each "
                "of the three needs one letter per axis, N and C (O and I for the kernel), and the same letters for "
                "spatial axes."
            )
    spatial = [name for name in rhs if name not in "OI"]
    return ConvDimensionNumbers(
        tuple([lhs.index(name) for name in ["N", "C", *spatial]]),
        tuple([rhs.index(name) for name in ["O", "I", *spatial]]),
        tuple([out.index(name) for name in ["N", "C", *spatial]]),
    )


def input_windows(name, lhs, spatial, sizes, strides, padding, lhs_dilation, rhs_dilation):
    """The windows of the input along its spatial axes, as new axes at the end."""
    rank = len(spatial)
    strides = per_axis(name, "window_strides", strides, rank)
    lhs_dilation = per_axis(name, "lhs_dilation", lhs_dilation, rank)
    rhs_dilation = per_axis(name, "rhs_dilation", rhs_dilation, rank)
    shape = type_of(lhs).shape
    reach = [spread(size, dilation) for size, dilation in zip(sizes, rhs_dilation)]
    if isinstance(padding, str) and set(lhs_dilation) - {1}:
        raise ValueError(
            f"{name}: String padding is not implemented for transposed convolution (lhs_dilation {lhs_dilation}). "
            "Give a pair (low, high) per spatial axis, or use conv_transpose."
        )
    pads = pads_of(name, padding, [shape[axis] for axis in spatial], reach, strides)
    widths = [(0, 0, 0)] * len(shape)
    for axis, (low, high), dilation in zip(spatial, pads, lhs_dilation):
        widths[axis] = (low, high, dilation - 1)
    if any([width != (0, 0, 0) for width in widths]):
        lhs = pad(lhs, type_of(lhs).dtype.type(0), widths=tuple(widths))
    return windows(lhs, axes=tuple(spatial), sizes=tuple(sizes), strides=strides, dilations=rhs_dilation)


def split_axis(x, axis, groups):
    """The axis as two: groups, and members of a group."""
    shape = type_of(x).shape
    return reshape_to(x, shape[:axis] + (groups, shape[axis] // groups) + shape[axis + 1 :])


def conv_general_dilated(
    lhs,
    rhs,
    window_strides,
    padding,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    feature_group_count=1,
    batch_group_count=1,
    precision=None,
    preferred_element_type=None,
):
    """Convolution as neural nets call it (the kernel is not reversed), of any number of spatial axes.

    lhs, rhs            input and kernel; by default (N, C, *spatial) and (O, I, *spatial), see conv_dimension_numbers
    padding             "VALID", "SAME", "SAME_LOWER", or a pair (low, high) per spatial axis, which may be negative
    lhs_dilation        zeros between elements of the input (the transposed convolution); needs padding as pairs
    rhs_dilation        steps between elements of the kernel
    feature_group_count, batch_group_count  features (batch) fall into so many groups, each with its part of the kernel
    precision           accepted as in jax, makes no difference
    preferred_element_type  dtype of the result
    Errors: ShapeError where the features or groups of input and kernel do not fit.
    Cost:   one matrix product with a copy of all windows of the input.
    """
    name = "conv_general_dilated"
    lhs, rhs = operands.operand(lhs), operands.operand(rhs)
    shapes = type_of(lhs).shape, type_of(rhs).shape
    numbers = conv_dimension_numbers(*shapes, dimension_numbers)
    batch, features = [shapes[0][axis] for axis in numbers.lhs_spec[:2]]
    out_features, in_features, *sizes = [shapes[1][axis] for axis in numbers.rhs_spec]
    groups = feature_group_count * batch_group_count
    if feature_group_count > 1 and batch_group_count > 1:
        raise ValueError(f"{name}: at most one of feature_group_count and batch_group_count may be larger than 1.")
    if features % feature_group_count or features // feature_group_count != in_features:
        raise ShapeError(
            f"{name}: lhs has {features} features in {feature_group_count} group(s) but rhs takes {in_features}: "
            f"shapes {shapes[0]} and {shapes[1]}."
        )
    if out_features % groups or batch % batch_group_count:
        raise ShapeError(
            f"{name}: {groups} groups do not divide the batch ({batch}) and the output features ({out_features}) of "
            f"shapes {shapes[0]} and {shapes[1]}."
        )
    dtype = np.dtype(preferred_element_type) if preferred_element_type else promote(type_of(lhs), type_of(rhs))[0]
    lhs, rhs = convert_to(lhs, dtype), convert_to(rhs, dtype)
    spatial, count = numbers.lhs_spec[2:], len(sizes)
    if groups > 1:
        split = numbers.lhs_spec[0 if batch_group_count > 1 else 1]
        lhs, spatial = split_axis(lhs, split, groups), [axis + (axis > split) for axis in spatial]
    viewed = input_windows(name, lhs, spatial, sizes, window_strides, padding, lhs_dilation, rhs_dilation)

    outputs, kernels = [letter(4 + n) for n in range(count)], [letter(4 + count + n) for n in range(count)]
    n, c, o, g = map(letter, range(4))
    left, right, result = letters_of(numbers, [n, c, *outputs], [o, c, *kernels], [n, o, *outputs])
    if groups > 1:
        left = left[:split] + g + left[split:]
        axis = numbers.rhs_spec[0]
        rhs, right = split_axis(rhs, axis, groups), right[:axis] + g + right[axis:]
        result = result.replace(o, g + o)
    out = contract(viewed, rhs, spec=join((left + "".join(kernels), right), result))
    if groups > 1:
        shape, axis = type_of(out).shape, numbers.out_spec[1]
        out = reshape_to(out, shape[:axis] + (out_features,) + shape[axis + 2 :])
    return out


def letters_of(numbers, *roles):
    """For each array its letters in the order of its axes, from letters in the order of ConvDimensionNumbers."""
    specs = []
    for spec, names in zip(numbers, roles):
        at = dict(zip(spec, names))
        specs.append("".join([at[axis] for axis in range(len(spec))]))
    return specs


def conv(lhs, rhs, window_strides, padding, precision=None, preferred_element_type=None):
    """`conv_general_dilated` of (N, C, *spatial) with (O, I, *spatial), without dilation."""
    return conv_general_dilated(lhs, rhs, window_strides, padding, preferred_element_type=preferred_element_type)


def conv_with_general_padding(
    lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=None, preferred_element_type=None
):
    """`conv_general_dilated` of (N, C, *spatial) with (O, I, *spatial)."""
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        preferred_element_type=preferred_element_type,
    )


def conv_transpose(
    lhs,
    rhs,
    strides,
    padding,
    rhs_dilation=None,
    dimension_numbers=None,
    transpose_kernel=False,
    precision=None,
    preferred_element_type=None,
    use_consistent_padding=False,
):
    """Transposed convolution: with stride s the output is s times as long as the input.

    padding                 "SAME" or "VALID" of the forward convolution; or a pair per spatial axis, of this one
                            (of the forward one with use_consistent_padding=True)
    dimension_numbers       None: channels last, ("NHWC", "HWIO", "NHWC")
    transpose_kernel        reverse the kernel's spatial axes and exchange its features: then this is the transpose, the
                            derivative, of the forward convolution with that kernel
    """
    lhs, rhs = operands.operand(lhs), operands.operand(rhs)
    rank = type_of(lhs).ndim
    if dimension_numbers is None:
        if not 2 <= rank <= 5:
            raise ValueError(f"conv_transpose: give dimension_numbers for inputs of rank {rank}.")
        spatial = {2: "", 3: "H", 4: "HW", 5: "HWD"}[rank]
        dimension_numbers = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    numbers = conv_dimension_numbers(type_of(lhs).shape, type_of(rhs).shape, dimension_numbers)
    strides = per_axis("conv_transpose", "strides", strides, rank - 2)
    dilations = per_axis("conv_transpose", "rhs_dilation", rhs_dilation, rank - 2)
    sizes = [type_of(rhs).shape[axis] for axis in numbers.rhs_spec[2:]]
    reach = [spread(size, dilation) for size, dilation in zip(sizes, dilations)]
    if isinstance(padding, str):
        pads = [transposed_pads(*pair, padding) for pair in zip(reach, strides)]
    else:
        pads = pads_of("conv_transpose", padding, sizes, reach, strides)
        if use_consistent_padding:
            pads = [(size - 1 - low, size - 1 - high) for size, (low, high) in zip(reach, pads)]
    if transpose_kernel:
        rhs = reverse(rhs, axes=tuple(numbers.rhs_spec[2:]))
        exchanged = list(range(rank))
        first, second = numbers.rhs_spec[:2]
        exchanged[first], exchanged[second] = second, first
        rhs = permute(rhs, permutation=tuple(exchanged))
    return conv_general_dilated(
        lhs,
        rhs,
        (1,) * (rank - 2),
        pads,
        strides,
        dilations,
        numbers,
        preferred_element_type=preferred_element_type,
    )


def transposed_pads(size, stride, padding):
    """(low, high) such that the output has length * stride elements ("SAME"), or all that the kernel reaches."""
    name = padding.upper()
    if name == "VALID":
        return size - 1, max(size, stride) - 1
    if name != "SAME":
        raise ValueError(f"conv_transpose: padding must be 'SAME', 'VALID' or pairs (low, high), got {padding!r}.")
    total = size + stride - 2
    low = size - 1 if stride > size - 1 else -(-total // 2)
    return low, total - low


def conv_general_dilated_patches(
    lhs,
    filter_shape,
    window_strides,
    padding,
    lhs_dilation=None,
    rhs_dilation=None,
    dimension_numbers=None,
    precision=None,
    preferred_element_type=None,
):
    """The windows that a convolution with kernels of `filter_shape` sees, each in a row of the output's features.

    A row has the input's features outermost, then the spatial axes in the kernel's order. Arguments as in
    `conv_general_dilated`.
    """
    lhs, sizes = operands.operand(lhs), tuple(map(int, filter_shape))
    numbers = conv_dimension_numbers(type_of(lhs).shape, (1, 1, *sizes), dimension_numbers)
    spatial = numbers.lhs_spec[2:]
    viewed = input_windows(
        "conv_general_dilated_patches", lhs, spatial, sizes, window_strides, padding, lhs_dilation, rhs_dilation
    )
    rank, lengths = type_of(lhs).ndim, type_of(viewed).shape
    batch, features = numbers.lhs_spec[:2]
    rows = permute(viewed, permutation=(batch, *spatial, features, *range(rank, rank + len(sizes))))
    rows = reshape_to(rows, (*[lengths[axis] for axis in (batch, *spatial)], lengths[features] * math.prod(sizes)))
    source = {numbers.out_spec[0]: 0, numbers.out_spec[1]: rank - 1}
    source |= {axis: number for number, axis in enumerate(numbers.out_spec[2:], start=1)}
    rows = permute(rows, permutation=tuple([source[axis] for axis in range(rank)]))
    return convert_to(rows, np.dtype(preferred_element_type)) if preferred_element_type else rows
