import numpy as np

from tests.primitives.sampling import complex_, integers, real, sample
from vgrad.primitives.broadcasting import broadcast, convert, permute, reduce_sum, reshape

SAMPLES = [
    sample(reshape, real(2, 3), shape=(3, 2)),
    sample(reshape, real(1), shape=()),
    sample(reshape, real(0, 3), shape=(3, 0)),
    sample(permute, real(2, 3, 4), permutation=(2, 0, 1)),
    sample(permute, real(), permutation=()),
    sample(broadcast, real(3), shape=(2, 3), axes=(1,)),
    sample(broadcast, real(2, 1), shape=(2, 4, 3), axes=(0, 2)),
    sample(broadcast, real(), shape=(2,), axes=()),
    sample(reduce_sum, real(2, 3, 4), axes=(0, 2)),
    sample(reduce_sum, real(2, 0), axes=(1,)),
    sample(reduce_sum, complex_(2, 3), axes=(1,)),
    sample(reduce_sum, integers(-3, 3, 2, 3), axes=(0,)),
    sample(convert, real(2, 3), dtype=np.dtype(np.float32)).but(tolerance=1e9, second_order=False),
    sample(convert, real(2, 3), dtype=np.dtype(np.int64)),
    sample(convert, real(2, 3), dtype=np.dtype(np.float64)),
    sample(convert, real(2, 3), dtype=np.dtype(np.complex128)),
    sample(convert, complex_(2, 3), dtype=np.dtype(np.complex128)),
    sample(convert, complex_(2, 3), dtype=np.dtype(np.float64)),
    sample(convert, integers(-3, 3, 4), dtype=np.dtype(np.float64)),
]
