"""All derivatives of all outputs: jacfwd, jacrev, hessian.

Relies on boundary and transforms.
"""

import functools

import numpy as np

from vgrad.api.boundary import filled, selected
from vgrad.core.functions import Flat, finish, quiet
from vgrad.core.types import is_differentiable, type_of
from vgrad.primitives.broadcasting import reshape_to
from vgrad.primitives.shape import slice_axis
from vgrad.transforms import batch as batching
from vgrad.transforms import jvp as forward
from vgrad.transforms import linearize as linearizing
from vgrad.transforms import transpose as transposing


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
        leaves, structure, partial, _ = selected(fun, argnums, args, kwargs, "jacfwd")
        for leaf in leaves:
            check_jacobian_dtype("jacfwd", "inputs", leaf, holomorphic)
        directions, types, total = basis(leaves)
        flat = Flat(partial, structure, has_aux=has_aux)
        known = []

        def push(*tangents):
            outputs, output_tangents = forward.jvp(flat, leaves, tangents)
            known[:] = outputs
            pairs = zip(output_tangents, outputs[: flat.count])
            return [filled(*pair) for pair in pairs] + outputs[flat.count :]

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
        leaves, structure, partial, _ = selected(fun, argnums, args, kwargs, "jacrev")
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
            return [filled(value, leaf) for leaf, value in zip(leaves, pulled)]

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
