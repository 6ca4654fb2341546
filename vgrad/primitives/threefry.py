"""Threefry-2x32: random bits as a function of a key and a counter.

Relies on broadcasting. A key is two words of uint32. vgrad.random is written with these two operations.
Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (20 rounds).
"""

import math

import numpy as np

from vgrad.core.primitive import STRUCTURAL, Primitive, no_tangent, refuse
from vgrad.core.types import ArrayType, broadcast_shapes, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import move_axis, reshape_to

UINT32 = np.dtype(np.uint32)
PARITY = np.uint32(0x1BD11BDA)  # the third word of the key schedule is the parity of the key with this constant
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
# Arrays of rank 0: a ufunc takes them faster than NumPy scalars.
SHIFTS = [[(np.asarray(r, UINT32), np.asarray(32 - r, UINT32)) for r in group] for group in ROTATIONS]
BLOCK = 1 << 14  # counters enciphered at a time: three arrays of 64 kB stay in the level 2 cache


def encipher(key0, key1, word0, word1):
    """Replace the counters (word0, word1) by their ciphers. In place; keys broadcast against the words."""
    schedule = (key0, key1, key0 ^ key1 ^ PARITY)
    scratch = np.empty_like(word1)
    word0 += schedule[0]
    word1 += schedule[1]
    for group in range(5):
        for left, right in SHIFTS[group % 2]:
            np.add(word0, word1, word0)
            np.left_shift(word1, left, scratch)
            np.right_shift(word1, right, word1)
            np.bitwise_or(word1, scratch, word1)
            np.bitwise_xor(word1, word0, word1)
        word0 += schedule[(group + 1) % 3]
        word1 += schedule[(group + 2) % 3] + np.uint32(group + 1)


def check_keys(name, key):
    if key.dtype != UINT32 or key.shape[-1:] != (2,):
        raise ShapeError(f"{name}: a key is an array of uint32 whose last axis has size 2, got {key}.")


# ------------------------------------------------------------------------------------------------------ threefry2x32


def threefry_type(key, counter):
    check_keys("threefry2x32", key)
    if counter.dtype != UINT32 or counter.shape[-1:] != (2,):
        raise ShapeError(f"threefry2x32: counters are uint32 and their last axis has size 2, got {counter}.")
    try:
        return ArrayType(broadcast_shapes(key.shape, counter.shape), UINT32)
    except ValueError:
        raise ShapeError(
            f"threefry2x32: keys of shape {key.shape} and counters of shape {counter.shape} do not broadcast together."
        ) from None


def threefry_evaluate(key, counter):
    shape = np.broadcast_shapes(key.shape, counter.shape)
    words = [np.array(np.broadcast_to(counter[..., i], shape[:-1])) for i in (0, 1)]
    with np.errstate(over="ignore"):  # arithmetic is modulo 2**32, which NumPy reports for scalars
        encipher(key[..., 0], key[..., 1], *words)
    return np.stack(words, axis=-1)


def threefry_batch(operands, mapped_axes):
    """Key against counter, example by example: mapped axes go to the front of shapes of equal rank."""
    rank = max(type_of(operand).ndim - (axis is not None) for operand, axis in zip(operands, mapped_axes))
    lined_up = []
    for operand, axis in zip(operands, mapped_axes):
        if axis is not None:
            operand = move_axis(operand, axis, 0)
            shape = type_of(operand).shape
            operand = reshape_to(operand, shape[:1] + (1,) * (rank + 1 - len(shape)) + shape[1:])
        lined_up.append(operand)
    return threefry2x32(*lined_up), 0


threefry2x32 = Primitive(
    "threefry2x32",
    output_type=threefry_type,
    evaluate=threefry_evaluate,
    jvp=no_tangent,
    transpose=refuse("threefry2x32 is not linear: bits have no derivative"),
    batch=threefry_batch,
    lower=STRUCTURAL,
)


# ------------------------------------------------------------------------------------------------------- random_bits


def random_bits_type(key, *, shape, bit_width):
    check_keys("random_bits", key)
    return ArrayType(key.shape[:-1] + shape, np.dtype(f"uint{bit_width}"))


def draw_bits(keys, count, bit_width):
    """(R, count) random words of `bit_width` bits from keys (R, 2): the ciphers of the counters 0, 1, 2, ...

    The two words of a cipher make one number: together for 64 bits, their exclusive or for fewer.
    """
    output = np.empty((len(keys), count), np.dtype(f"uint{bit_width}"))
    rows = max(1, BLOCK // max(count, 1))
    for row in range(0, len(keys), rows):
        key0, key1 = keys[row : row + rows, :1], keys[row : row + rows, 1:]
        for start in range(0, count, BLOCK):  # a block never straddles a multiple of 2**32
            target = output[row : row + rows, start : start + BLOCK]
            low = np.empty(target.shape, UINT32)
            low[...] = np.arange(start % 2**32, start % 2**32 + target.shape[1], dtype=UINT32)
            high = np.full(target.shape, start >> 32, UINT32)
            encipher(key0, key1, high, low)
            if bit_width == 64:
                np.left_shift(high, np.uint64(32), out=target, dtype=np.uint64)
                np.bitwise_or(target, low, out=target)
            else:
                np.bitwise_xor(high, low, out=target, casting="unsafe", dtype=UINT32)
    return output


def random_bits_batch(operands, mapped_axes, *, shape, bit_width):
    return random_bits(move_axis(operands[0], mapped_axes[0], 0), shape=shape, bit_width=bit_width), 0


random_bits = Primitive(
    "random_bits",
    output_type=random_bits_type,
    evaluate=lambda key, *, shape, bit_width: draw_bits(
        key.reshape(math.prod(key.shape[:-1]), 2), math.prod(shape), bit_width
    ).reshape(key.shape[:-1] + shape)[()],
    jvp=no_tangent,
    transpose=refuse("random_bits is not linear: bits have no derivative"),
    batch=random_bits_batch,
    lower=STRUCTURAL,
)
