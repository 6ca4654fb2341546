"""x[index] and x.at[index] for traced arrays and traced indices: NumPy's basic and advanced indexing on primitives.

Relies on operands and primitives. A basic index becomes a strided slice, an array of integers a gather, an update a
dynamic_update_slice or a scatter.

An index whose value is known and that is out of bounds is an IndexError, as in NumPy. A traced one cannot be: as in
jax, negative indices count from the end, then a read is clamped to the nearest element and an update is dropped.
"""

import math
import operator
from typing import NamedTuple

import numpy as np

from vgrad.core.interpreter import NOT_CONCRETE, Tracer
from vgrad.core.types import INT64, broadcast_shapes, type_of
from vgrad.errors import NonConcreteBooleanIndexError, ShapeError
from vgrad.numpy.operands import operand
from vgrad.primitives.broadcasting import broadcast_to, convert_to, permute, reshape_to
from vgrad.primitives.comparison import clamp, ge, logical_and, lt, maximum, minimum, select
from vgrad.primitives.elementwise import add, div, mul, sub
from vgrad.primitives.indexing import dynamic_update_slice, gather, missing_value, scatter
from vgrad.primitives.powers import power
from vgrad.primitives.shape import reverse, strided_slice

FULL = slice(None)
KINDS_OF_INDEX = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are "
    "valid indices"
)


class Subscript(NamedTuple):
    """An index, fitted to the shape of the array.

    entries     in order, one per axis of the array or new axis: None, a slice, an int, or an array of integers
    place       where in the result the axes of the index arrays stand: how many others come before
    distinct    whether all arrays come from one mask, so that no element is met twice
    """

    entries: tuple
    place: int
    distinct: bool


# ------------------------------------------------------------------------------------------------- what an index means


def has_tracer(index):
    """Whether a tracer is in an index."""
    if isinstance(index, Tracer):
        return True
    return isinstance(index, (tuple, list)) and any([has_tracer(entry) for entry in index])


def known_value(value):
    """The value as an ndarray or NumPy scalar, or None when it is traced and not known."""
    if not isinstance(value, Tracer):
        return value
    value = value.concrete()
    return None if value is NOT_CONCRETE else value


def read_entry(entry):
    """One part of an index as None, Ellipsis, a slice, a bool, an int, or an array of integers or booleans."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice) or type(entry) in (int, bool):
        return entry
    if isinstance(entry, Tracer):
        value = known_value(entry)
        if value is None:
            if entry.dtype.kind == "b":
                raise NonConcreteBooleanIndexError(
                    f"Array boolean indices must be concrete; got {entry.type}, which {entry.why_unknown()}.",
                    "The size of x[mask] would depend on values. Write np.where(mask, x, 0), or take the elements at "
                    "vgrad.numpy.nonzero(mask, size=n, fill_value=...).",
                )
            if entry.dtype.kind not in "iu":
                raise IndexError(f"arrays used as indices must be of integer (or boolean) type, got {entry.type}")
            return convert_to(entry, INT64) if entry.dtype == np.uint64 else entry
        entry = value
    elif isinstance(entry, (list, tuple)):
        if has_tracer(entry):
            return read_entry(operand(entry))
        entry = np.asarray(entry) if len(entry) else np.zeros(0, INT64)
    elif not isinstance(entry, (np.ndarray, np.generic)):
        try:
            return operator.index(entry)
        except TypeError:
            if not hasattr(entry, "__array__"):
                raise IndexError(KINDS_OF_INDEX) from None
    entry = np.asarray(entry)
    if entry.dtype.kind not in "iub":
        if entry.ndim == 0:
            raise IndexError(KINDS_OF_INDEX)
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    if entry.ndim == 0:
        return entry.item()
    return entry.astype(INT64) if entry.dtype == np.uint64 else entry


def read_index(index, shape, strict=True):
    """(Subscript, shape): the index fitted to an array of this shape.

    The returned shape has a new axis of length 1 for each True or False in the index; reshape the array to it.
    strict      known integers must be in bounds
    """
    parts = [read_entry(entry) for entry in (index if isinstance(index, tuple) else (index,))]
    taken = sum(consumed(part) for part in parts)
    if taken > len(shape):
        raise IndexError(
            f"too many indices for array: array is {len(shape)}-dimensional, but {taken} were indexed"
            f" (shape {tuple(shape)})"
        )
    ellipses = [number for number, part in enumerate(parts) if part is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    place = ellipses[0] if ellipses else len(parts)
    parts[place : place + 1] = [FULL] * (len(shape) - taken)
    entries, lengths, gap, axis = [], [], 0, 0
    for number, part in enumerate(parts):
        if number == place and ellipses:
            gap = len(entries)
        if part is None:
            entries.append(None)
        elif type(part) is bool:
            entries.append(np.zeros(int(part), INT64))
            lengths.append(1)
        elif isinstance(part, slice):
            entries.append(bounded_slice(part, shape[axis]))
            lengths.append(shape[axis])
            axis += 1
        elif not isinstance(part, (int, Tracer)) and part.dtype.kind == "b":
            entries += mask_places(part, shape[axis : axis + part.ndim], axis)
            lengths += part.shape
            axis += part.ndim
        else:
            entries.append(bounded_integer(part, axis, shape[axis], strict))
            lengths.append(shape[axis])
            axis += 1
    arrays = sum(is_array(entry) for entry in entries)
    common_shape([entry for entry in entries if is_array(entry)])
    flags = [part for part in parts if type(part) is bool or (is_array(part) and part.dtype.kind == "b")]
    distinct = len(flags) == 1 and arrays == (1 if type(flags[0]) is bool else flags[0].ndim)
    return Subscript(tuple(entries), place_of_arrays(entries, gap), distinct), tuple(lengths)


def is_array(entry):
    return isinstance(entry, (np.ndarray, Tracer))


def consumed(part):
    """How many axes of the array a part of the index stands for."""
    if part is None or part is Ellipsis or type(part) is bool:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


def bounded_slice(part, length):
    """The slice as slice(start, stop, step) with start and stop inside the axis, stop - start a multiple of step."""
    try:
        places = range(*part.indices(length))
    except TypeError as error:
        if has_tracer((part.start, part.stop, part.step)):
            raise IndexError(
                "Array slice indices must have static start/stop/step to be used with NumPy indexing syntax; "
                f"found {part}. To index a statically sized array at a dynamic position, try "
                "lax.dynamic_slice/lax.dynamic_update_slice (a slice of fixed size), or np.where with a mask of "
                "np.arange."
            ) from error
        raise
    if not places:
        return slice(0, 0, 1)
    return slice(places.start, places.start + len(places) * places.step, places.step)


def bounded_integer(part, axis, length, strict):
    """An int in [0, length), or the array of integers; with `strict` known ones are checked.

    An int out of bounds that is allowed becomes an array of rank 0.
    """
    if isinstance(part, Tracer):
        return part
    if isinstance(part, int):
        if -length <= part < length:
            return part + length if part < 0 else part
        if strict:
            raise IndexError(f"index {part} is out of bounds for axis {axis} with size {length}")
        return np.asarray(max(min(part, 2**62), -(2**62)))
    if strict and part.size:
        for extreme in (part.min(), part.max()):
            if not -length <= extreme < length:
                raise IndexError(f"index {extreme} is out of bounds for axis {axis} with size {length}")
    return part


def mask_places(mask, shape, axis):
    for number, (length, expected) in enumerate(zip(mask.shape, shape), start=axis):
        if length != expected:
            raise IndexError(
                f"boolean index did not match indexed array along axis {number}; size of axis is {expected} but size "
                f"of corresponding boolean axis is {length}"
            )
    return mask.nonzero()


def length_of(part):
    """Number of elements of a bounded slice."""
    return (part.stop - part.start) // part.step


# ------------------------------------------------------------------------------------------------------------ reading


def getitem(x, index):
    """x[index] with all of NumPy's basic and advanced indexing, where x, the index, or both may be traced.

    Known indices out of bounds raise IndexError; traced ones are clamped to the nearest element, as in jax.
    Errors: NonConcreteBooleanIndexError for a traced mask, IndexError for a slice with traced bounds.
    """
    x = operand(x)
    if not isinstance(x, Tracer) and not has_tracer(index):
        return np.asarray(x)[index]
    if type(index) is int:
        shape = type_of(x).shape
        if not shape:
            raise IndexError("too many indices for array: array is 0-dimensional, but 1 were indexed")
        place = bounded_integer(index, 0, shape[0], True)
        rest = shape[1:]
        part = strided_slice(x, start=(place,) + (0,) * len(rest), stop=(place + 1,) + rest, step=(1,) * len(shape))
        return reshape_to(part, rest)
    subscript, shape = read_index(index, type_of(x).shape)
    return read(reshape_to(x, shape), subscript)


def read(x, subscript, mode=None, fill_value=None, wrap=True, unique=False):
    """The elements of x at the subscript; see At.get for the mode."""
    entries = subscript.entries
    y = slices_of(x, entries)
    arrays = [entry for entry in entries if is_array(entry)]
    if not arrays:
        return y
    axes, axis = [], 0
    for entry in entries:
        if is_array(entry):
            axes.append(axis)
        axis += not isinstance(entry, int)
    lengths = [type_of(y).shape[axis] for axis in axes]
    outside = "clip"
    if mode in ("fill", "drop") and wrap and fill_value is None:
        mode, outside = None, "fill"
    arrays, inside = placed(arrays, lengths, mode, wrap)
    taken = gather(y, *arrays, axes=tuple(axes), outside=outside, unique=unique or subscript.distinct)
    rank = len(common_shape(arrays))
    if inside is not None and mode in ("fill", "drop"):
        kept, dtype = type_of(taken).ndim - rank, type_of(taken).dtype
        inside = reshape_to(inside, type_of(inside).shape + (1,) * kept)
        fill = missing_value(dtype) if fill_value is None else convert_to(operand(fill_value), dtype)
        taken = select(inside, taken, fill)
    place = subscript.place
    if place == 0 or rank == 0:
        return taken
    order = [*range(rank, rank + place), *range(rank), *range(rank + place, type_of(taken).ndim)]
    return permute(taken, permutation=tuple(order))


def slices_of(x, entries):
    """x with the slices, integers and new axes of the index; axes with arrays whole."""
    shape = type_of(x).shape
    axes = [entry for entry in entries if entry is not None]
    bounds, backward, kept = [], [], []
    for axis, (entry, length) in enumerate(zip(axes, shape, strict=True)):
        if is_array(entry):
            bounds.append((0, length, 1))
        elif isinstance(entry, int):
            bounds.append((entry, entry + 1, 1))
        elif entry.step > 0:
            bounds.append((entry.start, min(entry.stop, length), entry.step))
        else:
            backward.append(axis)
            bounds.append((entry.stop - entry.step, entry.start + 1, -entry.step))
    if any([bound != (0, length, 1) for bound, length in zip(bounds, shape)]):
        start, stop, step = zip(*bounds)
        x = strided_slice(x, start=start, stop=stop, step=step)
    if backward:
        x = reverse(x, axes=tuple(backward))
    lengths = iter(type_of(x).shape)
    for entry in entries:
        length = 1 if entry is None else next(lengths)
        if not isinstance(entry, int):
            kept.append(length)
    return reshape_to(x, tuple(kept))


def common_shape(arrays):
    shapes = [type_of(array).shape for array in arrays]
    try:
        return broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing arrays could not be broadcast together with shapes " + " ".join(map(str, shapes))
        ) from None


def place_of_arrays(entries, gap):
    """Where NumPy puts the axes of the index arrays: in place of them, or in front if something stands between them.

    gap     the position of the ellipsis, which separates even where it stands for no axis
    """
    positions = [number for number, entry in enumerate(entries) if is_array(entry) or isinstance(entry, int)]
    if not positions or positions[-1] - positions[0] >= len(positions) or positions[0] < gap <= positions[-1]:
        return 0
    return positions[0]


def placed(arrays, lengths, mode, wrap):
    """(index arrays, where all are in bounds): the arrays as the mode wants them; None where nobody asks."""
    if mode not in ("clip", "fill", "drop") and wrap:
        return arrays, None  # gather itself wraps and clips
    inside, results = None, []
    for array, length in zip(arrays, lengths):
        wide = convert_to(array, INT64)
        fits = logical_and(ge(wide, -length if wrap else 0), lt(wide, length))
        inside = fits if inside is None else logical_and(inside, fits)
        if wrap:
            wide = select(lt(wide, 0), add(wide, length), wide)
        elif mode != "clip":
            wide = select(lt(wide, 0), length, wide)  # out of bounds on the other side
        results.append(clamp(0, wide, max(length - 1, 0)) if mode == "clip" else wide)
    return results, inside


# ----------------------------------------------------------------------------------------------------------- updating

OPERATIONS = {"add": add, "multiply": mul, "minimum": minimum, "maximum": maximum}


def write(x, subscript, values, kind, mode=None, wrap=True, unique=False):
    """x with `values` written ("set") or combined ("add", ...) at the subscript."""
    entries, shape = subscript.entries, type_of(x).shape
    arrays = [entry for entry in entries if is_array(entry)]
    lengths = [length for entry, length in zip([e for e in entries if e is not None], shape) if is_array(entry)]
    if mode == "clip" or not wrap:  # else scatter itself drops what is out of bounds
        arrays, _ = placed(arrays, lengths, mode, wrap)
    if any([is_array(entry) or (isinstance(entry, slice) and entry.step != 1) for entry in entries]):
        unique = unique or subscript.distinct or all_distinct(arrays, lengths)
        return write_scattered(x, subscript, arrays, values, kind, unique)
    bounds = [(e, e + 1) if isinstance(e, int) else (e.start, e.stop) for e in entries if e is not None]
    kept = [1 if entry is None else length_of(entry) for entry in entries if not isinstance(entry, int)]
    sizes = tuple([stop - start for start, stop in bounds])
    values = reshape_to(fitted(values, tuple(kept)), sizes)
    if kind != "set":
        start, stop = [bound[0] for bound in bounds], [bound[1] for bound in bounds]
        part = x
        if sizes != shape:
            part = strided_slice(x, start=tuple(start), stop=tuple(stop), step=(1,) * len(shape))
        values = OPERATIONS[kind](part, values)
    if sizes == shape:
        return values
    return dynamic_update_slice(x, values, *[start for start, _ in bounds])


def fitted(values, shape):
    """The values broadcast to the shape of the part that they are written to."""
    own = type_of(values).shape
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if len(own) > len(shape) or any(n not in (1, m) for n, m in zip(own[::-1], shape[::-1])):
        raise ShapeError(
            f"x.at[index]: could not broadcast values of shape {own} into the indexed part, of shape {shape}."
        )
    return broadcast_to(reshape_to(values, own), shape)


def write_scattered(x, subscript, arrays, values, kind, unique):
    """The update as a scatter: every axis that is not taken whole gets an index array."""
    entries, place = subscript.entries, subscript.place
    shape, common = type_of(x).shape, common_shape(arrays)
    # the axes of the indexed part: (axis of x or None for a new one, length), those of the arrays left out
    kept, axis = [], 0
    for entry in entries:
        if isinstance(entry, slice):
            kept.append((axis, length_of(entry)))
        elif entry is None:
            kept.append((None, 1))
        axis += entry is not None
    rank = len(common)
    lengths = [length for _, length in kept]
    values = fitted(values, (*lengths[:place], *common, *lengths[place:]))
    values = permute(
        values,
        permutation=(*range(place, place + rank), *range(place), *range(place + rank, rank + len(kept))),
    )
    values = reshape_to(values, common + tuple([length for axis, length in kept if axis is not None]))
    whole = [slice(0, length, 1) for length in shape]
    axes_entries = [entry for entry in entries if entry is not None]
    cut = [a for a, entry in enumerate(axes_entries) if isinstance(entry, slice) and entry != whole[a]]
    sliced = [axis for axis, _ in kept if axis is not None]
    order = [rank + sliced.index(axis) for axis in cut]
    order += [rank + number for number, axis in enumerate(sliced) if axis not in cut]
    values = permute(values, permutation=(*range(rank), *order))
    axes, indices, remaining = [], [], iter(arrays)
    for axis, entry in enumerate(axes_entries):
        if axis in cut:
            index = np.arange(entry.start, entry.stop, entry.step)
            index = index.reshape((-1,) + (1,) * (len(cut) - cut.index(axis) - 1))
        elif isinstance(entry, int):
            index = np.asarray(entry)
        elif is_array(entry):
            index = next(remaining)
            index = reshape_to(index, type_of(index).shape + (1,) * len(cut))
        else:
            continue
        axes.append(axis)
        indices.append(index)
    return scatter(x, values, *indices, axes=tuple(axes), kind=kind, unique=unique)


def all_distinct(arrays, lengths):
    """Whether index arrays surely name no place twice: known to, or only one place."""
    shape = common_shape(arrays)
    if math.prod(shape) <= 1:
        return True
    if any([isinstance(array, Tracer) for array in arrays]):
        return False
    numbers = 0
    for array, length in zip(arrays, lengths):
        numbers = numbers * length + np.where(array < 0, array + length, array)
    return np.unique(numbers).size == math.prod(shape)


class At:
    """x.at: with an index, the part of x that an update replaces. The array itself never changes."""

    __slots__ = ("array", "finish")

    def __init__(self, array, finish):
        self.array = array
        self.finish = finish

    def __getitem__(self, index):
        return AtIndex(self.array, index, self.finish)


MODES = ("clip", "drop", "fill", "promise_in_bounds")


def mode_name(mode):
    """The mode by name; accepts members of lax.GatherScatterMode."""
    name = getattr(mode, "name", mode)
    if name is None:
        return None
    name = {"FILL_OR_DROP": "fill"}.get(name, str(name).lower())
    if name not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)} or None, got {mode!r}.")
    return name


class AtIndex:
    """x.at[index]: updates and reads of a part of x.

    All methods return a new array (of the dtype of x); where an index occurs twice every update counts, and of several
    "set" the last.
    mode        what happens where an index is out of bounds
                None: IndexError if it is known; else the update is dropped, and `get` takes the nearest element
                "drop" or "fill": the update is dropped, `get` gives `fill_value` (by default NaN, or the least integer)
                "clip": the nearest element
                "promise_in_bounds": the caller knows that it does not happen
    unique_indices          promises that no place is met twice, which `multiply` needs for the derivative with
                            respect to its values, and `apply` when the index is traced
    indices_are_sorted      a promise of jax's that makes no difference here
    wrap_negative_indices   False: a negative index is out of bounds
    """

    __slots__ = ("array", "index", "finish")

    def __init__(self, array, index, finish):
        self.array = array
        self.index = index
        self.finish = finish

    def update(self, kind, values, unique_indices, mode, wrap):
        x, values, mode = self.array, operand(values), mode_name(mode)
        shape, dtype = type_of(x).shape, type_of(x).dtype
        values = convert_to(values, dtype)
        mask = self.index
        if isinstance(mask, Tracer) and mask.dtype.kind == "b" and known_value(mask) is None:
            rest = len(shape) - mask.ndim
            if mask.shape == shape[: mask.ndim] and type_of(values).ndim <= rest:  # one value for all: no size in doubt
                changed = broadcast_to(values, shape) if kind == "set" else OPERATIONS[kind](x, values)
                return select(reshape_to(mask, mask.shape + (1,) * rest), changed, x)
        subscript, with_flags = read_index(self.index, shape, strict=mode in (None, "promise_in_bounds"))
        result = write(reshape_to(x, with_flags), subscript, values, kind, mode, wrap, unique_indices)
        return reshape_to(convert_to(result, dtype), shape)

    def get(
        self, *, indices_are_sorted=False, unique_indices=False, mode=None, fill_value=None, wrap_negative_indices=True
    ):
        """x[index], with a choice of what an index out of bounds gives."""
        x, mode = self.array, mode_name(mode)
        subscript, shape = read_index(self.index, type_of(x).shape, strict=mode in (None, "promise_in_bounds"))
        return self.finish(
            read(reshape_to(x, shape), subscript, mode, fill_value, wrap_negative_indices, unique_indices)
        )

    def set(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] = values."""
        return self.finish(self.update("set", values, unique_indices, mode, wrap_negative_indices))

    def add(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] += values."""
        return self.finish(self.update("add", values, unique_indices, mode, wrap_negative_indices))

    def subtract(
        self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True
    ):
        """x with x[index] -= values."""
        values = sub(0, convert_to(operand(values), type_of(self.array).dtype))
        return self.finish(self.update("add", values, unique_indices, mode, wrap_negative_indices))

    def multiply(
        self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True
    ):
        """x with x[index] *= values."""
        return self.finish(self.update("multiply", values, unique_indices, mode, wrap_negative_indices))

    mul = multiply

    def divide(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] /= values; integers become floats."""
        return self.finish(div(self.array, self.factors(values, unique_indices, mode, wrap_negative_indices)))

    def power(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] **= values."""
        return self.finish(power(self.array, self.factors(values, unique_indices, mode, wrap_negative_indices)))

    def factors(self, values, unique_indices, mode, wrap):
        """Ones, multiplied by the values at the index."""
        type_ = type_of(self.array)
        ones = AtIndex(np.ones(type_.shape, type_.dtype), self.index, self.finish)
        return ones.update("multiply", values, unique_indices, mode, wrap)

    def min(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] = minimum(x[index], values)."""
        return self.finish(self.update("minimum", values, unique_indices, mode, wrap_negative_indices))

    def max(self, values, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] = maximum(x[index], values)."""
        return self.finish(self.update("maximum", values, unique_indices, mode, wrap_negative_indices))

    def apply(self, func, *, indices_are_sorted=False, unique_indices=False, mode=None, wrap_negative_indices=True):
        """x with x[index] = func(x[index]), for an elementwise func and places that differ.

        Errors: ValueError where an index occurs twice, or is traced and might, unless unique_indices is True.
        """
        name = mode_name(mode)
        subscript, shape = read_index(self.index, type_of(self.array).shape, name in (None, "promise_in_bounds"))
        lengths = [n for entry, n in zip([e for e in subscript.entries if e is not None], shape) if is_array(entry)]
        arrays = [entry for entry in subscript.entries if is_array(entry)]
        if not (unique_indices or subscript.distinct or all_distinct(arrays, lengths)):
            raise ValueError(
                "x.at[index].apply(func) with an index that occurs twice, or that is traced and might: how often func "
                "is applied is not defined. If no index occurs twice write apply(func, unique_indices=True)."
            )
        values = func(read(reshape_to(self.array, shape), subscript, name or "clip", None, wrap_negative_indices, True))
        return self.finish(self.update("set", values, True, mode, wrap_negative_indices))
