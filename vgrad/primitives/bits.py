"""Operations on the bits of integers (and, for and, or, xor, not, on booleans). None has a derivative.

Relies on elementwise.
"""

import numpy as np

from vgrad.errors import ShapeError
from vgrad.primitives.elementwise import elementwise

# what the compiler makes of shifts: by a whole word or more, and by a negative number, as NumPy
SHIFT_RIGHT = {
    "i": "x0 >> select(unsigned(x1) < width, x1, width - 1)",
    "u": "select(x1 < width, x0 >> (x1 & (width - 1)), 0)",
}
SHIFT_RIGHT_LOGICAL = "select(unsigned(x1) < width, unsigned(x0) >> unsigned(x1 & (width - 1)), 0)"

bitwise_and = elementwise("and", np.bitwise_and, lower="x0 & x1")
bitwise_or = elementwise("or", np.bitwise_or, lower="x0 | x1")
bitwise_xor = elementwise("xor", np.bitwise_xor, lower="x0 ^ x1")
invert = elementwise("not", np.invert, lower={"b": "not x0", "iu": "~x0"})
shift_left = elementwise("shift_left", np.left_shift, lower="select(unsigned(x1) < width, x0 << (x1 & (width - 1)), 0)")
shift_right_arithmetic = elementwise("shift_right_arithmetic", np.right_shift, lower=SHIFT_RIGHT)
bitwise_count = elementwise(
    "bitwise_count", np.bitwise_count, lower={"i": "popcount(select(x0 < 0, -x0, x0))", "u": "popcount(x0)"}
)  # of the absolute value, as NumPy


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
    "shift_right_logical",
    shift_right_logical_evaluate,
    lower=SHIFT_RIGHT_LOGICAL,
    dtype=integers_only("shift_right_logical"),
)
population_count = elementwise(
    "population_count", population_count_evaluate, lower="popcount(x0)", dtype=integers_only("population_count")
)
count_leading_zeros = elementwise("clz", count_leading_zeros_evaluate, lower="clz(x0)", dtype=integers_only("clz"))
