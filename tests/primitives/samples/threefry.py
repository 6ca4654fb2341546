import numpy as np

from tests.primitives.sampling import integers, sample
from vgrad.primitives.threefry import random_bits, threefry2x32


def words(*shape):
    return integers(0, 2**32, *shape, dtype=np.uint32)


SAMPLES = [
    sample(threefry2x32, words(2), words(2)),
    sample(threefry2x32, words(2), words(3, 2)),
    sample(threefry2x32, words(3, 1, 2), words(4, 2)),
    sample(threefry2x32, words(2), words(0, 2)),
    sample(random_bits, words(2), shape=(), bit_width=32),
    sample(random_bits, words(2), shape=(3, 2), bit_width=8),
    sample(random_bits, words(3, 2), shape=(4,), bit_width=64),
    sample(random_bits, words(2), shape=(0, 2), bit_width=16),
]
