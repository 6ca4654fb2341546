"""Functions with rules of the user's own: custom_jvp, custom_vjp, custom_vmap.

Relies on programs. The primitives hold the user's functions as flat functions; when a call is staged, the function
becomes a Jaxpr and the rules stay Python functions, run by the transform that needs them.
"""

import functools
import inspect

import numpy as np

from vgrad import tree
from vgrad.core.functions import Flat, check_leaf, flatten_args, name_of
from vgrad.core.jaxpr import Jaxpr
from vgrad.core.primitive import Primitive, refuse
from vgrad.core.types import FLOAT0, is_differentiable, type_of
from vgrad.primitives.broadcasting import move_axis, reduce_sum
from vgrad.transforms.batch import batch, materialize
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.jvp import jvp
from vgrad.transforms.linearize import zeros
from vgrad.transforms.stage import stage


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


# ----------------------------------------------------------------------------------------------------- custom_jvp


def custom_jvp_tangents(operands, tangents, *, function, rule, name):
    """The user's rule on primals and tangents; zeros are filled in."""
    filled = [
        zero_tangent(type_of(operand)) if tangent is None else tangent for operand, tangent in zip(operands, tangents)
    ]
    outputs, output_tangents = rule(operands, filled)
    return outputs, [None if is_float0(tangent) else tangent for tangent in output_tangents]


def mapped_to_front(function, axis, mapped_axes):
    """A flat function run for all examples; every output has the mapped axis in front."""

    def batched(*operands):
        outputs, places = batch(lambda *values: run(function, values), axis, operands, mapped_axes)
        return [materialize(output, place, 0, axis.size) for output, place in zip(outputs, places)]

    return batched


def custom_jvp_batch(axis, operands, mapped_axes, *, function, rule, name):
    def batched_rule(primals, tangents):
        real = [not is_float0(tangent) for tangent in tangents]
        kept = [tangent for tangent, flag in zip(tangents, real) if flag]
        counts = []

        def flat(*values):
            moving = iter(values[len(primals) :])
            full = [
                next(moving) if flag else zero_tangent(type_of(value))
                for flag, value in zip(real, values[: len(primals)])
            ]
            outputs, output_tangents = rule(values[: len(primals)], full)
            counts[:] = [not is_float0(tangent) for tangent in output_tangents]
            return list(outputs) + [tangent for tangent, flag in zip(output_tangents, counts) if flag]

        axes = list(mapped_axes) + [place for place, flag in zip(mapped_axes, real) if flag]
        results = mapped_to_front(flat, axis, axes)(*primals, *kept)
        outputs, moved = results[: len(counts)], iter(results[len(counts) :])
        return outputs, [
            next(moved) if flag else zero_tangent(type_of(output)) for flag, output in zip(counts, outputs)
        ]

    outputs = custom_jvp_call(
        *operands, function=mapped_to_front(function, axis, mapped_axes), rule=batched_rule, name=name
    )
    return outputs, (0,) * len(outputs)


def skip_leading_jvp(rule, skip):
    def adapted(primals, tangents):
        for tangent, primal in zip(tangents[:skip], primals[:skip]):
            if not is_float0(tangent) and (not isinstance(tangent, np.ndarray) or tangent.any()):
                raise TypeError(
                    "a custom_jvp function closes over a value that is being differentiated "
                    f"(of type {type_of(primal)}). Pass it as an argument."
                )
        return rule(primals[skip:], tangents[skip:])

    return adapted


custom_jvp_call = Primitive(
    "custom_jvp_call",
    output_type=lambda *types, function, rule, name: function.output_types,
    evaluate=lambda *operands, function, rule, name: run(function, operands),
    jvp=custom_jvp_tangents,
    linearize=custom_jvp_tangents,
    transpose=refuse("a custom_jvp function is not linear; its rule must give a tangent that is linear in tangents"),
    batch=custom_jvp_batch,
    multiple_outputs=True,
    holds_programs=True,
    close=lambda operands, params: close_function(operands, params, {"rule": skip_leading_jvp}),
)


KEYWORD_ONLY, VAR_KEYWORD = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD


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


def rule_output(value, structure, what, name):
    leaves, own = tree.flatten(value, is_leaf=is_float0)
    if own != structure:
        raise TypeError(f"{what} for {name} must have the structure of its output {structure}, but got {own}.")
    return leaves


class custom_jvp(Custom):
    """A function with its own forward rule; reverse mode transposes that rule.

        @custom_jvp
        def f(x, y): ...
        @f.defjvp
        def f_jvp(primals, tangents): ...; return output, output_tangent

    nondiff_argnums     positions passed to the rule first, as they are: rule(*nondiff, primals, tangents)
    The output tangent must be linear in the tangents. Zero tangents come filled in.
    """

    rule = None

    def defjvp(self, jvp, symbolic_zeros=False):
        """Set the rule (primals, tangents) -> (output, output tangent); returns it."""
        self.rule = jvp
        return jvp

    def defjvps(self, *rules):
        """One rule (tangent, output, *primals) -> output tangent per argument; None for an argument without effect."""
        fun = self

        def rule(primals, tangents):
            output = fun(*primals)
            total = None
            for one, tangent in zip(rules, tangents, strict=True):
                if one is not None:
                    term = one(tangent, output, *primals)
                    total = term if total is None else tree.map(lambda a, b: a + b, total, term)
            return output, tree.map(lambda leaf: zero_tangent(type_of(leaf)), output) if total is None else total

        return self.defjvp(rule)

    def __call__(self, *args, **kwargs):
        name = name_of(self.fun)
        if self.rule is None:
            raise AttributeError(
                f"No JVP defined for custom_jvp function {name} using defjvp. Write @{name}.defjvp above its rule."
            )
        static, dynamic, partial = self.split(self.positional(args, kwargs))
        leaves, structure = flatten_args(partial, dynamic, purpose="custom_jvp")
        flat = Flat(partial, structure)

        def rule(primals, tangents):
            pair = self.rule(*static, structure.unflatten(primals), structure.unflatten(tangents))
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"the JVP rule of {name} must return a pair (output, output tangent), got {pair!r}.")
            outputs, flat.output_structure = tree.flatten(pair[0])
            output_tangents = rule_output(pair[1], flat.output_structure, "the output tangent of the JVP rule", name)
            for output, tangent in zip(outputs, output_tangents):
                check_rule_type(output, tangent, f"the JVP rule of {name}")
            return outputs, output_tangents

        outputs = custom_jvp_call(*leaves, function=flat, rule=rule, name=name)
        return flat.output_structure.unflatten(outputs)


def check_rule_type(primal, tangent, what):
    if is_float0(tangent):
        return
    primal_type, tangent_type = type_of(primal), type_of(check_leaf(tangent, what))
    if primal_type.shape != tangent_type.shape:
        raise TypeError(
            f"{what} must give tangents of the type of its primals, but gave a primal of type {primal_type} "
            f"with a tangent of type {tangent_type}."
        )


# ----------------------------------------------------------------------------------------------------- custom_vjp


def custom_vjp_linearize(operands, tangents, *, function, forward, backward, name):
    """Run the forward rule now; leave its backward rule on the tape."""
    outputs, residuals = forward(operands)
    active = tuple([tangent is not None for tangent in tangents])
    moved = custom_vjp_tangents(
        *residuals,
        *[tangent for tangent in tangents if tangent is not None],
        backward=backward,
        active=active,
        input_types=tuple([type_of(operand).strong() for operand in operands]),
        types=tuple([type_of(output).strong() for output in outputs]),
        name=name,
    )
    return outputs, [t if is_differentiable(type_of(o).dtype) else None for o, t in zip(outputs, moved)]


def custom_vjp_tangents_transpose(cotangents, operands, linear, *, backward, active, input_types, types, name):
    residuals = operands[: len(operands) - sum(active)]
    filled = [zero_tangent(type_) if c is None else c for c, type_ in zip(cotangents, types)]
    results = backward(residuals, filled)
    moving = [None if result is None or is_float0(result) else result for result, flag in zip(results, active) if flag]
    return [None] * len(residuals) + moving


def custom_vjp_tangents_batch(axis, operands, mapped_axes, *, backward, active, input_types, types, name):
    raise TypeError(f"forward-mode differentiation (jvp) of the custom_vjp function {name} is not defined.")


custom_vjp_tangents = Primitive(
    "custom_vjp_tangents",
    output_type=lambda *operand_types, types, **params: types,
    evaluate=refuse("can't apply forward-mode differentiation (jvp) to a custom_vjp function; use custom_jvp."),
    jvp=refuse("can't apply forward-mode differentiation (jvp) to a custom_vjp function; use custom_jvp."),
    linearize=refuse("can't apply forward-mode differentiation (jvp) to a custom_vjp function; use custom_jvp."),
    transpose=custom_vjp_tangents_transpose,
    batch=custom_vjp_tangents_batch,
    multiple_outputs=True,
    holds_programs=True,
)


def custom_vjp_batch(axis, operands, mapped_axes, *, function, forward, backward, name):
    residual_axes = []

    def batched_forward(values):
        counts = []

        def flat(*inner):
            outputs, residuals = forward(inner)
            counts[:] = [len(outputs)]
            return list(outputs) + list(residuals)

        results, places = batch(flat, axis, values, mapped_axes)
        (count,) = counts
        outputs = [materialize(result, place, 0, axis.size) for result, place in zip(results[:count], places)]
        residual_axes[:] = places[count:]
        return outputs, results[count:]

    def batched_backward(residuals, cotangents):
        given = []

        def flat(*inner):
            results = backward(inner[: len(residuals)], fill_float0(inner[len(residuals) :], cotangents))
            given[:] = [result is not None and not is_float0(result) for result in results]
            return [result for result, flag in zip(results, given) if flag]

        kept = [cotangent for cotangent in cotangents if not is_float0(cotangent)]
        axes = list(residual_axes) + [0] * len(kept)
        results, places = batch(flat, axis, [*residuals, *kept], axes)
        found = iter(zip(results, places))
        return [to_input(*next(found), wanted, axis) if flag else None for flag, wanted in zip(given, mapped_axes)]

    outputs = custom_vjp_call(
        *operands,
        function=mapped_to_front(function, axis, mapped_axes),
        forward=batched_forward,
        backward=batched_backward,
        name=name,
    )
    return outputs, (0,) * len(outputs)


def fill_float0(values, like):
    """The values with the float0 entries of `like` put back between them."""
    remaining = iter(values)
    return [np.zeros(each.shape[1:], FLOAT0) if is_float0(each) else next(remaining) for each in like]


def to_input(cotangent, place, wanted, axis):
    """A batched cotangent as the input was: mapped along `wanted`, or summed over examples for an unmapped input."""
    if wanted is not None:
        return materialize(cotangent, place, wanted, axis.size)
    if place is None:
        return cotangent * axis.size
    return reduce_sum(cotangent, axes=(place,))


def skip_leading_forward(forward, skip):
    return lambda operands: forward(operands[skip:])


def skip_leading_backward(backward, skip):
    return lambda residuals, cotangents: [None] * skip + list(backward(residuals, cotangents))


custom_vjp_call = Primitive(
    "custom_vjp_call",
    output_type=lambda *types, function, forward, backward, name: function.output_types,
    evaluate=lambda *operands, function, forward, backward, name: run(function, operands),
    jvp=refuse("can't apply forward-mode differentiation (jvp) to a custom_vjp function; use custom_jvp."),
    linearize=custom_vjp_linearize,
    transpose=refuse("a custom_vjp function is not linear"),
    batch=custom_vjp_batch,
    multiple_outputs=True,
    holds_programs=True,
    close=lambda operands, params: close_function(
        operands, params, {"forward": skip_leading_forward, "backward": skip_leading_backward}
    ),
)


class custom_vjp(Custom):
    """A function with its own reverse rule.

        @custom_vjp
        def f(x, y): ...
        def f_fwd(x, y): ...; return output, residuals
        def f_bwd(residuals, cotangent): ...; return (cotangent of x, cotangent of y)
        f.defvjp(f_fwd, f_bwd)

    nondiff_argnums     positions passed to bwd first, as they are: bwd(*nondiff, residuals, cotangent)
    A cotangent may be None for zero. Forward mode (jvp, jacfwd, hessian's outer half) is refused.
    """

    forward = None

    def defvjp(self, fwd, bwd, symbolic_zeros=False, optimize_remat=False):
        """Set both rules."""
        self.forward, self.backward = fwd, bwd

    def __call__(self, *args, **kwargs):
        name = name_of(self.fun)
        if self.forward is None:
            raise AttributeError(
                f"No VJP defined for custom_vjp function {name} using defvjp. "
                f"Write {name}.defvjp({name}_fwd, {name}_bwd)."
            )
        args = self.positional(args, kwargs)
        static, dynamic, partial = self.split(args)
        leaves, structure = flatten_args(partial, dynamic, purpose="custom_vjp")
        flat = Flat(partial, structure)
        nondiff = {number % len(args) for number in self.nondiff_argnums}
        found = {}

        def forward(operands):
            values = iter(structure.unflatten(operands))
            merged = [args[number] if number in nondiff else next(values) for number in range(len(args))]
            pair = self.forward(*merged)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"the forward rule of {name} must return a pair (output, residuals), got {pair!r}.")
            outputs, flat.output_structure = tree.flatten(pair[0])
            residuals, found["structure"] = tree.flatten(pair[1])
            return outputs, residuals

        def backward(residuals, cotangents):
            residuals = found["structure"].unflatten(residuals)
            result = self.backward(*static, residuals, flat.output_structure.unflatten(cotangents))
            return flatten_cotangents(result, structure, dynamic, name)

        outputs = custom_vjp_call(*leaves, function=flat, forward=forward, backward=backward, name=name)
        return flat.output_structure.unflatten(outputs)


def flatten_cotangents(result, structure, dynamic, name):
    """One cotangent (or None) per leaf of the differentiated arguments."""
    if not isinstance(result, (tuple, list)) or len(result) != len(dynamic):
        raise TypeError(
            f"Custom VJP bwd rule of {name} must produce a tuple with one cotangent per differentiated argument "
            f"({len(dynamic)}), but got {result!r}."
        )
    leaves = []
    for position, (cotangent, argument) in enumerate(zip(result, dynamic)):
        arguments, own = tree.flatten(argument)
        if cotangent is None:
            leaves += [None] * len(arguments)
            continue
        values, found = tree.flatten(cotangent, is_leaf=lambda node: node is None)
        if found != tree.structure(argument, is_leaf=lambda node: node is None) and len(values) != len(arguments):
            raise TypeError(
                f"Custom VJP bwd rule of {name} must give cotangent {position} the structure of the argument {own}, "
                f"but got {found}."
            )
        for value, leaf in zip(values, arguments):
            if value is not None and not is_float0(value) and type_of(value).shape != type_of(leaf).shape:
                raise TypeError(
                    f"Custom VJP bwd rule of {name} must produce a cotangent with the shape of the argument: argument "
                    f"{position} has type {type_of(leaf)}, its cotangent type {type_of(value)}."
                )
        leaves += values
    return leaves


# ----------------------------------------------------------------------------------------------------- custom_vmap


def custom_vmap_jvp(operands, tangents, *, function, rule, name):
    """Forward mode of a function with its own batch rule: differentiate function and rule alike."""
    active = [tangent is not None for tangent in tangents]
    found = {}

    def pushed(function):
        def flat(*values):
            moving = iter(values[len(active) :])
            outputs, output_tangents = jvp(
                lambda *inner: run(function, inner),
                values[: len(active)],
                [next(moving) if flag else None for flag in active],
            )
            found["moving"] = [tangent is not None for tangent in output_tangents]
            return list(outputs) + [tangent for tangent in output_tangents if tangent is not None]

        return flat

    def pushed_rule(axis_size, mapped, values):
        marks = {}

        def flat(*inner):
            outputs, marks["mapped"] = rule(axis_size, mapped[: len(active)], inner)
            return outputs

        results = pushed(flat)(*values)
        count = len(found["moving"])
        moving = [flag for flag, moves in zip(marks["mapped"], found["moving"]) if moves]
        return results, list(marks["mapped"][:count]) + moving

    kept = [tangent for tangent in tangents if tangent is not None]
    results = custom_vmap_call(*operands, *kept, function=pushed(function), rule=pushed_rule, name=f"jvp({name})")
    count = len(found["moving"])
    moved = iter(results[count:])
    return results[:count], [next(moved) if flag else None for flag in found["moving"]]


def custom_vmap_inline(operands, tangents, *, function, rule, name):
    """Reverse mode differentiates the function itself."""
    return jvp(lambda *values: run(function, values), operands, tangents)


def custom_vmap_batch(axis, operands, mapped_axes, *, function, rule, name):
    mapped = [place is not None for place in mapped_axes]
    moved = [
        operand if place is None else move_axis(operand, place, 0) for operand, place in zip(operands, mapped_axes)
    ]
    outputs, mapped_outputs = rule(axis.size, mapped, moved)
    return tuple(outputs), tuple([0 if flag else None for flag in mapped_outputs])


def skip_leading_vmap(rule, skip):
    return lambda axis_size, mapped, operands: rule(axis_size, mapped[skip:], operands[skip:])


custom_vmap_call = Primitive(
    "custom_vmap_call",
    output_type=lambda *types, function, rule, name: function.output_types,
    evaluate=lambda *operands, function, rule, name: run(function, operands),
    jvp=custom_vmap_jvp,
    linearize=custom_vmap_inline,
    transpose=refuse("a custom_vmap function is differentiated before it is transposed"),
    batch=custom_vmap_batch,
    multiple_outputs=True,
    holds_programs=True,
    close=lambda operands, params: close_function(operands, params, {"rule": skip_leading_vmap}),
)


class custom_vmap(Custom):
    """A function with its own batch rule.

        @custom_vmap
        def f(x, y): ...
        @f.def_vmap
        def f_vmap(axis_size, in_batched, x, y): ...; return output, output_batched

    in_batched and output_batched are trees of bools; batched arrays have the mapped axis in front.
    """

    rule = None

    def def_vmap(self, rule):
        """Set the rule; returns it."""
        self.rule = rule
        return rule

    def __call__(self, *args, **kwargs):
        name = name_of(self.fun)
        if self.rule is None:
            raise AttributeError(f"No batching rule defined for custom_vmap function {name} using def_vmap.")
        args = self.positional(args, kwargs)
        leaves, structure = flatten_args(self.fun, args, purpose="custom_vmap")
        flat = Flat(self.fun, structure)

        def rule(axis_size, mapped, operands):
            pair = self.rule(axis_size, list(structure.unflatten(mapped)), *structure.unflatten(operands))
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"the vmap rule of {name} must return a pair (output, output_batched), got {pair!r}.")
            outputs, flat.output_structure = tree.flatten(pair[0])
            return outputs, tree.broadcast_prefix(pair[1], flat.output_structure)

        outputs = custom_vmap_call(*leaves, function=flat, rule=rule, name=name)
        return flat.output_structure.unflatten(outputs)
