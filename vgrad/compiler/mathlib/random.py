"""Random bits: Threefry-2x32 of a counter under a key, as primitives/threefry.py defines them.

Relies on table, the intrinsics and llvmlite.
Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (20 rounds).
"""

from llvmlite import ir
from numba import int64, types, uint8, uint16, uint32, uint64

from vgrad.compiler.intrinsics import llvm_function, operation
from vgrad.compiler.mathlib.table import mathlib_function

PARITY = 0x1BD11BDA  # the third word of the key schedule is the parity of the key with this constant
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
UINT32, INT64 = "u32", "i64"  # kinds of operands
WORD, TWO_WORDS = ir.IntType(32), ir.IntType(64)


def encipher(builder, key0, key1, counter):
    """The cipher of (high word, low word) of a counter."""
    keys = (key0, key1, builder.xor(builder.xor(key0, key1), WORD(PARITY)))
    word0 = builder.add(builder.trunc(builder.lshr(counter, TWO_WORDS(32)), WORD), key0)
    word1 = builder.add(builder.trunc(counter, WORD), key1)
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            word0 = builder.add(word0, word1)
            rotated = llvm_function("llvm.fshl")(builder, word1, word1, WORD(rotation))
            word1 = builder.xor(rotated, word0)
        word0 = builder.add(word0, keys[(group + 1) % 3])
        word1 = builder.add(word1, builder.add(keys[(group + 2) % 3], WORD(group + 1)))
    return word0, word1


def both_words(builder, *operands):
    high, low = [builder.zext(word, TWO_WORDS) for word in encipher(builder, *operands)]
    return builder.or_(builder.shl(high, TWO_WORDS(32)), low)


def mixed_words(builder, *operands):
    return builder.xor(*encipher(builder, *operands))


OPERANDS = (types.uint32, types.uint32, types.int64)
cipher = operation(types.uint64, OPERANDS, both_words)
mixed_cipher = operation(types.uint32, OPERANDS, mixed_words)


@mathlib_function
def random_bits_u8(key0: UINT32, key1: UINT32, counter: INT64):
    return uint8(mixed_cipher(key0, key1, counter))


@mathlib_function
def random_bits_u16(key0: UINT32, key1: UINT32, counter: INT64):
    return uint16(mixed_cipher(key0, key1, counter))


@mathlib_function
def random_bits_u32(key0: UINT32, key1: UINT32, counter: INT64):
    return mixed_cipher(key0, key1, counter)


@mathlib_function
def random_bits_u64(key0: UINT32, key1: UINT32, counter: INT64):
    return cipher(key0, key1, counter)


@mathlib_function
def threefry_u32(key0: UINT32, key1: UINT32, high: UINT32, low: UINT32, place: INT64):
    """Word 0 or 1 of the cipher of a counter of two words."""
    words = cipher(key0, key1, (int64(high) << 32) | int64(low))
    return uint32(words >> uint64(32 - 32 * place))
