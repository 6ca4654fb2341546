import numpy as np

from tests.primitives.sampling import complex_, distinct, given, integers, real, sample
from vgrad.primitives.indexing import dynamic_slice, dynamic_update_slice, gather, scatter


def indices(values, *, dtype=np.int64):
    """These index values, rolled by the draw: different examples index different places."""
    values = np.asarray(values, dtype)
    return given(
        lambda rng, _: np.roll(values, rng.integers(0, max(values.size, 1))), f"indices({values.tolist()})", moves=False
    )


SAMPLES = [
    sample(gather, real(4, 3), integers(-4, 4, 5), axes=(0,)),
    sample(gather, real(4, 3), integers(0, 3, 2, 2), axes=(1,)),
    sample(gather, real(2, 4, 3), integers(0, 4), axes=(1,)),
    sample(gather, real(2, 4, 3), integers(0, 3, 2, 1), integers(0, 2, 3), axes=(2, 0)),
    sample(gather, real(2, 3), integers(0, 2), integers(-3, 3, 2), axes=(0, 1)),
    sample(gather, real(3), integers(-9, 9, 5), axes=(0,), outside="zero"),
    sample(gather, real(4, 3), indices([2, 0, 3]), axes=(0,), unique=True),
    sample(gather, integers(-5, 5, 3), integers(-9, 9, 5), axes=(0,), outside="fill"),
    sample(gather, real(3), integers(-3, 3, 5), axes=(0,), outside="fill"),
    sample(gather, real(4, 0), integers(0, 4, 2, dtype=np.int8), axes=(0,)),
    sample(gather, real(0, 3), integers(0, 1, 0), axes=(0,)),
    sample(gather, complex_(3, 2), integers(0, 3, 2), axes=(0,)),
    sample(gather, integers(-5, 5, 4), integers(0, 4, 3), axes=(0,)),
    sample(scatter, real(4, 3), real(5, 3), integers(-4, 4, 5), axes=(0,), kind="add"),
    sample(scatter, real(4, 3), real(2, 4), integers(0, 3, 2), axes=(1,), kind="add"),
    sample(scatter, real(4, 3), real(3), integers(0, 4), axes=(0,), kind="add", unique=True),
    sample(scatter, real(3), real(5), integers(-9, 9, 5), axes=(0,), kind="add"),
    sample(scatter, real(2, 4, 3), real(2, 3, 4), integers(0, 3, 2, 1), integers(0, 2, 3), axes=(2, 0), kind="add"),
    sample(scatter, real(4, 3), real(3, 3), indices([2, 0, 3]), axes=(0,), kind="set", unique=True),
    sample(scatter, real(4, 3), real(5, 3), integers(-4, 4, 5), axes=(0,), kind="set"),
    sample(scatter, real(3), real(6), integers(-9, 9, 6), axes=(0,), kind="set"),
    sample(scatter, real(3), real(), integers(0, 3), axes=(0,), kind="set", unique=True),
    sample(scatter, integers(0, 9, 3), integers(0, 9, 4), integers(0, 3, 4), axes=(0,), kind="set"),
    sample(scatter, real(4, 2), real(3, 2), indices([2, 0, 3]), axes=(0,), kind="multiply", unique=True),
    sample(scatter, distinct(4, 2), distinct(3, 2), indices([2, 0, 3]), axes=(0,), kind="minimum"),
    sample(scatter, real(4), real(7), integers(0, 4, 7), axes=(0,), kind="maximum"),
    sample(scatter, integers(0, 9, 3), integers(0, 9, 4), integers(0, 3, 4), axes=(0,), kind="multiply"),
    sample(dynamic_slice, real(5, 3), integers(-7, 7), integers(0, 2), sizes=(2, 3)),
    sample(dynamic_slice, real(5, 4), integers(0, 5), integers(-4, 4), sizes=(2, 3)),
    sample(dynamic_slice, real(2, 3), integers(0, 2), integers(0, 2), sizes=(2, 3)),
    sample(dynamic_slice, real(4), integers(0, 3, dtype=np.int8), sizes=(0,)),
    sample(dynamic_slice, real(), sizes=()),
    sample(dynamic_update_slice, real(5, 3), real(2, 3), integers(-7, 7), integers(0, 2)),
    sample(dynamic_update_slice, real(5, 4), real(2, 3), integers(0, 5), integers(-4, 4)),
    sample(dynamic_update_slice, real(2, 3), real(2, 3), integers(0, 2), integers(0, 2)),
    sample(dynamic_update_slice, real(), real()),
]
