import numpy as np

from tests.primitives.sampling import between, fixed, integers, sample
from vgrad.primitives.rejection import random_binomial, random_gamma, random_poisson


def words(*shape):
    return integers(0, 2**32, *shape, dtype=np.uint32)


# Derivatives of gamma are those of quantiles, not of the sampler's own branches: tests/random checks them.
SAMPLES = [
    sample(random_gamma, words(2), fixed(between(0.1, 3.0, 2, 3)), log_space=False),
    sample(random_gamma, words(2), fixed(between(0.1, 3.0)), log_space=True),
    sample(random_gamma, words(4, 2), fixed(between(0.1, 3.0, 4, 3)), log_space=True),
    sample(random_poisson, words(2), fixed(between(0.0, 40.0, 5)), dtype=np.dtype(np.int64)),
    sample(random_poisson, words(3, 2), fixed(between(0.0, 40.0, 3, 2)), dtype=np.dtype(np.int32)),
    sample(random_poisson, words(2), fixed(between(0.0, 40.0, 0)), dtype=np.dtype(np.int32)),
    sample(random_binomial, words(2), fixed(between(1.0, 90.0, 5)), fixed(between(0.0, 1.0, 5))),
    sample(random_binomial, words(3, 2), fixed(between(1.0, 90.0, 3, 2)), fixed(between(0.0, 1.0, 3, 2))),
]
