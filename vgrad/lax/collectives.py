"""Collectives: what examples under vmap(f, axis_name=...) tell each other. `jax.lax`'s names and signatures.

Relies on primitives. Arguments are pytrees; an axis name may be a tuple of names where it says so.
"""

import math

from vgrad import tree
from vgrad.core.functions import check_leaf
from vgrad.core.interpreter import state
from vgrad.core.types import BOOL, INT64, PYTHON_SCALARS, type_of
from vgrad.numpy.operands import axis_of
from vgrad.primitives import collectives as primitives
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.elementwise import add, div, mul

__all__ = [
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "pshuffle",
    "psum",
    "psum_scatter",
]


def names_of(axis_name):
    return tuple(axis_name) if isinstance(axis_name, (tuple, list)) else (axis_name,)


def single_name(axis_name, operation):
    names = names_of(axis_name)
    if len(names) != 1:
        raise NotImplementedError(f"{operation} takes one axis name, got {axis_name}.")
    return names[0]


def refuse_groups(axis_index_groups, operation):
    if axis_index_groups is not None:
        raise NotImplementedError(f"{operation}: axis_index_groups is not supported; name two axes of nested vmaps.")


def axis_size(axis_name):
    """Number of examples along the named axis (the product for a tuple of names), a Python int.

    Errors: NameError for a name that no vmap around us has.
    """
    return math.prod([state.interpreter.axis_size(name) for name in names_of(axis_name)])


def each_name(primitive, x, axis_name):
    for name in names_of(axis_name):
        x = primitive(x, axis_name=name)
    return x


def psum(x, axis_name, *, axis_index_groups=None):
    """Sum over the examples of the named axis, the same for all of them. x is any pytree, axis_name may be a tuple.

    A Python number is taken times the axis size at once: psum(1, 'i') is the number of examples, a Python int.
    """
    refuse_groups(axis_index_groups, "psum")
    size = axis_size(axis_name)

    def total(leaf):
        if type(leaf) in PYTHON_SCALARS:
            return leaf * size
        check_leaf(leaf, "psum")
        return each_name(primitives.psum, convert_to(leaf, INT64) if type_of(leaf).dtype == BOOL else leaf, axis_name)

    return tree.map(total, x)


def pmean(x, axis_name, *, axis_index_groups=None):
    """Mean over the examples of the named axis. x is any pytree, axis_name may be a tuple."""
    size = axis_size(axis_name)
    return tree.map(lambda total: div(total, size), psum(x, axis_name, axis_index_groups=axis_index_groups))


def pmax(x, axis_name, *, axis_index_groups=None):
    """Elementwise maximum over the examples of the named axis. x is any pytree, axis_name may be a tuple."""
    refuse_groups(axis_index_groups, "pmax")
    axis_size(axis_name)
    return tree.map(lambda leaf: each_name(primitives.pmax, check_leaf(leaf, "pmax"), axis_name), x)


def pmin(x, axis_name, *, axis_index_groups=None):
    """Elementwise minimum over the examples of the named axis. x is any pytree, axis_name may be a tuple."""
    refuse_groups(axis_index_groups, "pmin")
    axis_size(axis_name)
    return tree.map(lambda leaf: each_name(primitives.pmin, check_leaf(leaf, "pmin"), axis_name), x)


def axis_index(axis_name):
    """The number of the own example along the named axis; along a tuple of names, the last one running fastest."""
    index = None
    for name in names_of(axis_name):
        size = axis_size(name)
        own = primitives.axis_index(axis_name=name)
        index = own if index is None else add(mul(index, size), own)
    return index


def all_gather(x, axis_name, *, axis_index_groups=None, axis=0, tiled=False):
    """The values of all examples, along a new axis, or with `tiled` one after the other along an axis there is.

    Shapes: (..., n, ...) with the n examples at `axis`; tiled: x.shape with x.shape[axis] * n.
    axis_name may be a tuple.
    """
    refuse_groups(axis_index_groups, "all_gather")
    size = axis_size(axis_name)

    def gathered(leaf):
        type_ = type_of(check_leaf(leaf, "all_gather"))
        place = axis_of(axis, type_.ndim + (not tiled), "all_gather")
        for name in reversed(names_of(axis_name)):
            leaf = primitives.all_gather(leaf, axis_name=name, size=axis_size(name), axis=place)
        shape = type_.shape
        if tiled:
            return reshape_to(leaf, shape[:place] + (size * shape[place],) + shape[place + 1 :])
        return reshape_to(leaf, shape[:place] + (size,) + shape[place:])

    return tree.map(gathered, x)


def psum_scatter(x, axis_name, *, scatter_dimension=0, axis_index_groups=None, tiled=False):
    """The sum over examples, of which each keeps its own part along `scatter_dimension`.

    Shapes: that axis has the size n of the named axis and is removed; tiled: a multiple of n, and is divided by n.
    """
    refuse_groups(axis_index_groups, "psum_scatter")
    name = single_name(axis_name, "psum_scatter")
    size = axis_size(name)

    def scattered(leaf):
        shape = type_of(check_leaf(leaf, "psum_scatter")).shape
        place = axis_of(scatter_dimension, len(shape), "psum_scatter")
        if tiled:
            leaf = divided(leaf, place, size, "psum_scatter")
        elif shape[place] != size:
            raise ValueError(
                f"psum_scatter requires x.shape[scatter_dimension] to equal the size of the named axis, but they are "
                f"{shape[place]} and {size} respectively."
            )
        return primitives.psum_scatter(leaf, axis_name=name, size=size, axis=place)

    return tree.map(scattered, x)


def divided(x, axis, size, operation):
    """The axis split in `size` equal parts: (..., size, part, ...)."""
    shape = type_of(x).shape
    if shape[axis] % size:
        raise ValueError(
            f"tiled {operation} operand scatter dimension size {shape[axis]} must be divisible by the axis size {size}."
        )
    return reshape_to(x, shape[:axis] + (size, shape[axis] // size) + shape[axis + 1 :])


def ppermute(x, axis_name, perm):
    """Values sent from example to example: perm is a list of (source, destination). Nobody's destination gets zeros."""
    name = single_name(axis_name, "ppermute")
    size = axis_size(name)
    perm = tuple([(int(source), int(destination)) for source, destination in perm])
    sources, destinations = [source for source, _ in perm], [destination for _, destination in perm]
    if len(set(sources)) < len(sources) or len(set(destinations)) < len(destinations):
        raise ValueError(f"ppermute sources and destinations must be unique, got {list(perm)}.")
    if any([not 0 <= number < size for number in sources + destinations]):
        raise ValueError(f"ppermute sources and destinations must be in range({size}), got {list(perm)}.")
    return tree.map(lambda leaf: primitives.ppermute(check_leaf(leaf, "ppermute"), axis_name=name, perm=perm), x)


def pshuffle(x, axis_name, perm):
    """Example i gets the value of example perm[i]; perm is a permutation of range(axis size)."""
    if sorted(perm) != list(range(axis_size(axis_name))):
        raise ValueError(f"`perm` does not represent a permutation: {perm}")
    return ppermute(x, axis_name, list(zip(perm, range(len(perm)))))


def all_to_all(x, axis_name, split_axis, concat_axis, *, axis_index_groups=None, tiled=False):
    """Example i gets part i of `split_axis` of every example, put together along `concat_axis`.

    Shapes: split_axis has the size n of the named axis and is removed, a new axis of size n stands at concat_axis;
            tiled: split_axis is divided by n and concat_axis multiplied by n.
    """
    refuse_groups(axis_index_groups, "all_to_all")
    name = single_name(axis_name, "all_to_all")
    size = axis_size(name)

    def exchanged(leaf):
        shape = type_of(check_leaf(leaf, "all_to_all")).shape
        split, concat = axis_of(split_axis, len(shape), "all_to_all"), axis_of(concat_axis, len(shape), "all_to_all")
        if not tiled:
            if shape[split] != size:
                raise ValueError(
                    "all_to_all requires the size of the mapped axis axis_name to equal x.shape[split_axis], but they "
                    f"are {size} and {shape[split]} respectively."
                )
            return primitives.all_to_all(leaf, axis_name=name, size=size, split_axis=split, concat_axis=concat)
        parts = divided(leaf, split, size, "all_to_all")
        # without the parts' axis, the axes of the result stand where they stood in x
        received = primitives.all_to_all(parts, axis_name=name, size=size, split_axis=split, concat_axis=concat)
        merged = list(shape)
        merged[split] //= size
        merged[concat] *= size
        return reshape_to(received, tuple(merged))

    return tree.map(exchanged, x)
