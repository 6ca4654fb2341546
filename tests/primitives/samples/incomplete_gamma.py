from tests.primitives.sampling import between, fixed, positive, sample
from vgrad.primitives.incomplete_gamma import igamma_grad_a, random_gamma_grad

SAMPLES = [
    *[sample(f, fixed(positive(2, 3)), fixed(positive(3))) for f in (igamma_grad_a, random_gamma_grad)],
    *[sample(f, fixed(positive(3)), fixed(between(5, 50, 3))) for f in (igamma_grad_a, random_gamma_grad)],
]
