"""What every transformation does where it meets the user: arguments in, results out.

Relies on core. Results are NumPy arrays that share no memory with arguments or with each other.
"""

from collections.abc import Sequence

import numpy as np

from vgrad import tree
from vgrad.core.functions import check_leaf, flatten_args, leaf_names, name_of
from vgrad.core.interpreter import Tracer
from vgrad.core.types import FLOAT0, PYTHON_SCALARS, is_differentiable, type_of


def normalize_argnums(argnums, args, name):
    numbers = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)
    for number in numbers:
        if not isinstance(number, (int, np.integer)):
            raise TypeError(f"argnums must be an int or a tuple of ints, but got {argnums!r}.")
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"differentiating with respect to argnums={argnums} requires at least "
                f"{(max(numbers) + 1) if number >= 0 else -number} positional arguments to be passed by the caller, "
                f"but got only {len(args)} positional arguments."
            )
    return tuple([int(number) % len(args) for number in numbers])


def selected(fun, argnums, args, kwargs, purpose):
    """(leaves, structure, function, names): the differentiated arguments, `fun` of them, and names () -> [str]."""
    positions = normalize_argnums(argnums, args, name_of(fun))

    def names():
        return leaf_names(fun, args, kwargs, positions)

    chosen = tuple([args[position] for position in positions])
    leaves, structure = flatten_args(fun, chosen, purpose=purpose, names=names)

    def partial(*values):
        replaced = list(args)
        for position, value in zip(positions, values):
            replaced[position] = value
        return fun(*replaced, **kwargs)

    partial.__name__ = name_of(fun)
    return leaves, structure, partial, names


def filled(derivative, of):
    """The derivative; zeros like what it is a derivative `of` where it is None (float0 for integers).

    The derivative of a Python scalar has the dtype that Python scalars have.
    """
    if derivative is None:
        type_ = type_of(of)
        return np.zeros(type_.shape, type_.dtype if is_differentiable(type_.dtype) else FLOAT0)
    if type(of) in PYTHON_SCALARS and isinstance(derivative, np.generic):
        return derivative.astype(type_of(of).dtype)
    return derivative


def match_structure(value, structure, types, what, of, fun):
    """Leaves of tangents or cotangents, checked against structure and types; None where they must be zero (float0)."""
    leaves, own = tree.flatten(value)
    if own != structure:
        raise TypeError(
            f"{what} must have the structure of the {of} of {name_of(fun)}: expected {structure}, got {own}."
        )
    result = []
    for number, (leaf, type_) in enumerate(zip(leaves, types)):
        if getattr(leaf, "dtype", None) == FLOAT0 or not is_differentiable(type_.dtype):
            result.append(None)
            continue
        leaf_type = type_of(check_leaf(leaf, what))
        if leaf_type.shape != type_.shape:
            raise ValueError(
                f"{what} has leaf {number} of type {leaf_type}, but the {of} of {name_of(fun)} have type {type_} there."
            )
        if leaf_type.dtype != type_.dtype and not leaf_type.weak:
            if leaf_type.dtype.kind not in "iub" + type_.dtype.kind:
                raise TypeError(
                    f"{what} has leaf {number} of type {leaf_type}, but the {of} of {name_of(fun)} have type {type_} "
                    f"there. Convert it: x.astype({type_.dtype.name!r})."
                )
        if not isinstance(leaf, Tracer) and leaf_type.dtype != type_.dtype:
            leaf = np.asarray(leaf).astype(type_.dtype)[()]
        result.append(leaf)
    return result
