from tests.primitives.sampling import complex_, real, sample
from vgrad.primitives.window import overlap_add, windows

SAMPLES = [
    sample(windows, real(5), axes=(0,), sizes=(3,), strides=(1,), dilations=(1,)),
    sample(windows, real(2, 7, 6), axes=(2, 1), sizes=(2, 3), strides=(1, 2), dilations=(3, 2)),
    sample(windows, real(3, 2), axes=(0,), sizes=(4,), strides=(1,), dilations=(1,)),
    sample(windows, real(2), axes=(), sizes=(), strides=(), dilations=()),
    sample(windows, complex_(6), axes=(0,), sizes=(2,), strides=(4,), dilations=(1,)),
    sample(overlap_add, real(3, 3), axes=(0,), lengths=(5,), sizes=(3,), strides=(1,), dilations=(1,)),
    sample(
        overlap_add, real(2, 2, 3, 2, 3), axes=(2, 1), lengths=(6, 7), sizes=(2, 3), strides=(1, 2), dilations=(3, 2)
    ),
    sample(overlap_add, real(0, 2, 4), axes=(0,), lengths=(3,), sizes=(4,), strides=(1,), dilations=(1,)),
]
