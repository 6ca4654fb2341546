import numpy as np

from tests.primitives.sampling import booleans, complex_, fixed, integers, real, sample
from vgrad.primitives.shape import bitcast, concatenate, pad, reverse, strided_slice

SAMPLES = [
    sample(concatenate, real(2, 3), real(2, 1), real(2, 0), axis=1),
    sample(concatenate, real(2), axis=0),
    sample(concatenate, complex_(1, 3), complex_(2, 3), axis=0),
    sample(concatenate, integers(-3, 3, 2), integers(-3, 3, 3), axis=0),
    sample(strided_slice, real(5, 4), start=(1, 0), stop=(5, 3), step=(2, 1)),
    sample(strided_slice, real(3), start=(2,), stop=(2,), step=(1,)),
    sample(strided_slice, real(), start=(), stop=(), step=()),
    sample(strided_slice, complex_(4), start=(0,), stop=(4,), step=(3,)),
    sample(pad, real(2, 3), real(), widths=((1, 2, 0), (0, 1, 2))),
    sample(pad, real(4, 5), real(), widths=((-1, 2, 0), (1, -3, 1))),
    sample(pad, real(3), real(), widths=((-2, 4, 2),)),
    sample(pad, real(3), real(), widths=((-4, 4, 0),)),
    sample(pad, real(0, 2), real(), widths=((1, 1, 3), (0, 0, 0))),
    sample(pad, real(), real(), widths=()),
    sample(pad, complex_(2), complex_(), widths=((0, 1, 1),)),
    sample(pad, booleans(2), booleans(), widths=((1, 1, 0),)),
    sample(reverse, real(2, 3), axes=(1,)),
    sample(reverse, real(2, 3), axes=(0, 1)),
    sample(reverse, complex_(3), axes=(0,)),
    sample(reverse, real(), axes=()),
    sample(bitcast, fixed(real(2, 3)), dtype=np.dtype(np.uint8)),
    sample(bitcast, integers(0, 9, 3, 2, dtype=np.int32), dtype=np.dtype(np.float64)),
    sample(bitcast, integers(0, 9, 3, dtype=np.int32), dtype=np.dtype(np.float32)),
]
