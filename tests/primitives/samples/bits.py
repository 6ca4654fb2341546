import numpy as np

from tests.primitives.sampling import booleans, integers, sample
from vgrad.primitives.bits import (
    bitwise_and,
    bitwise_count,
    bitwise_or,
    bitwise_xor,
    count_leading_zeros,
    invert,
    population_count,
    shift_left,
    shift_right_arithmetic,
    shift_right_logical,
)

SAMPLES = [
    *[sample(logic, integers(-9, 9, 2, 3), integers(-9, 9, 3)) for logic in (bitwise_and, bitwise_or, bitwise_xor)],
    *[sample(logic, booleans(2, 3), booleans(3)) for logic in (bitwise_and, bitwise_or, bitwise_xor)],
    sample(invert, integers(-9, 9, 3)),
    sample(invert, booleans(3)),
    *[
        sample(shift, integers(-99, 99, 2, 3), integers(0, 5, 3))
        for shift in (shift_left, shift_right_arithmetic, shift_right_logical)
    ],
    *[
        sample(count, integers(0, 99, 4, dtype=dtype))
        for count in (bitwise_count, population_count, count_leading_zeros)
        for dtype in (np.int64, np.int32, np.uint8)
    ],
]
