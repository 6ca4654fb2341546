"""What stages a function to a program: jit, make_jaxpr, eval_shape, closure_convert.

Relies on boundary and control.
"""

import functools
import inspect
import itertools
import sys
from types import MethodType

import numpy as np

from vgrad import tree
from vgrad.config import config
from vgrad.control.call import backend, call
from vgrad.core.functions import Flat, finish, flatten_args, name_of, quiet
from vgrad.core.interpreter import EVALUATE, state
from vgrad.core.types import ArrayType, type_of
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage


class ShapeDtypeStruct:
    """A stand-in for an array of which only shape and dtype matter."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape, dtype):
        self.shape = tuple([int(length) for length in np.atleast_1d(shape)]) if np.ndim(shape) else tuple(shape)
        self.dtype = np.dtype(dtype)

    @property
    def type(self):
        return ArrayType(self.shape, self.dtype)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return self.type.size

    def __eq__(self, other):
        return isinstance(other, ShapeDtypeStruct) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self):
        return hash((self.shape, self.dtype))

    def __repr__(self):
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name})"


class StaticArguments:
    """Which arguments of a function are static, by position or by name; splits a call into static and traced."""

    def __init__(self, fun, argnums, argnames):
        numbers = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums or ())
        self.names = {argnames} if isinstance(argnames, str) else set(argnames or ())
        try:
            parameters = list(inspect.signature(fun).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        unknown = self.names - {p.name for p in parameters}
        if unknown and parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise ValueError(f"jit got static_argnames={sorted(unknown)}, which {name_of(fun)} has no parameters for.")
        has_varargs = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        for number in numbers:
            if parameters and not has_varargs and not -len(positional) <= number < len(positional):
                raise ValueError(
                    f"jit got static_argnums={argnums}, but {name_of(fun)} has only {len(positional)} positional "
                    "arguments."
                )
        self.numbers = set(numbers) | {positional.index(name) for name in self.names if name in positional}
        self.names |= {positional[number] for number in numbers if -len(positional) <= number < len(positional)}

    def split(self, args, kwargs):
        """(hashable statics, traced args, traced kwargs, merge), where merge puts the statics back."""
        numbers = {number % len(args) for number in self.numbers if -len(args) <= number < len(args)}
        fixed = {number: args[number] for number in sorted(numbers)}
        named = {name: kwargs[name] for name in sorted(self.names & kwargs.keys())}
        for name, value in [*fixed.items(), *named.items()]:
            try:
                hash(value)
            except TypeError as error:
                raise ValueError(
                    f"Non-hashable static arguments are not supported: argument {name!r} has type {type(value)} "
                    f"({error}). Pass a tuple in place of a list, or leave an array out of static_argnums."
                ) from None
        traced = tuple([arg for number, arg in enumerate(args) if number not in fixed])
        traced_kwargs = {name: value for name, value in kwargs.items() if name not in named}

        def merge(traced, traced_kwargs):
            remaining = iter(traced)
            merged = [fixed[number] if number in fixed else next(remaining) for number in range(len(args))]
            return merged, {**traced_kwargs, **named}

        key = (tuple(fixed.items()), tuple(named.items()), len(args))
        types = tuple([type(value) for value in [*fixed.values(), *named.values()]])
        return (key, types), traced, traced_kwargs, merge


def leaf_key(leaf):
    return (leaf.shape, leaf.dtype) if type(leaf) is np.ndarray else type_of(leaf)


def quick_flatten(node, leaves, key):
    """Append the leaves of a tree, and what tells it and their types apart; False if it is not plain containers.

    A third of the time that tree.flatten and types take. Dictionaries are walked as they are, not in sorted order.
    """
    kind = type(node)
    if kind is np.ndarray:
        leaves.append(node)
        key.append(node.shape)
        key.append(node.dtype)
        return True
    if kind is dict:
        key.append(tuple(node))
        node = node.values()
    elif kind is tuple or kind is list:
        key.append(kind)
        key.append(len(node))
    else:
        key.append(kind)
        if node is not None:
            leaves.append(node)
        return node is None or kind in NUMBERS or issubclass(kind, np.generic)
    return all([quick_flatten(each, leaves, key) for each in node])


def numbered(node, numbers):
    """The tree with the next of the numbers for each leaf, in quick_flatten's order."""
    if type(node) is dict:
        return {name: numbered(each, numbers) for name, each in node.items()}
    if type(node) in (tuple, list):
        return type(node)([numbered(each, numbers) for each in node])
    return None if node is None else next(numbers)


NUMBERS = {bool, int, float, complex}


def compile_jaxpr(jaxpr):
    from vgrad.compiler.executable import compiled  # here, not above: it loads LLVM, which `import vgrad` must not

    return compiled(jaxpr)


backend.compile = compile_jaxpr
quiet_call = quiet(call.__call__)


@quiet
def traced_program(fun, merge, traced, traced_kwargs, purpose):
    """(jaxpr, outer values, leaves, Flat) of a call of `fun`."""
    leaves, structure = flatten_args(fun, traced, traced_kwargs, purpose=purpose)

    def call_merged(*args, **kwargs):
        merged, merged_kwargs = merge(args, kwargs)
        return fun(*merged, **merged_kwargs)

    call_merged.__name__ = name_of(fun)
    flat = Flat(call_merged, structure, with_kwargs=True)
    jaxpr, outer_values = stage(flat, [type_of(leaf) for leaf in leaves])
    return jaxpr, outer_values, leaves, flat


class Jitted:
    """What `jit` returns: callable like the function, a method where it stands in a class, and it pickles.

    A function that stands in its module decorated pickles as the module's, any other with its options; a new process
    stages anew. Programs are forgotten by clear_cache(); cache_size() is how many there are.
    """

    __slots__ = ("fun", "options", "statics", "cache", "ready", "name", "__dict__", "__weakref__")

    def __init__(self, fun, static_argnums=None, static_argnames=None):
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.options = (static_argnums, static_argnames)
        self.statics = StaticArguments(fun, static_argnums, static_argnames)
        self.cache = {}
        self.ready = {}  # quick key of arguments, none static -> (native program, its inputs, output structure)
        self.name = name_of(fun)

    def __call__(self, *args, **kwargs):
        compiles = config.jit and not (config.disable_jit or config.debug_nans)
        if self.ready and compiles and state.interpreter is EVALUATE:
            leaves, key = [], [config.default_float]
            if quick_flatten(args, leaves, key) and quick_flatten(kwargs, leaves, key):
                found = self.ready.get(tuple(key))
                if found is not None:
                    run, inputs, structure = found
                    return structure.unflatten(run(leaves, inputs))
        return self.call_staged(args, kwargs)

    def call_staged(self, args, kwargs):
        """A call whose program may have to be staged and compiled first, or that is itself traced."""
        fun, cache = self.fun, self.cache
        if config.disable_jit:
            return fun(*args, **kwargs)
        static_key, traced, traced_kwargs, merge = self.statics.split(args, kwargs)
        leaves, structure = tree.flatten((traced, traced_kwargs))
        try:
            key = (
                static_key,
                structure,
                tuple([leaf_key(leaf) for leaf in leaves]),
                config.default_float,
                state.interpreter.named_axes(),
            )
        except TypeError:
            flatten_args(fun, traced, traced_kwargs, purpose="jit")
            raise
        entry = cache.get(key)
        outer_values = []
        if entry is None:
            jaxpr, outer_values, leaves, flat = traced_program(fun, merge, traced, traced_kwargs, "jit")
            entry = (jaxpr, flat.output_structure)
            if not outer_values:  # what the function closes over belongs to this call alone
                cache[key] = entry
        jaxpr, output_structure = entry
        outputs = quiet_call(*outer_values, *leaves, jaxpr=jaxpr, name=self.name)
        run = jaxpr.memo.get("executable")
        if run is not None and key in cache and not (self.statics.numbers or self.statics.names):
            self.make_ready((args, kwargs), run, output_structure)
        return output_structure.unflatten(finish(outputs, leaves))

    def make_ready(self, arguments, run, output_structure):
        """Let the next call with such arguments find its program at once."""
        key = [config.default_float]
        if quick_flatten(arguments[0], [], key) and quick_flatten(arguments[1], [], key):
            order = tree.leaves(numbered(arguments, itertools.count()))
            inputs = [run.inputs[order.index(number)] for number in range(len(order))]
            self.ready[tuple(key)] = run, inputs, output_structure

    def __get__(self, instance, owner=None):
        return self if instance is None else MethodType(self, instance)

    def __repr__(self):
        return f"jit({self.fun!r})"

    def __reduce__(self):
        place = sys.modules.get(getattr(self, "__module__", None))
        for part in getattr(self, "__qualname__", "<unknown>").split("."):
            place = getattr(place, part, None)
        # cloudpickle sends what a script defines to processes that have another __main__.
        by_value = self.__module__ == "__main__" and "cloudpickle" in sys._getframe(1).f_globals.get("__name__", "")
        return self.__qualname__ if place is self and not by_value else (Jitted, (self.fun, *self.options))

    def clear_cache(self):
        self.cache.clear()
        self.ready.clear()

    def cache_size(self):
        return len(self.cache)


def jit(
    fun=None, *, static_argnums=None, static_argnames=None, inline=False, donate_argnums=None, donate_argnames=None
):
    """`fun`, staged to a program once for each combination of argument types and static values, then run as that.

    static_argnums, static_argnames     arguments that stay Python values (hashable); a new value stages anew
    inline, donate_argnums, donate_argnames     accepted so that JAX code runs; without effect
    Inside, arguments are traced: Python's if, while, int(), float() on them are errors that say what to write.
    Arrays that `fun` closes over are taken as they are when it is staged.
    """
    if fun is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames)
    return Jitted(fun, static_argnums, static_argnames)


def make_jaxpr(fun, static_argnums=(), return_shape=False):
    """A function that returns the Jaxpr of `fun` for arguments of these types; print it to read it.

    return_shape    also return the outputs' ShapeDtypeStructs
    """
    statics = StaticArguments(fun, static_argnums, ())

    @functools.wraps(fun)
    @quiet
    def make_jaxpr_f(*args, **kwargs):
        _, traced, traced_kwargs, merge = statics.split(args, kwargs)
        jaxpr, _, _, flat = traced_program(fun, merge, traced, traced_kwargs, "make_jaxpr")
        if return_shape:
            return jaxpr, output_shapes(jaxpr, flat)
        return jaxpr

    return make_jaxpr_f


def output_shapes(jaxpr, flat):
    return flat.output_structure.unflatten([ShapeDtypeStruct(t.shape, t.dtype) for t in jaxpr.output_types])


@quiet
def eval_shape(fun, *args, **kwargs):
    """Shapes and dtypes of the outputs, as ShapeDtypeStructs, without computing them."""
    jaxpr, _, _, flat = traced_program(fun, lambda a, k: (a, k), args, kwargs, "eval_shape")
    return output_shapes(jaxpr, flat)


def closure_convert(fun, *example_args):
    """(converted, constants): `fun` without what it closes over; converted(*args, *constants) is fun(*args).

    Only values that are being differentiated or otherwise traced are taken out, so that a custom rule can see them.
    """
    leaves, structure = flatten_args(fun, example_args, purpose="closure_convert")
    flat = Flat(fun, structure)
    jaxpr, outer_values = stage(flat, [type_of(leaf) for leaf in leaves])
    count = len(example_args)

    def converted(*args):
        values, own = tree.flatten(args[:count])
        if own != structure:
            raise TypeError(f"closure_convert: expected arguments of structure {structure}, got {own}.")
        return flat.output_structure.unflatten(evaluate(jaxpr, *args[count:], *values))

    return converted, outer_values
