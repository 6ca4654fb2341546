"""Keys: make, split, fold in. A key is an array of two words of uint32, the same as jax.random.PRNGKey gives.

Relies on arguments and the primitive threefry2x32.
"""

import math

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import type_of
from vgrad.errors import ShapeError
from vgrad.numpy.operands import operand
from vgrad.primitives.bits import shift_right_logical
from vgrad.primitives.broadcasting import convert_to, reshape_to
from vgrad.primitives.shape import concatenate
from vgrad.primitives.threefry import UINT32, threefry2x32
from vgrad.random.arguments import key_operand, shape_of, single_key

__all__ = ["PRNGKey", "clone", "fold_in", "key", "key_data", "key_impl", "split", "wrap_key_data"]


def integer_scalar(name, value, what):
    value = operand(value, what)
    type_ = type_of(value)
    if type_.shape != ():
        raise ShapeError(
            f"{name} accepts a scalar {what}, but was given an array of shape {type_.shape} != (). "
            "Use vgrad.vmap for batching."
        )
    if type_.dtype.kind not in "iu":
        raise TypeError(f"{name}: {what} must be an integer; got {value!r} of dtype {type_.dtype}.")
    return value if isinstance(value, Tracer) else np.asarray(value)


def words_key(high, low):
    """The array (high, low) of two scalars."""
    return concatenate(*[reshape_to(convert_to(word, UINT32), (1,)) for word in (high, low)], axis=0)


def PRNGKey(seed, *, impl=None):  # noqa: N802: the name in jax.random
    """A key from an integer: its upper and its lower 32 bits.

    seed    a Python int in [-2**63, 2**64), an integer scalar, or a traced one
    impl    accepted where it names Threefry, the only generator here
    """
    check_generator(impl)
    seed = integer_scalar("PRNGKey", seed, "seed")
    if seed.dtype.itemsize < 8:
        return words_key(0, seed)
    return words_key(shift_right_logical(seed, seed.dtype.type(32)), seed)


def key(seed, *, impl=None):
    """The same as PRNGKey: keys have no dtype of their own here."""
    return PRNGKey(seed, impl=impl)


def check_generator(impl):
    if impl not in (None, "threefry2x32"):
        raise ValueError(f"unknown generator {impl!r}: vgrad has 'threefry2x32' only.")


def key_impl(keys):
    """The name of the generator of a key."""
    key_operand(keys)
    return "threefry2x32"


def key_data(keys):
    """The words of a key: the key itself."""
    return key_operand(keys)


def wrap_key_data(key_bits_array, *, impl=None):
    """The key of these words: the array itself, checked."""
    check_generator(impl)
    return key_operand(key_bits_array)


def clone(key):
    """The key itself: nothing here forbids to use a key twice."""
    return key_operand(key)


def counters(shape):
    """The counters 0, 1, 2, ... in an array of this shape: uint32 of shape (*shape, 2)."""
    count = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    return np.stack([count >> np.uint64(32), count & np.uint64(0xFFFFFFFF)], axis=-1).astype(UINT32)


def split(key, num=2):
    """`num` new keys, an array of shape (num, 2); for a tuple of ints (*num, 2).

    The first keys are the same for any `num`. Do not use the old key any more.
    """
    key = single_key("split", key)
    return threefry2x32(key, counters(shape_of("split", num)))


def fold_in(key, data):
    """A new key from a key and an integer, for a stream per step or per example.

    data    an integer scalar; of a wide one the lower 32 bits count
    """
    key = single_key("fold_in", key)
    if isinstance(data, int) and not 0 <= data < 2**32:
        raise OverflowError(f"fold_in: Python integer {data} out of bounds for uint32.")
    return threefry2x32(key, words_key(0, integer_scalar("fold_in", data, "data")))
