from tests.primitives.sampling import complex_, real, sample
from vgrad.primitives.complex import complex_of, conj, imag
from vgrad.primitives.complex import real as real_part

SAMPLES = [
    *[sample(function, complex_(2, 3)) for function in (real_part, imag, conj)],
    *[sample(function, complex_()) for function in (real_part, imag, conj)],
    sample(conj, real(2)),
    sample(complex_of, real(2, 3), real(3)),
    sample(complex_of, real(), real()),
]
