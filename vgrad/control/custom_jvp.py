"""custom_jvp: a function with its own forward rule.

Relies on custom.
"""

import numpy as np

from vgrad import tree
from vgrad.control.custom import Custom, close_function, is_float0, mapped_to_front, run, zero_tangent
from vgrad.core.functions import Flat, check_leaf, flatten_args, name_of
from vgrad.core.primitive import STRUCTURAL, Primitive, refuse
from vgrad.core.types import type_of


def custom_jvp_tangents(operands, tangents, *, function, rule, name):
    """The user's rule on primals and tangents; zeros are filled in."""
    filled = [
        zero_tangent(type_of(operand)) if tangent is None else tangent for operand, tangent in zip(operands, tangents)
    ]
    outputs, output_tangents = rule(operands, filled)
    return outputs, [None if is_float0(tangent) else tangent for tangent in output_tangents]


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
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
    close=lambda operands, params: close_function(operands, params, {"rule": skip_leading_jvp}),
)


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
