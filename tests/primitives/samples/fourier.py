from tests.primitives.sampling import complex_, real, sample
from vgrad.primitives.fourier import fft

SAMPLES = [
    sample(fft, complex_(5), kind="fft", axis=0, length=5),
    sample(fft, complex_(2, 4, 3), kind="fft", axis=1, length=4),
    sample(fft, complex_(3, 4), kind="ifft", axis=0, length=3),
    sample(fft, real(5, 2), kind="rfft", axis=0, length=5),
    sample(fft, real(2, 6), kind="rfft", axis=1, length=6),
    sample(fft, real(1), kind="rfft", axis=0, length=1),
    sample(fft, complex_(3, 2), kind="irfft", axis=0, length=5),
    sample(fft, complex_(2, 4), kind="irfft", axis=1, length=6),
    sample(fft, complex_(1), kind="irfft", axis=0, length=1),
]
