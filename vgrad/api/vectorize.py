"""vmap.

Relies on boundary and transforms.
"""

import functools

import numpy as np

from vgrad import tree
from vgrad.core.functions import Flat, finish, flatten_args, leaf_names, name_of, quiet
from vgrad.core.types import type_of
from vgrad.transforms import batch as batching


def vmap(fun, in_axes=0, out_axes=0, axis_name=None, axis_size=None):
    """`fun` for all examples at once.

    in_axes     which axis of each argument counts the examples: an int, None for an argument that is the same for
                all, or a tuple with one entry (a pytree prefix) per positional argument. Negative axes count from the
                end. Keyword arguments are mapped along axis 0.
    out_axes    where the examples' axis goes in the outputs: an int, or a pytree prefix of the output
    axis_name   name for collectives inside `fun` (lax.psum, ...)
    axis_size   number of examples; needed only when no argument is mapped
    Errors: ValueError when sizes disagree (names the arguments), when in_axes does not fit, when out_axes is None for
            an output that differs between examples.
    Cost:   each operation once, on arrays with one more axis.
    """

    @functools.wraps(fun)
    @quiet
    def vmap_f(*args, **kwargs):
        leaves, structure = flatten_args(fun, args, kwargs, purpose="vmap")
        axes = vmap_in_axes(fun, in_axes, args, kwargs, leaves)
        axis = batching.MappedAxis(axis_name, mapped_size(fun, args, kwargs, leaves, axes, axis_size))
        flat = Flat(fun, structure, with_kwargs=True)
        outputs, output_axes = batching.batch(flat, axis, leaves, axes)
        destinations = vmap_out_axes(fun, out_axes, flat.output_structure)
        placed = []
        for output, mapped_axis, destination in zip(outputs, output_axes, destinations):
            if destination is None:
                if mapped_axis is not None:
                    raise ValueError(
                        f"at vmap out_axes, got axis spec None but output was batched on axis {mapped_axis}: the "
                        f"output of {name_of(fun)} of type {type_of(output)} differs between examples. "
                        "Write out_axes=0."
                    )
                placed.append(output)
                continue
            ndim = type_of(output).ndim + (mapped_axis is None)
            if not -ndim <= destination < ndim:
                raise ValueError(f"vmap out_axes={destination} is out of range for an output of rank {ndim}.")
            placed.append(batching.materialize(output, mapped_axis, destination % ndim, axis.size))
        return flat.output_structure.unflatten(finish(placed, leaves))

    return vmap_f


def is_axis(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def vmap_in_axes(fun, in_axes, args, kwargs, leaves):
    """One axis (nonnegative, or None) per leaf."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if not (is_axis(in_axes) or in_axes is None or isinstance(in_axes, tuple)):
        raise TypeError(
            "vmap in_axes must be an int, None, or a tuple of entries corresponding to the positional arguments "
            f"passed to the function, but got {in_axes!r}."
        )
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(
            "vmap in_axes must be an int, None, or a tuple of entries corresponding to the positional arguments "
            f"passed to the function, but got len(in_axes)={len(in_axes)}, len(args)={len(args)}"
        )
    try:
        axes = tree.broadcast_prefix(in_axes, tree.structure(args))
    except ValueError as error:
        raise ValueError(
            f"vmap in_axes specification must be a tree prefix of the corresponding value, got specification {in_axes} "
            f"for value tree {tree.structure(args)}: {error}"
        ) from None
    axes += [0] * len(tree.leaves(kwargs))
    result = []
    for number, (leaf, axis) in enumerate(zip(leaves, axes)):
        if axis is None:
            result.append(None)
            continue
        if not is_axis(axis):
            raise TypeError(f"vmap in_axes must hold ints and None, got {axis!r}.")
        ndim = type_of(leaf).ndim
        if not -ndim <= axis < ndim:
            name = leaf_names(fun, args, kwargs)[number]
            raise ValueError(
                f"vmap was requested to map its argument along axis {axis}, which implies that its rank should be at "
                f"least {axis + 1 if axis >= 0 else -axis}, but is only {ndim} (its shape is {type_of(leaf).shape}). "
                f"The argument is {name}; in_axes=None leaves an argument unmapped."
            )
        result.append(int(axis) % ndim)
    return result


def mapped_size(fun, args, kwargs, leaves, axes, axis_size):
    sizes = {}
    for number, (leaf, axis) in enumerate(zip(leaves, axes)):
        if axis is not None:
            sizes.setdefault(type_of(leaf).shape[axis], []).append(number)
    if axis_size is not None:
        sizes.setdefault(int(axis_size), [])
    if not sizes:
        raise ValueError(
            "vmap must have at least one non-None value in in_axes, or axis_size given: nothing is mapped in the call "
            f"of {name_of(fun)}."
        )
    if len(sizes) == 1:
        return next(iter(sizes))
    names = leaf_names(fun, args, kwargs)
    lines = []
    for size, numbers in sizes.items():
        of = [
            f"axis {axes[number]} of argument {names[number]} of type {type_of(leaves[number])}" for number in numbers
        ]
        if not of:
            lines.append(f"  * axis_size is {size}")
        elif len(of) == 1:
            lines.append(f"  * one axis had size {size}: {of[0]}")
        else:
            lines.append(f"  * some axes ({len(of)} of them) had size {size}: e.g. {', '.join(of[:3])}")
    raise ValueError("vmap got inconsistent sizes for array axes to be mapped:\n" + ";\n".join(lines))


def vmap_out_axes(fun, out_axes, structure):
    try:
        return tree.broadcast_prefix(out_axes, structure)
    except ValueError as error:
        raise ValueError(
            f"vmap out_axes specification must be a tree prefix of the output of {name_of(fun)}, got {out_axes} "
            f"for {structure}: {error}"
        ) from None
