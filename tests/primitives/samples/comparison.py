from tests.primitives.sampling import booleans, complex_, distinct, fixed, given, integers, real, sample
from vgrad.primitives.comparison import (
    absolute,
    clamp,
    copysign,
    eq,
    ge,
    gt,
    heaviside,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    ne,
    select,
    signbit,
)

EDGES = given(
    lambda rng, dtype: dtype.type([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.0]), "edges", False
)

SAMPLES = [
    *[sample(compare, distinct(2, 3), distinct(3)) for compare in (eq, ne, lt, le, gt, ge)],
    *[sample(compare, integers(0, 3, 4), integers(0, 3, 2, 1)) for compare in (eq, ne, lt, le, gt, ge)],
    *[sample(logic, booleans(2, 3), booleans(3)) for logic in (logical_and, logical_or, logical_xor)],
    sample(logical_not, booleans(3)),
    *[sample(test, EDGES) for test in (isfinite, isnan, isinf, signbit)],
    sample(select, booleans(2, 3), real(2, 3), real(3)),
    sample(select, booleans(3), real(2, 1), real()),
    sample(select, booleans(), real(2, 3), complex_(3)),
    sample(select, booleans(3), integers(-3, 3, 3), real(3)),
    sample(absolute, distinct(2, 3)),
    sample(absolute, complex_(3)),
    sample(absolute, integers(-3, 3, 4)),
    *[sample(extreme, distinct(2, 3), real(3)) for extreme in (maximum, minimum)],
    *[sample(extreme, integers(-3, 3, 2, 3), integers(-3, 3, 3)) for extreme in (maximum, minimum)],
    sample(clamp, fixed(given(lambda rng, dtype: dtype.type(-0.4), "-0.4")), distinct(2, 3), real(3)),
    sample(copysign, distinct(2, 3), fixed(distinct(3))),
    sample(heaviside, given(lambda rng, dtype: dtype.type([0.0, -1.0, 2.0]), "signs", moves=False), real(3)),
]
