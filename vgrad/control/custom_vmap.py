"""custom_vmap: a function with its own batch rule.

Relies on custom.
"""

from vgrad import tree
from vgrad.control.custom import Custom, close_function, run
from vgrad.core.functions import Flat, flatten_args, name_of
from vgrad.core.primitive import STRUCTURAL, Primitive, refuse
from vgrad.primitives.broadcasting import move_axis
from vgrad.transforms.jvp import jvp


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
    lower=STRUCTURAL,
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
