from tests.primitives.sampling import complex_, distinct, integers, positive, real, sample
from vgrad.primitives.powers import hypot, integer_pow, logaddexp, logaddexp2, power

SAMPLES = [
    *[sample(integer_pow, distinct(2, 3), y=y) for y in (0, 1, 2, 3, 7, -1, -2)],
    sample(integer_pow, integers(-3, 4, 3), y=3),
    sample(integer_pow, complex_(3), y=3),
    sample(power, positive(2, 3), real(3)),
    sample(power, distinct(2, 3), integers(0, 4, 3)),
    sample(power, integers(-3, 4, 3), integers(0, 4, 3)),
    sample(hypot, real(2, 3), real(3)),
    sample(logaddexp, real(2, 3), real(3)),
    sample(logaddexp2, real(2, 3), real(3)),
]
