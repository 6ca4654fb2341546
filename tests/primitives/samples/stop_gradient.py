from tests.primitives.sampling import booleans, fixed, integers, real, sample
from vgrad.primitives.stop_gradient import stop_gradient

# the derivative is left out on purpose, so it is not checked against differences
SAMPLES = [
    sample(stop_gradient, fixed(real(2, 3))),
    sample(stop_gradient, fixed(real())),
    sample(stop_gradient, integers(-3, 3, 2)),
    sample(stop_gradient, booleans(2)),
]
