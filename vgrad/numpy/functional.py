"""Functions of functions: vectorize, apply_along_axis, apply_over_axes, by vmap.

Relies on transforms.batch and numpy.operands.
"""

import functools
import re

import numpy as np

from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axis_of, operand
from vgrad.primitives.broadcasting import move_axis, reshape_to
from vgrad.transforms.batch import MappedAxis, batch, materialize

__all__ = ["apply_along_axis", "apply_over_axes", "vectorize"]


def map_over(function, lengths, values, loops):
    """Run a flat function for all indices of loops of these lengths, one vmap in the other; a list of outputs.

    loops   for each value, which of the loops it has as its leading axes, in order
    """
    lengths = dict(enumerate(lengths))

    def run(number, values):
        if number == len(lengths):
            return function(*values)
        axis = MappedAxis(None, lengths[number])
        mapped = [0 if number in own else None for own in loops]
        outputs, places = batch(lambda *inner: run(number + 1, inner), axis, values, mapped)
        return [materialize(output, place, 0, axis.size) for output, place in zip(outputs, places)]

    return run(0, values)


# ------------------------------------------------------------------------------------------------------------ vectorize


def read_signature(signature):
    """((core axes of each argument), (core axes of each output)) of "(n),(n,m)->(m)"."""
    sides = re.sub(r"\s", "", signature).split("->")
    group = r"\((?:\w+(?:,\w+)*)?\)"
    if len(sides) != 2 or not all([re.fullmatch(f"{group}(,{group})*", side) for side in sides]):
        raise ValueError(f"vectorize: not a valid signature: {signature!r}. Write for example '(n),(n,m)->(m)'.")
    return [[tuple(re.findall(r"\w+", core)) for core in re.findall(group, side)] for side in sides]


def check_core(name, core, shape, sizes):
    """Compare the sizes of core axes with those known, and remember new ones."""
    if len(shape) < len(core):
        raise ShapeError(f"vectorize: {name} of shape {shape} has no axes for its core dimensions ({', '.join(core)}).")
    own = shape[len(shape) - len(core) :]
    for label, size in zip(core, own):
        expected = int(label) if label.isdigit() else sizes.setdefault(label, size)
        if size != expected:
            raise ShapeError(
                f"vectorize: {name} of shape {shape} has size {size} for core dimension {label}, which is {expected}."
            )


def vectorize(pyfunc=None, *, otypes=None, doc=None, excluded=frozenset(), cache=False, signature=None):
    """A function of arrays that runs `pyfunc` on all their elements, or on all parts of the shapes in `signature`.

    signature   core axes of arguments and outputs, such as "(n),(n)->()"; axes before them broadcast. Default: scalars
    excluded    positions and names of arguments that are handed over as they are
    `pyfunc` is run once, under vmap. otypes and cache are accepted and ignored.
    Errors: ShapeError where shapes do not fit the signature or do not broadcast.
    """
    if pyfunc is None:
        return functools.partial(vectorize, otypes=otypes, doc=doc, excluded=excluded, cache=cache, signature=signature)
    cores = read_signature(signature) if signature is not None else None

    @functools.wraps(pyfunc)
    def vectorized(*args, **kwargs):
        names = [key for key in range(len(args)) if key not in excluded]
        names += [key for key in kwargs if key not in excluded]
        values = [operand(args[key] if isinstance(key, int) else kwargs[key], "vectorize") for key in names]
        input_cores, output_cores = cores or ([()] * len(names), None)
        if len(input_cores) != len(values):
            raise TypeError(f"vectorize: signature {signature!r} has {len(input_cores)} arguments, got {len(values)}.")
        sizes = {}
        for key, core, value in zip(names, input_cores, values):
            check_core(f"argument {key}", core, type_of(value).shape, sizes)

        def run(*parts):
            given = dict(zip(names, parts))
            output = pyfunc(
                *[given.get(place, value) for place, value in enumerate(args)],
                **{key: given.get(key, value) for key, value in kwargs.items()},
            )
            return output_parts(output, output_cores, sizes, structure)

        structure = []
        results = spread(run, values, [len(core) for core in input_cores])
        return tuple(results) if structure[0] else results[0]

    if doc is not None:
        vectorized.__doc__ = doc
    return vectorized


def output_parts(output, cores, sizes, structure):
    """The outputs as a list, checked against the signature; notes in `structure` whether they came as a tuple."""
    is_tuple = isinstance(output, (tuple, list))
    structure[:] = [is_tuple]
    outputs = [operand(part, "vectorize: output") for part in (output if is_tuple else [output])]
    if cores is None:
        cores = [()] * len(outputs)
    if len(cores) != len(outputs):
        raise TypeError(f"vectorize: the signature has {len(cores)} outputs, the function returned {len(outputs)}.")
    for number, (core, part) in enumerate(zip(cores, outputs)):
        shape = type_of(part).shape
        if len(shape) != len(core):
            raise ShapeError(
                f"vectorize: output {number} of shape {shape} must have core dimensions ({', '.join(core)})."
            )
        check_core(f"output {number}", core, shape, sizes)
    return outputs


def spread(function, values, core_ranks):
    """Outputs of a flat function for all elements of the axes before the core axes, which broadcast."""
    shapes = [type_of(value).shape for value in values]
    leading = [shape[: len(shape) - rank] for shape, rank in zip(shapes, core_ranks)]
    try:
        full = np.broadcast_shapes(*leading)
    except ValueError:
        raise ShapeError(f"vectorize: axes {', '.join(map(str, leading))} of the arguments do not broadcast.") from None
    looped = [axis for axis, length in enumerate(full) if length != 1]
    loops = []
    for number, (shape, own) in enumerate(zip(shapes, leading)):
        padded = (1,) * (len(full) - len(own)) + own
        loops.append([place for place, axis in enumerate(looped) if padded[axis] != 1])
        kept = tuple([padded[axis] for axis in looped if padded[axis] != 1])
        values[number] = reshape_to(values[number], kept + shape[len(own) :])
    outputs = map_over(function, [full[axis] for axis in looped], values, loops)
    return [reshape_to(output, full + type_of(output).shape[len(looped) :]) for output in outputs]


# -------------------------------------------------------------------------------------------------------- along an axis


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """func1d(part, *args, **kwargs) for all parts of the array along an axis; its result takes the place of the axis.

    Shapes: with func1d from (N,) to S, an array (I, N, J) gives (I, *S, J). `func1d` is run once, under vmap.
    """
    arr = operand(arr, "apply_along_axis")
    shape = type_of(arr).shape
    axis = axis_of(axis, len(shape), "apply_along_axis")
    rest = shape[:axis] + shape[axis + 1 :]

    def run(part):
        return [operand(func1d(part, *args, **kwargs), "apply_along_axis: result")]

    (output,) = map_over(run, rest, [move_axis(arr, axis, len(shape) - 1)], [list(range(len(rest)))])
    for _ in range(len(shape) - 1 - axis):  # the axes after `axis` go behind those of the result
        output = move_axis(output, axis, type_of(output).ndim - 1)
    return output


def apply_over_axes(func, a, axes):
    """func(a, axis) for one axis after the other; an axis that func removes is put back with length 1."""
    a = operand(a, "apply_over_axes")
    ndim = type_of(a).ndim
    for axis in [axes] if isinstance(axes, (int, np.integer)) else axes:
        axis = axis_of(axis, ndim, "apply_over_axes")
        result = operand(func(a, axis), "apply_over_axes: result")
        shape = type_of(result).shape
        if len(shape) == ndim - 1:
            result = reshape_to(result, shape[:axis] + (1,) + shape[axis:])
        elif len(shape) != ndim:
            raise ShapeError(
                f"apply_over_axes: the function gave shape {shape} for an array of shape {type_of(a).shape}."
            )
        a = result
    return a
