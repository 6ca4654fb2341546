"""Discrete Fourier transforms with NumPy's names, as numpy.fft.

Relies on primitives and numpy.operands. Transforms over several axes are one after the other.
norm    which direction is scaled: "backward" (the inverse, by 1 / n; the default), "forward", or "ortho" (both, by
        1 / sqrt(n)).
Integers are transformed as floats. Gradients with respect to complex values follow JAX's convention.
"""

import math
import operator

import numpy as np

from vgrad.core.types import default_float, type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import axes_of, axis_of, operand, refuse_out
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.complex import conj
from vgrad.primitives.elementwise import div, mul
from vgrad.primitives.fourier import fft as fft_primitive
from vgrad.primitives.shape import concatenate, pad, slice_axis

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
INVERSES = ("ifft", "irfft")
# powers of the length by which (a transform, an inverse) is scaled
SCALES = {None: (0, -1), "backward": (0, -1), "ortho": (-0.5, -0.5), "forward": (-1, 0)}


def transform(name, kind, a, n, axis, norm):
    """One of the four kinds along one axis, which is first cut off or filled with zeros to the length."""
    if norm not in SCALES:
        raise ValueError(f'{name}: norm must be None, "backward", "ortho" or "forward", got {norm!r}.')
    a = signal(name, kind, a)
    type_ = type_of(a)
    axis = axis_of(axis, type_.ndim, name)
    given = type_.shape[axis]
    length = (2 * (given - 1) if kind == "irfft" else given) if n is None else operator.index(n)
    if length < 1:
        raise ShapeError(f"{name}: the length along axis {axis} must be positive, got {length} (shape {type_.shape}).")
    a = resized(a, axis, length // 2 + 1 if kind == "irfft" else length)
    output = fft_primitive(a, kind=kind, axis=axis, length=length)
    inverse = kind in INVERSES
    power = SCALES[norm][inverse] + inverse  # the primitive scales inverses by 1 / length
    return mul(output, float(length**power)) if power else output


def signal(name, kind, a):
    """The operand in the dtype that the kind transforms: complex, or float for rfft."""
    a = operand(a, name)
    dtype = type_of(a).dtype
    if kind == "rfft" and dtype.kind == "c":
        raise TypeError(f"{name} is for real operands, got dtype {dtype.name}. Write {name.replace('r', '', 1)}.")
    if dtype.kind not in "fc":
        dtype = default_float()
    dtype = np.result_type(dtype, np.float32 if kind == "rfft" else np.complex64)
    return convert_to(a, dtype)


def resized(a, axis, length):
    shape = type_of(a).shape
    if length <= shape[axis]:
        return slice_axis(a, axis, 0, length)
    widths = tuple([(0, length - own if place == axis else 0, 0) for place, own in enumerate(shape)])
    return pad(a, type_of(a).dtype.type(0), widths=widths)


# ------------------------------------------------------------------------------------------------------- along one axis


def fft(a, n=None, axis=-1, norm=None, out=None):
    """The transform along one axis, of length n (the axis is cut off or filled with zeros)."""
    refuse_out(out, "fft")
    return transform("fft", "fft", a, n, axis, norm)


def ifft(a, n=None, axis=-1, norm=None, out=None):
    """The inverse of fft."""
    refuse_out(out, "ifft")
    return transform("ifft", "ifft", a, n, axis, norm)


def rfft(a, n=None, axis=-1, norm=None, out=None):
    """The n // 2 + 1 coefficients of nonnegative frequency of a real signal of length n."""
    refuse_out(out, "rfft")
    return transform("rfft", "rfft", a, n, axis, norm)


def irfft(a, n=None, axis=-1, norm=None, out=None):
    """The real signal of length n (default: even, 2 * (length - 1)) of which rfft gives these coefficients."""
    refuse_out(out, "irfft")
    return transform("irfft", "irfft", a, n, axis, norm)


def hfft(a, n=None, axis=-1, norm=None, out=None):
    """The real spectrum, of length n, of a signal with Hermitian symmetry of which half is given."""
    refuse_out(out, "hfft")
    return transform("hfft", "irfft", conj(signal("hfft", "irfft", a)), n, axis, SWAPPED.get(norm, norm))


def ihfft(a, n=None, axis=-1, norm=None, out=None):
    """The inverse of hfft: half of a signal with Hermitian symmetry, from its real spectrum."""
    refuse_out(out, "ihfft")
    return conj(transform("ihfft", "rfft", a, n, axis, SWAPPED.get(norm, norm)))


# --------------------------------------------------------------------------------------------------- along several axes


def lengths_and_axes(name, a, s, axes):
    """(lengths, axes) of a transform over several axes; a length of -1 is the axis's own, None is the default."""
    shape = type_of(a).shape
    ndim = len(shape)
    if axes is None:
        axes = tuple(range(ndim)) if s is None else tuple(range(ndim - len(s), ndim))
    axes = [axis_of(axis, ndim, name) for axis in axes]
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ShapeError(f"{name}: lengths s={tuple(s)} and axes={tuple(axes)} must be as many.")
    return [shape[axis] if length == -1 else length for length, axis in zip(lengths, axes)], axes


def along_axes(name, kind, a, lengths, axes, norm):
    for length, axis in zip(reversed(lengths), reversed(axes)):
        a = transform(name, kind, a, length, axis, norm)
    return a


def fftn(a, s=None, axes=None, norm=None, out=None):
    """The transform along several axes (default: all, or the last len(s)), of lengths s."""
    refuse_out(out, "fftn")
    a = signal("fftn", "fft", a)
    return along_axes("fftn", "fft", a, *lengths_and_axes("fftn", a, s, axes), norm)


def ifftn(a, s=None, axes=None, norm=None, out=None):
    """The inverse of fftn."""
    refuse_out(out, "ifftn")
    a = signal("ifftn", "ifft", a)
    return along_axes("ifftn", "ifft", a, *lengths_and_axes("ifftn", a, s, axes), norm)


def rfftn(a, s=None, axes=None, norm=None, out=None):
    """rfft along the last of the axes, then fft along the others."""
    refuse_out(out, "rfftn")
    a = signal("rfftn", "rfft", a)
    lengths, axes = lengths_and_axes("rfftn", a, s, axes)
    if not axes:
        raise ShapeError("rfftn needs at least one axis.")
    a = transform("rfftn", "rfft", a, lengths[-1], axes[-1], norm)
    return along_axes("rfftn", "fft", a, lengths[:-1], axes[:-1], norm)


def irfftn(a, s=None, axes=None, norm=None, out=None):
    """The inverse of rfftn; the last of the lengths s is that of the real signal (default: even)."""
    refuse_out(out, "irfftn")
    a = signal("irfftn", "irfft", a)
    lengths, axes = lengths_and_axes("irfftn", a, s, axes)
    if not axes:
        raise ShapeError("irfftn needs at least one axis.")
    a = along_axes("irfftn", "ifft", a, lengths[:-1], axes[:-1], norm)
    return transform("irfftn", "irfft", a, lengths[-1], axes[-1], norm)


def fft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    """fftn along two axes."""
    return fftn(a, s, axes, norm, out)


def ifft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    """ifftn along two axes."""
    return ifftn(a, s, axes, norm, out)


def rfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    """rfftn along two axes."""
    return rfftn(a, s, axes, norm, out)


def irfft2(a, s=None, axes=(-2, -1), norm=None, out=None):
    """irfftn along two axes."""
    return irfftn(a, s, axes, norm, out)


# ---------------------------------------------------------------------------------------------------------- frequencies


def frequencies(numbers, n, d, dtype):
    """numbers / (n d) in the default float, or `dtype`."""
    spacing = mul(operand(d, "sample spacing"), float(n))
    return div(convert_to(numbers, np.dtype(dtype or default_float())), spacing)


def fftfreq(n, d=1.0, device=None, *, dtype=None):
    """The frequencies of fft's n coefficients, for samples d apart: 0, 1, ..., then the negative ones, over n d."""
    n = operator.index(n)
    middle = (n - 1) // 2 + 1
    return frequencies(np.concatenate([np.arange(middle), np.arange(-(n // 2), 0)]), n, d, dtype)


def rfftfreq(n, d=1.0, device=None, *, dtype=None):
    """The frequencies of rfft's n // 2 + 1 coefficients, for samples d apart."""
    n = operator.index(n)
    return frequencies(np.arange(n // 2 + 1), n, d, dtype)


def shifted(name, x, axes, offset_of):
    x = operand(x, name)
    shape = type_of(x).shape
    for axis in axes_of(axes, len(shape), name):
        first = offset_of(shape[axis])
        if 0 < first < shape[axis]:
            pieces = slice_axis(x, axis, first, shape[axis]), slice_axis(x, axis, 0, first)
            x = concatenate(*pieces, axis=axis)
    return x


def fftshift(x, axes=None):
    """The zero frequency moved to the middle of the axes (default: all)."""
    return shifted("fftshift", x, axes, lambda length: math.ceil(length / 2))


def ifftshift(x, axes=None):
    """The inverse of fftshift."""
    return shifted("ifftshift", x, axes, lambda length: length // 2)
