"""What functions with rules of the user's own share: staging them, batching them, resolving their calls.

Relies on programs. The primitives hold the user's functions as flat functions; when a call is staged, the function
becomes a Jaxpr and the rules stay Python functions, run by the transform that needs them.
"""

import functools
import inspect

import numpy as np

from vgrad.core.functions import name_of
from vgrad.core.jaxpr import Jaxpr
from vgrad.core.types import FLOAT0, is_differentiable, type_of, zeros
from vgrad.transforms.batch import batch, materialize
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage

KEYWORD_ONLY, VAR_KEYWORD = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD


def zero_tangent(type_):
    """Zeros like a value of this type; of dtype float0 for integers and booleans, as JAX has it."""
    return zeros(type_) if is_differentiable(type_.dtype) else np.zeros(type_.shape, FLOAT0)


def is_float0(value):
    return getattr(value, "dtype", None) == FLOAT0


def run(function, operands):
    """The outputs of a flat function or Jaxpr, as a tuple."""
    return tuple(evaluate(function, *operands) if isinstance(function, Jaxpr) else function(*operands))


def close_function(operands, params, rules):
    """Stage params["function"]; what it closes over becomes leading operands, which the `rules` learn to skip."""
    jaxpr, outer_values = stage(lambda *values: run(params["function"], values), [type_of(o) for o in operands])
    skip = len(outer_values)
    params = {**params, "function": jaxpr}
    if skip:
        params.update({name: adapt(params[name], skip) for name, adapt in rules.items()})
    return [*outer_values, *operands], params


def mapped_to_front(function, axis, mapped_axes):
    """A flat function run for all examples; every output has the mapped axis in front."""

    def batched(*operands):
        outputs, places = batch(lambda *values: run(function, values), axis, operands, mapped_axes)
        return [materialize(output, place, 0, axis.size) for output, place in zip(outputs, places)]

    return batched


class Custom:
    """What custom_jvp, custom_vjp and custom_vmap share: resolving a call to positional arguments."""

    def __init__(self, fun, nondiff_argnums=()):
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = tuple([int(number) for number in np.atleast_1d(np.asarray(nondiff_argnums, int))])

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def positional(self, args, kwargs):
        """All arguments by position, defaults filled in."""
        if isinstance(self.fun, np.ufunc):  # its signature lists out= and where=, which are no arguments here
            return args
        try:
            signature = inspect.signature(self.fun)
        except (TypeError, ValueError):
            return args
        bound = signature.bind(*args, **kwargs)
        keyword_only = [
            name for name in bound.arguments if signature.parameters[name].kind in (KEYWORD_ONLY, VAR_KEYWORD)
        ]
        if keyword_only:
            raise TypeError(
                f"{name_of(self.fun)} has keyword-only arguments {sorted(keyword_only)}; a function with a custom rule "
                "takes positional arguments only. Write functools.partial around it."
            )
        bound.apply_defaults()
        return bound.args

    def split(self, args):
        """(static arguments, differentiated arguments, function of the differentiated ones)."""
        static = {number % len(args) for number in self.nondiff_argnums}
        dynamic = [number for number in range(len(args)) if number not in static]

        def partial(*values):
            merged = list(args)
            for number, value in zip(dynamic, values):
                merged[number] = value
            return self.fun(*merged)

        partial.__name__ = name_of(self.fun)
        return [args[number] for number in sorted(static)], tuple([args[number] for number in dynamic]), partial
