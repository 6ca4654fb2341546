"""associative_scan: all prefixes of a sequence under an associative operation, in a logarithmic number of steps.

Relies on primitives: slices, concatenations, and the user's function on pytrees of arrays.
"""

from vgrad import tree
from vgrad.core.functions import flatten_args
from vgrad.core.types import type_of
from vgrad.primitives.broadcasting import reshape_to
from vgrad.primitives.shape import concatenate, reverse as flipped, slice_axis


def associative_scan(fn, elems, reverse=False, axis=0):
    """Prefixes x0, fn(x0, x1), fn(fn(x0, x1), x2), ... along an axis.

    fn          associative; takes and returns pytrees like elems, of any length along the axis, element by element
    elems       pytree of arrays of equal length along `axis`
    reverse     suffixes instead: fn runs from the last element to the first
    Errors:     TypeError for an fn that is not callable, ValueError when lengths differ.
    Cost:       about 2 n applications of fn to single elements, in 2 log n calls.
    Source:     Blelloch, "Prefix sums and their applications", 1990.
    """
    if not callable(fn):
        raise TypeError("lax.associative_scan: fn argument should be callable.")
    leaves, structure = flatten_args(fn, (elems,), purpose="lax.associative_scan")
    axes = [axis % type_of(leaf).ndim for leaf in leaves]
    lengths = [type_of(leaf).shape[place] for leaf, place in zip(leaves, axes)]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[type_of(leaf).shape for leaf in leaves]}, axis {axis})"
        )

    def combine(first, second):
        pair = (structure.unflatten(first)[0], structure.unflatten(second)[0])
        return tree.leaves(fn(*reversed(pair)) if reverse else fn(*pair))

    if reverse:
        leaves = [flipped(leaf, axes=(place,)) for leaf, place in zip(leaves, axes)]
    scanned = prefixes(combine, leaves, axes)
    if reverse:
        scanned = [flipped(leaf, axes=(place,)) for leaf, place in zip(scanned, axes)]
    return structure.unflatten(scanned)[0]


def prefixes(combine, leaves, axes):
    """Prefixes of pairs give every other result; one more step fills in those between."""
    length = type_of(leaves[0]).shape[axes[0]] if leaves else 0
    if length < 2:
        return leaves

    def part(values, start, stop, step):
        return [slice_axis(value, axis, start, stop, step) for value, axis in zip(values, axes)]

    even = length - length % 2
    pairs = combine(part(leaves, 0, even, 2), part(leaves, 1, even, 2))
    odd = prefixes(combine, pairs, axes)
    rest = part(leaves, 2, length, 2)
    first = part(leaves, 0, 1, 1)
    if length > 2:
        count = type_of(rest[0]).shape[axes[0]]
        between = combine(part(odd, 0, count, 1), rest)
        first = [concatenate(*pair, axis=axis) for *pair, axis in zip(first, between, axes)]
    return [interleaved(*pair, axis) for *pair, axis in zip(first, odd, axes)]


def interleaved(first, second, axis):
    """first[0], second[0], first[1], second[1], ... along the axis; `first` may have one more."""
    count = type_of(second).shape[axis]
    shape = type_of(second).shape
    split = shape[: axis + 1] + (1,) + shape[axis + 1 :]
    head = slice_axis(first, axis, 0, count)
    both = concatenate(reshape_to(head, split), reshape_to(second, split), axis=axis + 1)
    both = reshape_to(both, shape[:axis] + (2 * count,) + shape[axis + 1 :])
    if type_of(first).shape[axis] == count:
        return both
    return concatenate(both, slice_axis(first, axis, count, count + 1), axis=axis)
