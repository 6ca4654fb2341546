"""Sums of overlapping windows as windows: the gradient of a convolution by its input is a convolution.

Relies on rewrite and the primitives. Reverse mode makes it a product for every place of every window, then adds up what
overlaps. Where windows lie one step apart the same sum reads windows of the cotangent, padded with zeros, against the
kernel reversed: nothing as large as all windows is formed, and the product has the sums inside. The zeros of the
padding meet the kernel, as those of a padded convolution do: an infinite weight gives NaN there.
"""

import math

from vgrad.core.types import type_of
from vgrad.passes.prune import drop_unused
from vgrad.passes.rewrite import Rewrite, with_rules
from vgrad.primitives.contraction import contract, join, split
from vgrad.primitives.shape import pad, reverse, strided_slice
from vgrad.primitives.window import overlap_add, windows

GROWTH = 1.5  # how many times the multiplications it may take


def letters_of_windows(spec, axes):
    """(letters of the axes that have windows, letters of the windows) in what a contraction gives, or None.

    None if the first operand has letters of windows, or the second, the kernel, those of the axes.
    """
    inputs, output = split(spec)
    if len(inputs) != 2 or any([len(set(own)) != len(own) for own in inputs]):
        return None
    over, within = "".join([output[axis] for axis in axes]), output[len(output) - len(axes) :]
    mixed = set(within) & set(inputs[0]) or set(over) & set(inputs[1])
    return None if mixed else (over, within)


def is_cheap(x, spec, axes, strides, lengths):
    """Whether reading windows takes few multiplications more, for results of these lengths along the axes."""
    found = letters_of_windows(spec, axes) if set(strides) == {1} else None
    if found is None:
        return False
    own = split(spec)[0][0]
    before = math.prod([type_of(x).shape[own.index(name)] for name in found[0]])
    return 0 < math.prod(lengths) <= GROWTH * before


def as_windows(x, y, spec, axes, dilations, lengths, sizes, strides, first=None):
    """The product of windows; of `lengths` results along the axes from `first` on (all of them if None)."""
    (own, letters), output = split(spec)
    over, within = letters_of_windows(spec, axes)
    widths = [(0, 0, 0)] * len(own)
    for number, (name, size, dilation) in enumerate(zip(over, sizes, dilations)):
        reach, length = (size - 1) * dilation, type_of(x).shape[own.index(name)]
        start = 0 if first is None else first[number]
        widths[own.index(name)] = (reach - start, start + lengths[number] - length, 0)
    padded = pad(x, type_of(x).dtype.type(0), widths=tuple(widths))
    places = tuple([own.index(name) for name in over])
    viewed = windows(padded, axes=places, sizes=sizes, strides=strides, dilations=dilations)
    reversed_ = reverse(y, axes=tuple([letters.index(name) for name in within]))
    return contract(viewed, reversed_, spec=join((own + within, letters), output[: len(output) - len(axes)]))


def lengths_of(axes, start, stop):
    return tuple([stop[axis] - start[axis] for axis in axes])


def is_crop(x, y, spec, axes, dilations, lengths, sizes, strides, start, stop, step):
    """Whether a slice of overlapping windows cuts off ends of the axes that have windows, nothing else."""
    if set(step) != {1} or not is_cheap(x, spec, axes, strides, lengths_of(axes, start, stop)):
        return False
    inputs, output = split(spec)
    known = {**dict(zip(inputs[0], type_of(x).shape)), **dict(zip(inputs[1], type_of(y).shape))}
    rest = [axis for axis in range(len(start)) if axis not in axes]
    return all([(start[axis], stop[axis]) == (0, known[output[axis]]) for axis in rest])


EXAMPLE = {
    "x": (2, 4, 3), "y": (5, 3, 3), "spec": "aec,bcg->aebg", "axes": (1,), "dilations": (1,), "lengths": (6,),
    "sizes": (3,), "strides": (1,),
}  # fmt: skip
SUM_OF_WINDOWS = Rewrite(
    name="overlapping windows of a product with a kernel sum to a product of windows with the reversed kernel",
    before=lambda x, y, spec, axes, dilations, lengths, sizes, strides: overlap_add(
        contract(x, y, spec=spec), axes=axes, dilations=dilations, lengths=lengths, sizes=sizes, strides=strides
    ),
    after=as_windows,
    when=lambda x, y, spec, axes, dilations, lengths, sizes, strides: is_cheap(x, spec, axes, strides, lengths),
    why="the gradient by a convolution's input needs no product for every place of every window",
    example=EXAMPLE,
)
PART_OF_SUM_OF_WINDOWS = Rewrite(
    name="a part of such a sum is the product of fewer windows",
    before=lambda x, y, spec, axes, dilations, lengths, sizes, strides, start, stop, step: strided_slice(
        overlap_add(
            contract(x, y, spec=spec), axes=axes, dilations=dilations, lengths=lengths, sizes=sizes, strides=strides
        ),
        start=start,
        stop=stop,
        step=step,
    ),
    after=lambda x, y, spec, axes, dilations, lengths, sizes, strides, start, stop, step: as_windows(
        x, y, spec, axes, dilations, lengths_of(axes, start, stop), sizes, strides, [start[axis] for axis in axes]
    ),
    when=is_crop,
    why="what a padded convolution adds to its padding is cut off: it need not be computed",
    example={**EXAMPLE, "start": (0, 1, 0), "stop": (2, 5, 5), "step": (1, 1, 1)},
)

RULES = (PART_OF_SUM_OF_WINDOWS, SUM_OF_WINDOWS)


def read_windows(jaxpr):
    """The program with the rules applied, one after the other: a part is seen as one before the whole is replaced."""
    if any([equation.primitive is overlap_add for equation in jaxpr.equations]):
        for rule in RULES:
            jaxpr = with_rules([rule])(jaxpr)
    return drop_unused(jaxpr)
