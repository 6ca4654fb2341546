"""custom_vjp: a function with its own reverse rule.

Relies on custom.
"""

import numpy as np

from vgrad import tree
from vgrad.control.custom import Custom, close_function, is_float0, mapped_to_front, run, zero_tangent
from vgrad.core.functions import Flat, flatten_args, name_of
from vgrad.core.primitive import STRUCTURAL, Primitive, refuse
from vgrad.core.types import FLOAT0, is_differentiable, type_of
from vgrad.primitives.broadcasting import reduce_sum
from vgrad.transforms.batch import batch, materialize


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
    lower=STRUCTURAL,
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
    lower=STRUCTURAL,
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
