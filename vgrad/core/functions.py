"""The user's functions of pytrees as functions of flat lists, names for their arguments, results ready to hand out.

Relies on tree. api, custom rules and control flow are written with these.
"""

import dataclasses
import functools
import inspect

import numpy as np

from vgrad import tree
from vgrad.core.interpreter import Tracer, is_evaluating
from vgrad.core.types import PYTHON_SCALARS, type_of
from vgrad.errors import ConcretizationTypeError

OBJECT = np.dtype(object)


def quiet(function):
    """Decorator: NaN and Inf are values, no RuntimeWarning inside a transformation."""

    # np.errstate is a decorator too, but what it decorates cloudpickle cannot pickle.
    @functools.wraps(function)
    def quiet_f(*args, **kwargs):
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return quiet_f


def check_leaf(leaf, where):
    """The leaf, or an error that says where in the arguments it stands."""
    try:
        type_of(leaf)
    except TypeError:
        if dataclasses.is_dataclass(leaf):
            advice = f"Write @vgrad.tree_util.register_dataclass above class {type(leaf).__name__}."
        else:
            advice = (
                "Arrays, numbers and pytrees of them are; close over anything else, or in jit mark the argument "
                "static_argnums."
            )
        raise TypeError(
            f"{where}: value {leaf!r:.200} of type {type(leaf)} is not a valid vgrad array type. {advice}"
        ) from None
    return leaf


def name_of(function):
    return getattr(function, "__name__", None) or type(function).__name__


def parameter_names(function, args, kwargs):
    """Names of the positional arguments, as the function's signature has them."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return [f"args[{position}]" for position in range(len(args))]
    names = []
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            names.extend(f"{name}[{position}]" for position in range(len(value)))
        elif kind is not inspect.Parameter.VAR_KEYWORD:
            names.append(name)
    return (names + [f"args[{position}]" for position in range(len(args))])[: len(args)]


def leaf_names(function, args, kwargs=(), positions=None):
    """A name for each leaf of (args, kwargs), or of the args at `positions` alone: x, y['a'], ..."""
    kwargs = dict(kwargs)
    names = parameter_names(function, args, kwargs)
    result = []
    for position in range(len(args)) if positions is None else positions:
        result += [names[position] + tree.keystr(path) for path, _ in tree.leaves_with_path(args[position])]
    for key in sorted(kwargs) if positions is None else ():
        result += [key + tree.keystr(path) for path, _ in tree.leaves_with_path(kwargs[key])]
    return result


def flatten_args(function, args, kwargs=None, purpose="vgrad", names=None):
    """(leaves, structure) of (args, kwargs), each leaf checked to be an array.

    names   () -> a name for each leaf, where args are not the function's arguments in order
    """
    leaves, structure = tree.flatten((args, kwargs) if kwargs is not None else args)
    for number, leaf in enumerate(leaves):
        if type(leaf) is not np.ndarray and not isinstance(leaf, Tracer) or getattr(leaf, "dtype", None) == OBJECT:
            try:
                type_of(leaf)
            except TypeError:
                known = names() if names is not None else leaf_names(function, args, kwargs or {})
                check_leaf(
                    leaf,
                    f"{purpose}: argument {known[number] if number < len(known) else number} of {name_of(function)}",
                )
    return leaves, structure


class Flat:
    """A function of pytrees as a function of flat lists; remembers the structure of its last output."""

    def __init__(self, function, structure, with_kwargs=False, has_aux=False):
        self.function = function
        self.structure = structure
        self.with_kwargs = with_kwargs
        self.has_aux = has_aux

    def __call__(self, *leaves):
        args = self.structure.unflatten(leaves)
        try:
            output = self.function(*args[0], **args[1]) if self.with_kwargs else self.function(*args)
        except ValueError as error:
            # a[i] = tracer of rank 0: NumPy hides the error of float(tracer) behind one that says less
            if isinstance(error.__cause__, ConcretizationTypeError) and str(error).startswith("setting an array"):
                raise error.__cause__ from None
            raise
        aux_values = []
        if self.has_aux:
            if not isinstance(output, tuple) or len(output) != 2:
                raise TypeError(
                    f"{name_of(self.function)} must return a pair (output, aux) when has_aux=True, "
                    f"but returned {type(output).__name__}."
                )
            output, aux = output
            aux_values, self.aux_structure = tree.flatten(aux)
        values, self.output_structure = tree.flatten(output)
        for value in values:
            check_leaf(value, f"output of {name_of(self.function)}")
        self.count = len(values)
        return values + aux_values


def owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array)


def finish(leaves, inputs=()):
    """Results ready for the user: NumPy arrays and scalars, writable, sharing no memory with inputs or each other."""
    if not is_evaluating():
        return list(leaves)
    seen = {owner(value) for value in inputs if isinstance(value, np.ndarray)}
    finished = []
    for leaf in leaves:
        if type(leaf) in PYTHON_SCALARS:
            leaf = np.asarray(leaf).astype(type_of(leaf).dtype)[()]
        elif isinstance(leaf, np.ndarray) and leaf.ndim == 0:
            leaf = leaf[()]
        elif isinstance(leaf, np.ndarray):
            if not leaf.flags.writeable or owner(leaf) in seen:
                leaf = leaf.copy()
            seen.add(owner(leaf))
        finished.append(leaf)
    return finished


def own(leaves):
    """Copies of the leaves, for a function that outlives the call: writing into the arguments does not change it."""
    if not is_evaluating():
        return leaves
    return [leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
