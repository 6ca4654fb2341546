"""The linear operations that all other rules are written with: reshape, broadcast, transpose, sum, convert.

Relies on core. Everything in primitives/, transforms/ and control/ relies on this.
"""

import math

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Expression, Primitive
from vgrad.core.types import ArrayType, broadcast_shapes, is_differentiable, type_of
from vgrad.errors import ShapeError

# ---------------------------------------------------------------------------------------------------------- reshape


def reshape_type(operand, *, shape):
    if math.prod(shape) != operand.size:
        raise ShapeError(
            f"reshape: cannot reshape array of shape {operand.shape} (size {operand.size}) into shape {shape} "
            f"(size {math.prod(shape)})."
        )
    return ArrayType(shape, operand.dtype, operand.weak)


def reshape_batch(operands, mapped_axes, *, shape):
    (operand,), (axis,) = operands, mapped_axes
    operand = move_axis(operand, axis, 0)
    return reshape(operand, shape=(operand.shape[0],) + shape), 0


reshape = Primitive(
    "reshape",
    output_type=reshape_type,
    evaluate=lambda operand, *, shape: np.reshape(operand, shape),
    jvp=lambda output, operands, tangents, *, shape: reshape(tangents[0], shape=shape),
    transpose=lambda cotangent, operands, wrt, *, shape: reshape(cotangent, shape=operands[0].shape),
    batch=reshape_batch,
    lower=STRUCTURAL,
)


# ------------------------------------------------------------------------------------------- transpose (permute axes)


def permute_type(operand, *, permutation):
    if sorted(permutation) != list(range(operand.ndim)):
        raise ShapeError(f"transpose: permutation {permutation} does not fit an array of shape {operand.shape}.")
    return ArrayType(tuple([operand.shape[axis] for axis in permutation]), operand.dtype, operand.weak)


def permute_batch(operands, mapped_axes, *, permutation):
    (operand,), (mapped,) = operands, mapped_axes
    shifted = tuple([axis + (axis >= mapped) for axis in permutation])
    return permute(operand, permutation=(mapped,) + shifted), 0


def inverse_permutation(permutation):
    return tuple([permutation.index(axis) for axis in range(len(permutation))])


permute = Primitive(
    "transpose",
    output_type=permute_type,
    evaluate=lambda operand, *, permutation: np.transpose(operand, permutation),
    jvp=lambda output, operands, tangents, *, permutation: permute(tangents[0], permutation=permutation),
    transpose=lambda cotangent, operands, wrt, *, permutation: permute(
        cotangent, permutation=inverse_permutation(permutation)
    ),
    batch=permute_batch,
    lower=STRUCTURAL,
)


def move_axis(value, source, destination):
    """The value with axis `source` moved to `destination`; the value itself when they are the same."""
    if source == destination:
        return value
    rest = [axis for axis in range(type_of(value).ndim) if axis != source]
    rest.insert(destination, source)
    return permute(value, permutation=tuple(rest))


# -------------------------------------------------------------------------------------------------- broadcast_in_dim


def broadcast_type(operand, *, shape, axes):
    fits = len(axes) == operand.ndim and all(
        0 <= axis < len(shape) and length in (1, shape[axis]) for axis, length in zip(axes, operand.shape)
    )
    if not fits or list(axes) != sorted(set(axes)):
        raise ShapeError(f"broadcast: an array of shape {operand.shape} does not fit axes {axes} of shape {shape}.")
    return ArrayType(shape, operand.dtype, operand.weak)


def broadcast_evaluate(operand, *, shape, axes):
    operand = np.asanyarray(operand)
    spread = [1] * len(shape)
    for axis, length in zip(axes, operand.shape):
        spread[axis] = length
    return np.broadcast_to(operand.reshape(spread), shape)


def broadcast_transpose(cotangent, operands, wrt, *, shape, axes):
    spread = [1] * len(shape)
    for axis, length in zip(axes, operands[0].shape):
        spread[axis] = length
    summed = tuple([axis for axis, length in enumerate(spread) if length != shape[axis] or axis not in axes])
    return reshape_to(reduce_sum(cotangent, axes=summed) if summed else cotangent, operands[0].shape)


def broadcast_batch(operands, mapped_axes, *, shape, axes):
    (operand,), (mapped,) = operands, mapped_axes
    operand = move_axis(operand, mapped, 0)
    return broadcast(operand, shape=(operand.shape[0],) + shape, axes=(0,) + tuple([axis + 1 for axis in axes])), 0


broadcast = Primitive(
    "broadcast_in_dim",
    output_type=broadcast_type,
    evaluate=broadcast_evaluate,
    jvp=lambda output, operands, tangents, *, shape, axes: broadcast(tangents[0], shape=shape, axes=axes),
    transpose=broadcast_transpose,
    batch=broadcast_batch,
    lower=STRUCTURAL,
)


# --------------------------------------------------------------------------------------------------------- reduce_sum


def reduced_type(operand, *, axes):
    """Type of a reduction that keeps the dtype."""
    if any(not 0 <= axis < operand.ndim for axis in axes) or len(set(axes)) != len(axes):
        raise ShapeError(
            f"reduction over axes {axes} of an array of shape {operand.shape}: axes out of range or twice."
        )
    return ArrayType(
        tuple([length for axis, length in enumerate(operand.shape) if axis not in axes]), operand.dtype, operand.weak
    )


def reduction_batch(primitive_of):
    """The batch rule of a reduction over `axes`: the same, past the mapped axis. `primitive_of()` is the record."""

    def rule(operands, mapped_axes, *, axes, **params):
        (operand,), (mapped,) = operands, mapped_axes
        shifted = tuple([axis + (axis >= mapped) for axis in axes])
        return primitive_of()(operand, axes=shifted, **params), mapped - sum(axis < mapped for axis in shifted)

    return rule


def spread_back(value, axes, shape):
    """Undo a reduction's change of shape: put axes of the operand's `shape` back where they were reduced."""
    return broadcast(value, shape=shape, axes=tuple([axis for axis in range(len(shape)) if axis not in axes]))


reduce_sum = Primitive(
    "reduce_sum",
    output_type=reduced_type,
    evaluate=lambda operand, *, axes: np.add.reduce(operand, axis=axes, dtype=getattr(operand, "dtype", None)),
    jvp=lambda output, operands, tangents, *, axes: reduce_sum(tangents[0], axes=axes),
    transpose=lambda cotangent, operands, wrt, *, axes: spread_back(cotangent, axes, operands[0].shape),
    batch=reduction_batch(lambda: reduce_sum),
    lower=STRUCTURAL,
)


# --------------------------------------------------------------------------------------------- convert_element_type


def convert_evaluate(operand, *, dtype):
    if dtype.kind not in "cb" and np.iscomplexobj(operand):
        operand = np.real(operand)
    return np.asarray(operand).astype(dtype)[()]


def convert_jvp(output, operands, tangents, *, dtype):
    return convert(tangents[0], dtype=dtype) if is_differentiable(dtype) else None


convert = Primitive(
    "convert_element_type",
    output_type=lambda operand, *, dtype: ArrayType(operand.shape, dtype),
    evaluate=convert_evaluate,
    jvp=convert_jvp,
    transpose=lambda cotangent, operands, wrt, *, dtype: convert(cotangent, dtype=operands[0].dtype),
    batch=lambda operands, mapped_axes, *, dtype: (convert(operands[0], dtype=dtype), mapped_axes[0]),
    lower=Expression("x0", lambda operand, *, dtype: (operand.dtype,)),
)


# ----------------------------------------------------------------------------------- what rules need again and again


def reshape_to(value, shape):
    return value if type_of(value).shape == shape else reshape(value, shape=shape)


def convert_to(value, dtype):
    """The value with this dtype; the value itself if it has it (a Python scalar becomes a strong one)."""
    type_ = type_of(value)
    return value if type_.dtype == dtype and not type_.weak else convert(value, dtype=np.dtype(dtype))


def broadcast_to(value, shape):
    """NumPy's broadcast_to: new axes in front, axes of size 1 spread."""
    type_ = type_of(value)
    if type_.shape == shape:
        return value
    return broadcast(value, shape=shape, axes=tuple(range(len(shape) - type_.ndim, len(shape))))


def sum_to(cotangent, type_):
    """The cotangent of an operand of type `type_` that was broadcast and promoted: summed and converted back."""
    shape, dtype = (cotangent.shape, cotangent.dtype) if hasattr(cotangent, "shape") else ((), type_of(cotangent).dtype)
    if shape != type_.shape:
        extra = len(shape) - len(type_.shape)
        axes = tuple(range(extra)) + tuple(
            [extra + axis for axis, length in enumerate(type_.shape) if length == 1 and shape[extra + axis] != 1]
        )
        cotangent = reshape_to(reduce_sum(cotangent, axes=axes) if axes else cotangent, type_.shape)
    if dtype == type_.dtype or (type_.weak and dtype.kind == type_.dtype.kind):
        return cotangent
    return convert(cotangent, dtype=type_.dtype)


def aligned(operands, mapped_axes):
    """The operands ready for a broadcasting operation under vmap, and the mapped axis they now share.

    Cheap when the mapped operands already line up; else mapped axes go to the front of shapes of equal rank.
    """
    ranks = [type_of(operand).ndim - (axis is not None) for operand, axis in zip(operands, mapped_axes)]
    rank = max(ranks)
    places = {axis for axis in mapped_axes if axis is not None}
    if len(places) == 1:
        (place,) = places
        full = all(own == rank if axis is not None else own <= rank - place for own, axis in zip(ranks, mapped_axes))
        if full:  # an unmapped operand must not reach the mapped axis, counted from the right
            return operands, place
    lined_up = []
    for operand, axis, own in zip(operands, mapped_axes, ranks):
        if axis is not None:
            operand = move_axis(operand, axis, 0)
            shape = type_of(operand).shape
            operand = reshape_to(operand, shape[:1] + (1,) * (rank - own) + shape[1:])
        lined_up.append(operand)
    return lined_up, 0


def broadcast_type_of(name, types):
    """Shape of elementwise operands together; ShapeError names the operation and all shapes."""
    shapes = [type_.shape for type_ in types]
    first = shapes[0]
    if all([shape == first for shape in shapes]):
        return first
    try:
        return broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"{name} got incompatible shapes for broadcasting: {', '.join(map(str, shapes))}.") from None
