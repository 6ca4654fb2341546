"""The transformations as users call them: pytrees in, pytrees out, with JAX's names, signatures and error texts.

Relies on everything below. Each function flattens, runs one transform, and unflattens.
"""

import functools
import inspect

import numpy as np

from vgrad import tree
from vgrad.config import config
from vgrad.control.call import call
from vgrad.core.functions import Flat, check_leaf, flatten_args, leaf_names, name_of
from vgrad.core.interpreter import Tracer, is_evaluating, state
from vgrad.core.types import PYTHON_SCALARS, ArrayType, is_differentiable, type_of
from vgrad.primitives.broadcasting import reshape_to
from vgrad.primitives.shape import slice_axis
from vgrad.transforms import batch as batching
from vgrad.transforms import jvp as forward
from vgrad.transforms import linearize as linearizing
from vgrad.transforms import transpose as transposing
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.stage import stage

FLOAT0 = np.dtype([("float0", np.void, 0)])  # the dtype of tangents of integers and booleans: nothing


# ------------------------------------------------------------------------------------------------ the boundary


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
        elif isinstance(leaf, np.ndarray):
            if not leaf.flags.writeable or owner(leaf) in seen:
                leaf = leaf.copy()
            seen.add(owner(leaf))
        finished.append(leaf)
    return finished


def quiet(function):
    """NaN and Inf are values: no RuntimeWarning from NumPy inside a transformation."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return run


# ------------------------------------------------------------------------------------------------ reverse mode


def normalize_argnums(argnums, args, name):
    numbers = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"differentiating with respect to argnums={argnums} requires at least "
                f"{(max(numbers) + 1) if number >= 0 else -number} positional arguments to be passed by the caller, "
                f"but got only {len(args)} positional arguments."
            )
    return tuple([int(number) % len(args) for number in numbers])


def value_and_grad(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """A function that returns the value of `fun` and its gradient.

    argnums         the positional argument(s) to differentiate; an int, or a tuple for a tuple of gradients
    has_aux         `fun` returns (value, auxiliary); the result is ((value, auxiliary), gradient)
    holomorphic     `fun` is complex-differentiable; inputs and output are complex
    allow_int       integer inputs are allowed; their gradients have the empty dtype float0
    The gradient has the structure, shapes and dtypes of the argument.
    Errors: TypeError unless the output is a real scalar (complex with holomorphic) and the inputs are floats.
    Cost:   one run of `fun`, and about two more for the gradient, whatever the number of inputs.
    """

    @functools.wraps(fun)
    @quiet
    def value_and_grad_f(*args, **kwargs):
        positions = normalize_argnums(argnums, args, name_of(fun))
        wanted = [args[position] for position in positions]
        leaves, structure = flatten_args(fun, tuple(wanted), purpose="grad")
        for leaf in leaves:
            check_grad_input(leaf, holomorphic, allow_int)

        def partial(*values):
            replaced = list(args)
            for position, value in zip(positions, values):
                replaced[position] = value
            return fun(*replaced, **kwargs)

        flat = Flat(partial, structure, has_aux=has_aux)
        flat.function.__name__ = name_of(fun)
        active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
        outputs, linear = linearizing.linearize(flat, leaves, active)
        value = check_grad_output(fun, flat, outputs, holomorphic)
        value_type = type_of(value)
        seed = 1.0 if value_type.weak else value_type.dtype.type(1)
        cotangents = transposing.backward(linear, [seed] + [None] * (len(outputs) - 1))
        gradients = [
            zero_cotangent(leaf) if cotangent is None else cotangent for leaf, cotangent in zip(leaves, cotangents)
        ]
        finished = finish(outputs + gradients, tree.leaves((args, kwargs)))
        value, aux, gradients = finished[0], finished[1 : len(outputs)], finished[len(outputs) :]
        gradient = structure.unflatten(gradients)
        gradient = gradient[0] if isinstance(argnums, (int, np.integer)) else gradient
        if has_aux:
            return (value, flat.aux_structure.unflatten(aux)), gradient
        return value, gradient

    return value_and_grad_f


def grad(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """A function that returns the gradient of `fun`; with has_aux, (gradient, auxiliary). See value_and_grad."""
    both = value_and_grad(fun, argnums, has_aux, holomorphic, allow_int)

    @functools.wraps(fun)
    def grad_f(*args, **kwargs):
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad_f


def check_grad_input(leaf, holomorphic, allow_int):
    dtype = type_of(leaf).dtype
    if holomorphic and dtype.kind != "c":
        raise TypeError(
            f"grad with holomorphic=True requires inputs with complex dtype, but got {dtype.name}. "
            "Leave holomorphic=True out for real inputs."
        )
    if not is_differentiable(dtype) and not allow_int:
        raise TypeError(
            "grad requires real- or complex-valued inputs (input dtype that is a sub-dtype of np.inexact), but got "
            f"{dtype.name}. Write the input as a float (3.0, x.astype(float)). If you want to use Boolean- or "
            "integer-valued inputs, use vjp or set allow_int to True."
        )


def check_grad_output(fun, flat, outputs, holomorphic):
    if flat.count != 1 or flat.output_structure.num_nodes != 1:
        raise TypeError(
            f"Gradient only defined for scalar-output functions. Output was a {flat.output_structure}. "
            "Return one scalar, with has_aux=True for further outputs; use jacrev or vjp for several outputs."
        )
    type_ = type_of(outputs[0])
    if type_.shape != ():
        raise TypeError(
            f"Gradient only defined for scalar-output functions. Output had shape: {type_.shape}. "
            f"For one gradient per example write vmap(grad({name_of(fun)})); to differentiate a total write "
            "grad(lambda x: np.sum(f(x))); for all derivatives of all outputs write jacrev or jacfwd."
        )
    if holomorphic:
        if type_.dtype.kind != "c":
            raise TypeError(
                f"grad with holomorphic=True requires outputs with complex dtype, but got {type_.dtype.name}."
            )
    elif type_.dtype.kind == "c":
        raise TypeError(
            "grad requires real-valued outputs (output dtype that is a sub-dtype of np.floating), but got "
            f"{type_.dtype.name}. For holomorphic differentiation, pass holomorphic=True. For differentiation of "
            "non-holomorphic functions involving complex outputs, use vgrad.vjp directly."
        )
    elif type_.dtype.kind != "f":
        raise TypeError(
            "grad requires real-valued outputs (output dtype that is a sub-dtype of np.floating), but got "
            f"{type_.dtype.name}. If you want to use Boolean- or integer-valued outputs, use vgrad.vjp."
        )
    return outputs[0]


def zero_cotangent(leaf):
    type_ = type_of(leaf)
    return np.zeros(type_.shape, type_.dtype if is_differentiable(type_.dtype) else FLOAT0)


def vjp(fun, *primals, has_aux=False):
    """(outputs, vjp_fun), with has_aux (outputs, vjp_fun, aux). vjp_fun takes a cotangent like the outputs and returns
    a tuple of cotangents, one per primal.

    Cost: the values that the derivatives need are kept until vjp_fun is dropped; it may be called many times.
    """
    leaves, structure = flatten_args(fun, primals, purpose="vjp")
    flat = Flat(fun, structure, has_aux=has_aux)
    active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
    outputs, linear = quiet(linearizing.linearize)(flat, leaves, active)
    count, output_structure = flat.count, flat.output_structure
    output_types = [type_of(output) for output in outputs[:count]]
    linear.outputs = linear.outputs[:count]

    @quiet
    def vjp_fun(*cotangent):
        if len(cotangent) == 1:
            (cotangent,) = cotangent
        values = match_structure(cotangent, output_structure, output_types, "vjp: the cotangent", "outputs", fun)
        cotangents = transposing.backward(linear, values)
        results = [zero_cotangent(leaf) if value is None else value for leaf, value in zip(leaves, cotangents)]
        return structure.unflatten(finish(results, values))

    finished = finish(outputs, leaves)
    result = output_structure.unflatten(finished[:count])
    if has_aux:
        return result, vjp_fun, flat.aux_structure.unflatten(finished[count:])
    return result, vjp_fun


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


# ------------------------------------------------------------------------------------------------ forward mode


@quiet
def jvp(fun, primals, tangents, has_aux=False):
    """(outputs, output tangents) of `fun` at `primals` in the direction `tangents`; with has_aux also aux.

    Errors: TypeError unless primals and tangents are tuples or lists of the same structure, shapes and dtypes.
    Cost:   about two runs of `fun`; nothing is kept.
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise TypeError(
                f"primal and tangent arguments to vgrad.jvp must be tuples or lists; found {name} of type "
                f"{type(value).__name__}. Write jvp(f, (x,), (v,))."
            )
    primals, tangents = tuple(primals), tuple(tangents)
    leaves, structure = flatten_args(fun, primals, purpose="jvp")
    values = match_structure(tangents, structure, [type_of(leaf) for leaf in leaves], "jvp: tangents", "primals", fun)
    flat = Flat(fun, structure, has_aux=has_aux)
    outputs, output_tangents = forward.jvp(flat, leaves, values)
    filled = [
        zero_cotangent(output) if tangent is None else tangent
        for output, tangent in zip(outputs[: flat.count], output_tangents)
    ]
    finished = finish(outputs + filled, leaves + values)
    result = flat.output_structure.unflatten(finished[: flat.count])
    tangent = flat.output_structure.unflatten(finished[len(outputs) :])
    if has_aux:
        return result, tangent, flat.aux_structure.unflatten(finished[flat.count : len(outputs)])
    return result, tangent


def linearize(fun, *primals, has_aux=False):
    """(outputs, f_jvp): f_jvp maps tangents of the primals to tangents of the outputs without running `fun` again."""
    leaves, structure = flatten_args(fun, primals, purpose="linearize")
    flat = Flat(fun, structure, has_aux=has_aux)
    active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
    outputs, linear = quiet(linearizing.linearize)(flat, leaves, active)
    count, output_structure = flat.count, flat.output_structure
    types = [type_of(leaf) for leaf in leaves]

    @quiet
    def f_jvp(*tangents):
        values = match_structure(tangents, structure, types, "linearize: tangents", "primals", fun)
        results = linear(values)[:count]
        filled = [zero_cotangent(output) if tangent is None else tangent for output, tangent in zip(outputs, results)]
        return output_structure.unflatten(finish(filled, values))

    finished = finish(outputs, leaves)
    result = output_structure.unflatten(finished[:count])
    if has_aux:
        return result, f_jvp, flat.aux_structure.unflatten(finished[count:])
    return result, f_jvp


def linear_transpose(fun, *primals):
    """The transpose of a linear `fun`: a function from a cotangent of the output to a tuple of cotangents.

    primals     arrays or ShapeDtypeStructs; only their types matter
    Errors:     TypeError when `fun` applies an operation that is not linear.
    """
    leaves, structure = tree.flatten(primals)
    types = [type_of(leaf).strong() for leaf in leaves]
    flat = Flat(fun, structure)
    abstract = eval_shape(fun, *primals)
    output_types, output_structure = tree.flatten(abstract)

    @quiet
    def transposed(cotangent):
        values = match_structure(
            cotangent,
            output_structure,
            [type_of(t) for t in output_types],
            "linear_transpose: the cotangent",
            "output",
            fun,
        )
        results = transposing.transpose(flat, types, [True] * len(types), values)
        filled = [zero_cotangent(type_) if value is None else value for type_, value in zip(types, results)]
        return structure.unflatten(finish(filled, values))

    return transposed


# ------------------------------------------------------------------------------------------------ vmap


def vmap(fun, in_axes=0, out_axes=0, axis_name=None, axis_size=None):
    """`fun` for all examples at once.

    in_axes     which axis of each argument counts the examples: an int, None for an argument that is the same for
                all, or a tuple with one entry (a pytree prefix) per positional argument. Negative axes count from the end.
                Keyword arguments are mapped along axis 0.
    out_axes    where the examples' axis goes in the outputs: an int, or a pytree prefix of the output
    axis_name   name for collectives inside `fun` (lax.psum, ...)
    axis_size   number of examples; needed only when no argument is mapped
    Errors: ValueError when sizes disagree (names the arguments), when in_axes does not fit, when out_axes is None for an
            output that differs between examples.
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
                        f"at vmap out_axes, got axis spec None but output was batched on axis {mapped_axis}: the output "
                        f"of {name_of(fun)} of type {type_of(output)} differs between examples. Write out_axes=0."
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
            "vmap must have at least one non-None value in in_axes, or axis_size given: nothing is mapped in the call of "
            f"{name_of(fun)}."
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


# ------------------------------------------------------------------------------------------------ Jacobians


def basis(leaves):
    """For each leaf, one direction per element of all leaves: arrays of shape (total, *leaf.shape)."""
    types = [type_of(leaf) for leaf in leaves]
    total = sum(type_.size for type_ in types)
    result, start = [], 0
    for type_ in types:
        directions = np.zeros((total, type_.size), type_.dtype)
        directions[start : start + type_.size] = np.eye(type_.size, dtype=type_.dtype)
        result.append(directions.reshape((total,) + type_.shape))
        start += type_.size
    return result, types, total


def split_basis(value, types, axis):
    """A result over the basis, `axis` 0 or -1 the basis' axis, as one array per basis leaf with that leaf's shape."""
    parts, start = [], 0
    shape = type_of(value).shape
    rest = shape[1:] if axis == 0 else shape[:-1]
    for type_ in types:
        part = slice_axis(value, axis % len(shape), start, start + type_.size)
        parts.append(reshape_to(part, type_.shape + rest if axis == 0 else rest + type_.shape))
        start += type_.size
    return parts


def selected(fun, argnums, args, kwargs, name):
    """(flat leaves, structure, function of the selected arguments)."""
    positions = normalize_argnums(argnums, args, name_of(fun))
    leaves, structure = flatten_args(fun, tuple([args[position] for position in positions]), purpose=name)

    def partial(*values):
        replaced = list(args)
        for position, value in zip(positions, values):
            replaced[position] = value
        return fun(*replaced, **kwargs)

    partial.__name__ = name_of(fun)
    return leaves, structure, partial


def check_jacobian_dtype(name, what, value, holomorphic):
    dtype = type_of(value).dtype
    if holomorphic and dtype.kind != "c":
        raise TypeError(f"{name} with holomorphic=True requires {what} with complex dtype, but got {dtype.name}.")
    if not holomorphic and dtype.kind != "f":
        hint = " For holomorphic differentiation, pass holomorphic=True." if dtype.kind == "c" else ""
        raise TypeError(
            f"{name} requires real-valued {what} ({what[:-1]} dtype that is a sub-dtype of np.floating), but got "
            f"{dtype.name}.{hint}"
        )


def jacfwd(fun, argnums=0, has_aux=False, holomorphic=False):
    """The Jacobian of `fun` by forward mode, one direction per input element, all at once.

    Shapes: output.shape + input.shape for each pair of leaves; the output's tree holds trees like the input.
    Cost:   about one run of `fun` on arrays larger by the number of input elements. For many inputs and few outputs
            use jacrev.
    """

    @functools.wraps(fun)
    @quiet
    def jacfwd_f(*args, **kwargs):
        leaves, structure, partial = selected(fun, argnums, args, kwargs, "jacfwd")
        for leaf in leaves:
            check_jacobian_dtype("jacfwd", "inputs", leaf, holomorphic)
        directions, types, total = basis(leaves)
        flat = Flat(partial, structure, has_aux=has_aux)
        known = []

        def push(*tangents):
            outputs, output_tangents = forward.jvp(flat, leaves, tangents)
            known[:] = outputs
            filled = zip(outputs[: flat.count], output_tangents)
            return [zero_cotangent(o) if t is None else t for o, t in filled] + outputs[flat.count :]

        axis = batching.MappedAxis(None, total)
        results, places = batching.batch(push, axis, directions, [0] * len(directions))
        jacobians = []
        for result, place in list(zip(results, places))[: flat.count]:
            check_jacobian_dtype("jacfwd", "outputs", result, holomorphic)
            last = type_of(result).ndim - (place is not None)
            jacobians += split_basis(batching.materialize(result, place, last, total), types, -1)
        finished = finish(jacobians, leaves)
        jacobian = nest_jacobian(flat.output_structure, structure, finished, len(types), argnums)
        return (jacobian, flat.aux_structure.unflatten(finish(results[flat.count :], leaves))) if has_aux else jacobian

    return jacfwd_f


def nest_jacobian(output_structure, structure, jacobians, inputs, argnums):
    """Jacobians listed output by output, input by input, as a tree of outputs that holds trees of inputs."""
    rows = []
    for start in range(0, len(jacobians), inputs) if inputs else [0] * output_structure.num_leaves:
        row = structure.unflatten(jacobians[start : start + inputs])
        rows.append(row[0] if isinstance(argnums, (int, np.integer)) else row)
    return output_structure.unflatten(rows)


def jacrev(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """The Jacobian of `fun` by reverse mode, one run backward per output element, all at once. Shapes as jacfwd.

    Cost: about one run backward on arrays larger by the number of output elements. For few inputs use jacfwd.
    """

    @functools.wraps(fun)
    @quiet
    def jacrev_f(*args, **kwargs):
        leaves, structure, partial = selected(fun, argnums, args, kwargs, "jacrev")
        for leaf in leaves:
            if not allow_int or is_differentiable(type_of(leaf).dtype):
                check_jacobian_dtype("jacrev", "inputs", leaf, holomorphic)
        flat = Flat(partial, structure, has_aux=has_aux)
        active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
        outputs, linear = linearizing.linearize(flat, leaves, active)
        linear.outputs = linear.outputs[: flat.count]
        for output in outputs[: flat.count]:
            check_jacobian_dtype("jacrev", "outputs", output, holomorphic)
        directions, types, total = basis(outputs[: flat.count])

        def pull(*cotangents):
            pulled = transposing.backward(linear, cotangents)
            return [zero_cotangent(leaf) if value is None else value for leaf, value in zip(leaves, pulled)]

        axis = batching.MappedAxis(None, total)
        results, places = batching.batch(pull, axis, directions, [0] * len(directions))
        columns = [
            split_basis(batching.materialize(result, place, 0, total), types, 0)
            for result, place in zip(results, places)
        ]
        jacobians = [column[number] for number in range(flat.count) for column in columns]
        jacobian = nest_jacobian(flat.output_structure, structure, finish(jacobians, leaves), len(leaves), argnums)
        return (jacobian, flat.aux_structure.unflatten(finish(outputs[flat.count :], leaves))) if has_aux else jacobian

    return jacrev_f


jacobian = jacrev


def hessian(fun, argnums=0, has_aux=False, holomorphic=False):
    """The matrix of second derivatives of a scalar `fun`: forward over reverse. Shapes: input.shape twice."""
    return jacfwd(jacrev(fun, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)


# ------------------------------------------------------------------------------------------------ staging


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
                    f"jit got static_argnums={argnums}, but {name_of(fun)} has only {len(positional)} positional arguments."
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
    statics = StaticArguments(fun, static_argnums, static_argnames)
    cache = {}
    name = name_of(fun)

    @functools.wraps(fun)
    def jit_f(*args, **kwargs):
        if config.disable_jit:
            return fun(*args, **kwargs)
        static_key, traced, traced_kwargs, merge = statics.split(args, kwargs)
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
            jaxpr, outer_values, leaves, flat = quiet(traced_program)(fun, merge, traced, traced_kwargs, "jit")
            entry = (jaxpr, flat.output_structure)
            if not outer_values:  # what the function closes over belongs to this call alone
                cache[key] = entry
        jaxpr, output_structure = entry
        outputs = quiet(call)(*outer_values, *leaves, jaxpr=jaxpr, name=name)
        return output_structure.unflatten(finish(outputs, leaves))

    jit_f.clear_cache = cache.clear
    jit_f.cache_size = cache.__len__
    return jit_f


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


# ------------------------------------------------------------------------------------------------ settings, devices


def disable_jit(disable=True):
    """A context in which jit, scan, cond and while_loop run as plain Python: for debugging."""
    return config(disable_jit=disable)


def debug_nans(enable=True):
    """A context in which the first operation that gives a NaN raises FloatingPointError, with its name and types."""
    return config(debug_nans=enable)


def block_until_ready(pytree):
    """The tree itself: results are ready when a function returns. Here so that JAX code runs."""
    return pytree


def device_get(pytree):
    """The tree with NumPy arrays as leaves."""
    return tree.map(lambda leaf: leaf if isinstance(leaf, Tracer) else np.asarray(leaf), pytree)


def device_put(pytree, device=None):
    """The tree with NumPy arrays as leaves: there is one device, the CPU."""
    return device_get(pytree)


def default_backend():
    return "cpu"


def devices(backend=None):
    return ["cpu:0"]


def device_count(backend=None):
    return 1


local_device_count = device_count
