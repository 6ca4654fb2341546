"""associative_scan: all prefixes of a sequence under an associative operation, in a logarithmic number of steps.

Relies on reduction, which scans pairs for cumprod and its kind.
"""

from vgrad import tree
from vgrad.core.functions import flatten_args
from vgrad.core.types import type_of
from vgrad.primitives.reduction import scan_pairs
from vgrad.primitives.shape import reverse as flipped


def associative_scan(fn, elems, reverse=False, axis=0):
    """Prefixes x0, fn(x0, x1), fn(fn(x0, x1), x2), ... along an axis.

    fn          associative; takes and returns pytrees like elems, of any length along the axis, element by element
    elems       pytree of arrays of equal length along `axis`
    reverse     from the last element to the first: ..., fn(fn(xn, xn-1), xn-2), fn(xn, xn-1), xn
    Errors:     TypeError for an fn that is not callable, ValueError when lengths differ.
    Cost:       about 2 n applications of fn to single elements, in 2 log n calls.
    Source:     Blelloch, "Prefix sums and their applications", 1990.
    """
    if not callable(fn):
        raise TypeError("lax.associative_scan: fn argument should be callable.")
    leaves, structure = flatten_args(fn, (elems,), purpose="lax.associative_scan")
    if not leaves:
        return elems
    axes = [axis % type_of(leaf).ndim for leaf in leaves]
    lengths = [type_of(leaf).shape[place] for leaf, place in zip(leaves, axes)]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[type_of(leaf).shape for leaf in leaves]}, axis {axis})"
        )

    def combine(first, second):
        return tree.leaves(fn(structure.unflatten(first)[0], structure.unflatten(second)[0]))

    if reverse:
        leaves = [flipped(leaf, axes=(place,)) for leaf, place in zip(leaves, axes)]
    scanned = scan_pairs(combine, leaves, axes)
    if reverse:
        scanned = [flipped(leaf, axes=(place,)) for leaf, place in zip(scanned, axes)]
    return structure.unflatten(scanned)[0]
