"""Loops and branches on pytrees: scan, while_loop, fori_loop, cond, switch, map, stop_gradient.

Relies on control. Each flattens, stages the user's functions, checks that types fit, and binds one primitive.
"""

import numpy as np

from vgrad import tree
from vgrad.config import config
from vgrad.control import cond as branching
from vgrad.control import scan as scanning
from vgrad.control import while_loop as looping
from vgrad.control.implicit import custom_linear_solve, custom_root
from vgrad.control.programs import closed, same_type, with_outer_inputs
from vgrad.core.functions import Flat, check_leaf, finish, flatten_args, name_of, parameter_names, quiet
from vgrad.core.interpreter import NOT_CONCRETE, Tracer
from vgrad.core.types import BOOL, INT64, ArrayType, is_differentiable, promote, type_of
from vgrad.lax.associative import associative_scan
from vgrad.numpy.operands import stack_operands
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.comparison import clamp, lt, ne
from vgrad.primitives.elementwise import add
from vgrad.primitives.shape import concatenate, slice_axis
from vgrad.primitives.stop_gradient import stop_gradient as without_gradient
from vgrad.transforms.batch import MappedAxis, batch, materialize
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage

__all__ = [
    "associative_scan",
    "cond",
    "custom_linear_solve",
    "custom_root",
    "fori_loop",
    "map",
    "scan",
    "stop_gradient",
    "switch",
    "while_loop",
]

INDEX = ArrayType((), INT64, weak=True)  # of the number of a step, a Python integer


def describe(type_):
    """float64[3,2]: dtypes in full, as error texts about carries have them."""
    return f"{type_.dtype.name}[{','.join([str(length) for length in type_.shape])}]"


def differing(type_, other):
    """', so the dtypes do not match' or whatever else it is."""
    differences = ["dtypes"] * (type_.dtype != other.dtype) + ["shapes"] * (type_.shape != other.shape)
    return f", so the {' and the '.join(differences)} do not match"


def settled(type_, wanted):
    """Whether a weak type gives way to the wanted one without a change of kind: 0.0 where a float32 is expected."""
    return type_.weak and type_.shape == wanted.shape and type_.dtype.kind == wanted.dtype.kind


# ------------------------------------------------------------------------------------------------ bodies with a carry


class Body:
    """A loop's body as a flat function that is checked to hand on a carry of the type it got.

    function    flat values -> (carry tree, any tree)
    what        "scan", "while_loop", ...
    name        of the carry among the parameters of the user's function
    counts      True: the number of the step stands before the carry, and is handed on increased by one
    """

    def __init__(self, function, structure, what, name, counts=False):
        self.function = function
        self.structure = structure
        self.what = what
        self.name = name
        self.counts = counts

    def __call__(self, *values):
        carry, rest = self.function(*values)
        numbers, values = values[: self.counts], values[self.counts :]
        leaves, structure = tree.flatten(carry)
        if structure != self.structure:
            raise TypeError(
                f"{self.what} body function carry input and carry output must have the same pytree structure, but they "
                f"differ:\n\nThe input carry {self.name} has the structure {self.structure} but the carry output has "
                f"the structure {structure}.\n\nRevise the function so that the carry output has the same pytree "
                "structure as the carry input."
            )
        others, self.rest_structure = tree.flatten(rest)
        for leaf in leaves + others:
            check_leaf(leaf, f"output of the {self.what} body function")
        self.carry_types = [type_of(leaf) for leaf in leaves]
        carry_types = [type_of(value) for value in values[: len(leaves)]]
        settling = zip(leaves, self.carry_types, carry_types)
        leaves = [convert_to(leaf, own.dtype) if settled(type_, own) else leaf for leaf, type_, own in settling]
        self.carry_types = [type_of(leaf) for leaf in leaves]
        return [add(number, 1) for number in numbers] + leaves + others

    def stage(self, carry, rest_types):
        """(jaxpr, outer values, carry): weak leaves of the carry are promoted to what the body makes of them."""
        while True:
            types = [type_of(leaf) for leaf in carry]
            jaxpr, outer_values = stage(self, [INDEX] * self.counts + types + rest_types)
            if all([same_type(*pair) for pair in zip(types, self.carry_types)]):
                return jaxpr, outer_values, carry
            promoted = [
                promote(type_, made)[0] if type_.weak and type_.shape == made.shape else type_.dtype
                for type_, made in zip(types, self.carry_types)
            ]
            if promoted == [type_.dtype for type_ in types]:
                raise TypeError(self.mismatch(types))
            carry = [
                leaf if dtype == type_.dtype else convert_to(leaf, dtype)
                for leaf, type_, dtype in zip(carry, types, promoted)
            ]

    def mismatch(self, types):
        paths = [path for path, _ in tree.leaves_with_path(self.structure.unflatten(types))]
        lines = []
        for path, type_, made in zip(paths, types, self.carry_types):
            if not same_type(type_, made):
                component = f"component {self.name}{tree.keystr(path)}" if path else self.name
                lines.append(
                    f"The input carry {component} has type {describe(type_)} but the corresponding output carry "
                    f"component has type {describe(made)}{differing(type_, made)}."
                )
        differences = "\n\n".join(lines)
        return (
            f"{self.what} body function carry input and carry output must have equal types, but they differ:\n\n"
            f"{differences}\n\nRevise the function so that all output types match the corresponding input types."
        )


# --------------------------------------------------------------------------------------------------------------- scan


def row(value, number):
    """value[number], for arrays and tracers alike."""
    if not isinstance(value, Tracer):
        return value[number]
    return reshape_to(slice_axis(value, 0, number, number + 1), value.shape[1:])


def scan_length(xs, length, names):
    """Number of steps: the leading axis that all xs share, or `length`."""
    if not xs and length is None:
        raise ValueError("scan got no values to scan over and `length` not provided.")
    for x, name in zip(xs, names):
        if not type_of(x).shape:
            raise ValueError(
                f"scan got value with no leading axis to scan over: {name} of type {describe(type_of(x))}."
            )
    sizes = [type_of(x).shape[0] for x in xs]
    if len(set(sizes)) > 1:
        which = ", ".join([f"{name} has {size}" for name, size in zip(names, sizes)])
        raise ValueError(
            f"scan got values with different leading axis sizes: {', '.join([str(size) for size in sizes])} ({which})."
        )
    if length is not None and sizes and int(length) != sizes[0]:
        raise ValueError(
            f"scan got `length` argument of {int(length)} which disagrees with leading axis sizes {sorted(set(sizes))}."
        )
    length = sizes[0] if sizes else int(length)
    if length < 0:
        raise ValueError(f"scan got a negative length: {length}.")
    return length


@quiet
def scan(f, init, xs=None, length=None, reverse=False, unroll=1, _split_transpose=False):
    """(last carry, stacked ys) of `carry, y = f(carry, x)` run for each x in turn.

    f           takes the carry and a slice of xs, returns (carry, y); carry keeps structure, shapes and dtypes
    init        the first carry, any pytree; Python scalars take the dtype that `f` gives them
    xs          pytree of arrays, sliced along their leading axis; None with `length` given
    reverse     from the last x to the first; ys stand where their xs do
    unroll, _split_transpose    accepted so that JAX code runs; without effect
    Errors: TypeError when the carry changes type (names the leaf and both types); ValueError when leading axes differ.
    Cost:   one staged step, run `length` times. In reverse mode, what a step's derivatives need is stacked, except what
            does not depend on the step.
    """
    if not callable(f):
        raise TypeError("lax.scan: f argument should be a callable.")
    leaves, structure = flatten_args(f, (init, xs), purpose="lax.scan")
    carry_structure, xs_structure = tree.structure(init), tree.structure(xs)
    carry, slices = leaves[: carry_structure.num_leaves], leaves[carry_structure.num_leaves :]
    names = parameter_names(f, (init, xs), {})
    xs_names = [names[1] + tree.keystr(path) for path, _ in tree.leaves_with_path(xs)]
    length = scan_length(slices, length, xs_names)
    if config.disable_jit and length:
        return scan_in_python(f, init, slices, xs_structure, length, reverse)

    def function(*values):
        pair = f(*structure.unflatten(values))
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"scan body output must be a pair, got {pair!r}.")
        return pair

    body = Body(function, carry_structure, "scan", names[0])
    slice_types = [ArrayType(type_of(x).shape[1:], type_of(x).dtype) for x in slices]
    leaves_of_carry = carry
    carry, ys = bind_scan(body, carry, slices, slice_types, length, reverse)
    results = finish([*carry, *ys], [*leaves_of_carry, *slices])
    return carry_structure.unflatten(results[: len(carry)]), body.rest_structure.unflatten(results[len(carry) :])


def bind_scan(body, carry, xs, slice_types, length, reverse):
    """(last carry, ys) of the scan primitive on leaves."""
    jaxpr, outer_values, carry = body.stage(carry, slice_types)
    outputs = scanning.scan(
        *outer_values,
        *carry,
        *xs,
        jaxpr=jaxpr,
        length=length,
        reverse=bool(reverse),
        num_consts=len(outer_values),
        num_carry=len(carry),
    )
    return outputs[: len(carry)], outputs[len(carry) :]


def scan_in_python(f, carry, slices, xs_structure, length, reverse):
    ys = [None] * length
    for step in reversed(range(length)) if reverse else range(length):
        carry, ys[step] = f(carry, xs_structure.unflatten([row(x, step) for x in slices]))
    return carry, tree.map(lambda *rows: stack_operands(rows), *ys)


def map(f, xs, *, batch_size=None):  # noqa: A001 (the name of jax.lax.map)
    """`f` of each slice of xs along the leading axis, one after the other, results stacked.

    batch_size      so many slices at once, as by vmap
    Cost: the memory of one slice's (one batch's) intermediate values, when compiled at most that of xs once more.
    """
    if batch_size is None:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    leaves, structure = flatten_args(f, (xs,), purpose="lax.map")
    length = scan_length(leaves, None, [f"leaf {number}" for number in range(len(leaves))])
    flat = Flat(f, structure)

    def batched(values, size):
        outputs, places = batch(flat, MappedAxis(None, size), values, [0] * len(values))
        return [materialize(output, place, 0, size) for output, place in zip(outputs, places)]

    whole = length - length % batch_size
    stacked = [
        reshape_to(slice_axis(x, 0, 0, whole), (whole // batch_size, batch_size) + type_of(x).shape[1:]) for x in leaves
    ]
    _, outputs = scan(lambda _, values: ((), batched(values, batch_size)), (), stacked)
    outputs = [reshape_to(output, (whole,) + type_of(output).shape[2:]) for output in outputs]
    if whole != length:
        remaining = batched([slice_axis(x, 0, whole, length) for x in leaves], length - whole)
        outputs = [concatenate(*pair, axis=0) for pair in zip(outputs, remaining)]
    return flat.output_structure.unflatten(outputs)


# -------------------------------------------------------------------------------------------------------------- while


@quiet
def while_loop(cond_fun, body_fun, init_val):
    """The last value of `while cond_fun(val): val = body_fun(val)`, from val = init_val.

    cond_fun    value -> boolean scalar
    body_fun    value -> value of the same structure, shapes and dtypes
    Differentiable in forward mode; reverse mode is a ReverseModeError: use scan.
    Under vmap all examples run until the last is done; those done keep their value.
    Errors: TypeError when the value changes type (names the leaf and both types) or the condition is no boolean scalar.
    """
    if not (callable(cond_fun) and callable(body_fun)):
        raise TypeError("lax.while_loop: body_fun and cond_fun arguments should be callable.")
    if config.disable_jit:
        value = init_val
        while cond_fun(value):
            value = body_fun(value)
        return value
    carry, structure = flatten_args(body_fun, (init_val,), purpose="lax.while_loop")
    name = parameter_names(body_fun, (init_val,), {})[0]
    outputs = bind_while(
        lambda *values: cond_fun(*structure.unflatten(values)),
        Body(
            lambda *values: (body_fun(*structure.unflatten(values)), ()), tree.structure(init_val), "while_loop", name
        ),
        carry,
    )
    return structure.unflatten(finish(outputs, carry))[0]


def bind_while(condition, body, carry, numbers=()):
    """The last carry of the while primitive on leaves; `numbers` holds that of the first step if the body counts."""
    body_jaxpr, body_values, carry = body.stage(carry, [])

    def flat_condition(*values):
        result = condition(*values)
        leaves, structure = tree.flatten(result)
        if structure != tree.structure(0):
            raise TypeError(f"cond_fun must return a boolean scalar, but got pytree {structure}.")
        type_ = type_of(check_leaf(result, "output of cond_fun"))
        if type_.shape != () or type_.dtype != BOOL:
            raise TypeError(f"cond_fun must return a boolean scalar, but got output type {describe(type_)}.")
        return leaves

    types = [INDEX] * len(numbers) + [type_of(leaf) for leaf in carry]
    cond_jaxpr, cond_values = stage(flat_condition, types)
    outputs = looping.while_loop(
        *cond_values,
        *body_values,
        *numbers,
        *carry,
        cond_jaxpr=cond_jaxpr,
        body_jaxpr=body_jaxpr,
        cond_consts=len(cond_values),
        body_consts=len(body_values),
    )
    return outputs[len(numbers) :]


def known_value(value):
    """The value without derivatives, or NOT_CONCRETE."""
    return value.concrete() if isinstance(value, Tracer) else value


@quiet
def fori_loop(lower, upper, body_fun, init_val, *, unroll=None):
    """The last value of `for i in range(lower, upper): val = body_fun(i, val)`, from val = init_val.

    lower, upper    integers. When both are known it is a scan, with all derivatives; else a while_loop, whose
                    derivatives are those of forward mode
    unroll          accepted so that JAX code runs; without effect
    The index is a weak integer, as Python's own: float32 times i stays float32.
    """
    if not callable(body_fun):
        raise TypeError("lax.fori_loop: body_fun argument should be callable.")
    for bound in (lower, upper):
        type_ = type_of(bound)
        if type_.shape != () or type_.dtype.kind not in "iu":
            raise TypeError(
                "lower and upper arguments to fori_loop must be integer scalars, got "
                f"{describe(type_of(lower))} and {describe(type_of(upper))}."
            )
    if config.disable_jit and NOT_CONCRETE is not known_value(lower) and NOT_CONCRETE is not known_value(upper):
        value = init_val
        for i in range(int(known_value(lower)), int(known_value(upper))):
            value = body_fun(i, value)
        return value
    (_, *carry), structure = flatten_args(body_fun, (0, init_val), purpose="lax.fori_loop")
    name = parameter_names(body_fun, (0, init_val), {})[1]
    own = tree.structure(init_val)

    def step(i, *values):
        return body_fun(*structure.unflatten((i, *values))), ()

    if known_value(lower) is not NOT_CONCRETE and known_value(upper) is not NOT_CONCRETE:
        body = Body(lambda *values: step(values[-1], *values[:-1]), own, "fori_loop", name)
        steps = np.arange(int(known_value(lower)), int(known_value(upper)))
        outputs, _ = bind_scan(body, carry, [steps], [INDEX], len(steps), False)
    else:
        first, last = convert_to(lower, INT64), convert_to(upper, INT64)
        body = Body(step, own, "fori_loop", name, counts=True)
        outputs = bind_while(lambda i, *values: lt(i, last), body, carry, [first])
    return own.unflatten(finish(outputs, carry))


# ----------------------------------------------------------------------------------------------------------- branches

NO_OPERAND = object()


@quiet
def cond(pred, true_fun, false_fun, *operands, operand=NO_OPERAND, linear=None):
    """true_fun(*operands) if pred, else false_fun(*operands).

    pred        boolean scalar, or a number, true unless 0
    operand     in place of the operands, one operand by keyword
    linear      accepted so that JAX code runs; without effect
    Both functions are staged and must return the same structure, shapes and dtypes; only the one chosen is run. Under
    vmap with a `pred` that differs between examples both are run for all and each example takes its own.
    Errors: TypeError when outputs differ (names both functions and both types), or pred is not a scalar.
    """
    if operand is not NO_OPERAND:
        if operands:
            raise TypeError(
                f"if 'operand' keyword is passed then no positional operands can be passed, got {operands}."
            )
        operands = (operand,)
    if not (callable(true_fun) and callable(false_fun)):
        raise TypeError("lax.cond: true_fun and false_fun arguments should be callable.")
    try:
        type_ = type_of(pred)
    except TypeError:
        raise TypeError(f"Pred must be a scalar, got {pred!r} of type {type(pred)}.") from None
    if type_.shape != ():
        raise TypeError(f"Pred must be a scalar, got {pred} of shape {type_.shape}.")
    if type_.dtype.kind not in "biuf":
        raise TypeError(f"Pred type must be either boolean or number, got {describe(type_)}.")
    if config.disable_jit and known_value(pred) is not NOT_CONCRETE:
        return (true_fun if known_value(pred) else false_fun)(*operands)
    index = pred if type_.dtype == BOOL else ne(pred, 0)
    return bind_cond(index, [false_fun, true_fun], ["false_fun", "true_fun"], operands)


@quiet
def switch(index, branches, *operands, operand=NO_OPERAND):
    """branches[index](*operands), the index clamped to range(len(branches)). Otherwise as cond."""
    branches = list(branches)
    if operand is not NO_OPERAND:
        if operands:
            raise TypeError(
                f"if 'operand' keyword is passed then no positional operands can be passed, got {operands}."
            )
        operands = (operand,)
    if not all([callable(branch) for branch in branches]):
        raise TypeError("lax.switch: branches argument should be a sequence of callables.")
    type_ = type_of(index)
    if type_.shape != ():
        raise TypeError(f"Branch index must be scalar, got {index} of shape {type_.shape}.")
    if type_.dtype.kind not in "iu":
        raise TypeError(f"Index type must be an integer, got {index} as {type_.dtype.name}.")
    if not branches:
        raise ValueError("Empty branch sequence")
    if len(branches) == 1:
        return branches[0](*operands)
    if config.disable_jit and known_value(index) is not NOT_CONCRETE:
        return branches[min(max(int(known_value(index)), 0), len(branches) - 1)](*operands)
    names = [f"branch {number}" for number in range(len(branches))]
    return bind_cond(clamp(0, index, len(branches) - 1), branches, names, operands)


def bind_cond(index, functions, names, operands):
    """The outputs of the cond primitive, unflattened."""
    staged = []
    for function in functions:
        leaves, structure = flatten_args(function, operands, purpose="lax.cond")
        flat = Flat(function, structure)
        staged.append((*stage(flat, [type_of(leaf) for leaf in leaves]), flat.output_structure))
    titles = [f"{name} is {name_of(function)}" for name, function in zip(names, functions)]
    # the first-named branch of cond is its true_fun
    order = list(reversed(range(len(functions)))) if names[0] == "false_fun" else list(range(len(functions)))
    reference = order[0]
    for number in order[1:]:
        check_branches(names, titles, staged, reference, number)
    every_value = list({id(value): value for _, values, _ in staged for value in values}.values())
    programs = [with_outer_inputs(jaxpr, values, every_value) for jaxpr, values, _ in staged]
    outputs = branching.cond(index, *every_value, *leaves, branches=tuple(settle_outputs(programs)))
    return staged[0][2].unflatten(finish(outputs, [*every_value, *leaves]))


def fits(type_, other):
    return same_type(type_, other) or settled(type_, other) or settled(other, type_)


def check_branches(names, titles, staged, first, other):
    (one, _, structure), (two, _, other_structure) = staged[first], staged[other]
    heading = f"{titles[first]}\n{titles[other]}"
    if structure != other_structure:
        raise TypeError(
            f"cond branch outputs must have the same pytree structure, but they differ:\n\n{heading}\n\n"
            f"{names[first]} output has the structure {structure} but {names[other]} output has the structure "
            f"{other_structure}.\n\nRevise {names[first]} and/or {names[other]} so that they have the same pytree "
            "structure."
        )
    paths = [path for path, _ in tree.leaves_with_path(structure.unflatten(one.output_types))]
    for path, type_, other_type in zip(paths, one.output_types, two.output_types):
        if not fits(type_, other_type):
            place = f" at path {tree.keystr(path)}" if path else ""
            raise TypeError(
                f"cond branches must have equal output types but they differ.\n\n{heading}\n\nThe output of "
                f"{names[first]}{place} has type {describe(type_)} but the corresponding output of {names[other]} has "
                f"type {describe(other_type)}{differing(type_, other_type)}.\n\nRevise {names[first]} and/or "
                f"{names[other]} so that all output types match."
            )


def settle_outputs(programs):
    """The programs with weak outputs converted where another program's output is strong."""
    dtypes = [promote(*types)[0] for types in zip(*[program.output_types for program in programs])]

    def converted(program):
        if [type_.dtype for type_ in program.output_types] == dtypes:
            return program
        return closed(
            lambda *values: [convert_to(output, dtype) for output, dtype in zip(evaluate(program, *values), dtypes)],
            program.input_types,
        )

    return [converted(program) for program in programs]


# -------------------------------------------------------------------------------------------------------- derivatives


def stop_gradient(x):
    """x as it is, without a derivative: the gradient of what is computed from it is zero. x is any pytree."""

    def stopped(leaf):
        is_array = isinstance(leaf, Tracer) and is_differentiable(leaf.dtype)
        return without_gradient(leaf) if is_array else leaf

    return tree.map(stopped, x)
