"""Operations on the bits of integers (and, for and, or, xor, not, on booleans). None has a derivative.

Relies on elementwise.
"""

import numpy as np

from vgrad.errors import ShapeError
from vgrad.primitives.elementwise import elementwise

bitwise_and = elementwise("and", np.bitwise_and)
bitwise_or = elementwise("or", np.bitwise_or)
bitwise_xor = elementwise("xor", np.bitwise_xor)
invert = elementwise("not", np.invert)
shift_left = elementwise("shift_left", np.left_shift)
shift_right_arithmetic = elementwise("shift_right_arithmetic", np.right_shift)
bitwise_count = elementwise("bitwise_count", np.bitwise_count)  # of the absolute value, as NumPy


def integers_only(name):
    def dtypes(dtype):
        if dtype.kind not in "iu":
            raise ShapeError(f"{name} does not accept dtype {dtype}: it works on integers.")
        return dtype, dtype

    return dtypes


def unsigned(x):
    """The same bits as unsigned integers."""
    x = np.asarray(x)
    return x.view(f"u{x.dtype.itemsize}")


def shift_right_logical_evaluate(x, shift):
    x, shift = np.broadcast_arrays(x, shift)
    x, shift = x.astype(np.result_type(x, shift)), shift.astype(np.result_type(x, shift))
    return np.right_shift(unsigned(x), unsigned(shift)).view(x.dtype)[()]


def population_count_evaluate(x):
    return np.bitwise_count(unsigned(x)).astype(np.asarray(x).dtype)[()]


def count_leading_zeros_evaluate(x):
    bits = unsigned(x).copy()
    width = 8 * bits.dtype.itemsize
    shift = 1
    while shift < width:  # set every bit below the highest one
        bits |= bits >> bits.dtype.type(shift)
        shift *= 2
    return (width - np.bitwise_count(bits)).astype(np.asarray(x).dtype)[()]


shift_right_logical = elementwise(
    "shift_right_logical", shift_right_logical_evaluate, dtype=integers_only("shift_right_logical")
)
population_count = elementwise("population_count", population_count_evaluate, dtype=integers_only("population_count"))
count_leading_zeros = elementwise("clz", count_leading_zeros_evaluate, dtype=integers_only("clz"))
