import numpy as np

from tests.primitives.sampling import booleans, complex_, distinct, fixed, given, integers, real, sample
from vgrad.primitives.sorting import argsort, first_equal, searchsorted, sort

ordered = given(lambda rng, dtype: np.sort(rng.normal(size=4)).astype(dtype), "ordered", moves=False)

SAMPLES = [
    sample(sort, distinct(6), axis=0),
    sample(sort, distinct(3, 4), axis=0),
    sample(sort, distinct(2, 3, 2), axis=1),
    sample(sort, complex_(5), axis=0),
    sample(sort, integers(-3, 3, 2, 5), axis=1),
    sample(sort, booleans(5), axis=0),
    sample(sort, real(0, 3), axis=0),
    sample(argsort, distinct(5), axis=0),
    sample(first_equal, integers(-2, 2, 9), axis=0),
    sample(first_equal, integers(0, 3, 2, 8, 3), axis=1),
    sample(first_equal, integers(0, 2, 3, 0), axis=1),
    sample(first_equal, real(4), axis=0),
    sample(argsort, integers(0, 3, 2, 5), axis=1),
    sample(argsort, integers(0, 2, 3, 4), distinct(3, 4), axis=0),
    sample(searchsorted, ordered, fixed(real(2, 3)), side="left"),
    sample(searchsorted, ordered, fixed(real()), side="right"),
    sample(
        searchsorted,
        given(lambda rng, dtype: np.sort(rng.normal(size=(2, 4))).astype(dtype), "ordered rows", moves=False),
        fixed(real(2, 3)),
        side="left",
        batch=1,
    ),
]
