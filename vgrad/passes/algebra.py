"""The algebra: rewrites that hold for every value, NaN, Inf and signed zeros included.

Relies on rewrite and primitives. Each row is proven by the generic test that evaluates both sides of its example.
"""

from vgrad.core.types import type_of
from vgrad.passes.rewrite import Rewrite
from vgrad.primitives.broadcasting import convert, permute, reduce_sum, reshape
from vgrad.primitives.elementwise import add, div, mul, neg, sub
from vgrad.primitives.powers import integer_pow, power

DOUBLE_NEGATION = Rewrite(
    name="the negative of a negative is the value",
    before=lambda x: neg(neg(x)),
    after=lambda x: x,
    when=None,
    why="reverse mode negates cotangents of subtractions on their way down and up",
    example={"x": (2, 3)},
)
TIMES_ONE = Rewrite(
    name="a value times one is the value",
    before=lambda x: mul(x, 1.0),
    after=lambda x: x,
    when=None,
    why="the cotangent of a scalar output is one",
    example={"x": (2, 3)},
)
ONE_TIMES = Rewrite(
    name="one times a value is the value",
    before=lambda x: mul(1.0, x),
    after=lambda x: x,
    when=None,
    why="the cotangent of a scalar output is one",
    example={"x": (2, 3)},
)
OVER_ONE = Rewrite(
    name="a value over one is the value",
    before=lambda x: div(x, 1.0),
    after=lambda x: x,
    when=None,
    why="means over one element",
    example={"x": (2, 3)},
)


def is_negated_exactly(x, y):
    """Whether the negative of y is that of y in the dtype of both: integers wrap around in their own."""
    return type_of(y).dtype.kind in "fc" or type_of(y).dtype == type_of(x).dtype


PLUS_NEGATIVE = Rewrite(
    name="adding a negative is a subtraction",
    before=lambda x, y: add(x, neg(y)),
    after=lambda x, y: sub(x, y),
    when=is_negated_exactly,
    why="one pass over memory in place of two, where derivatives of differences accumulate",
    example={"x": (2, 3), "y": (3,)},
)
MINUS_NEGATIVE = Rewrite(
    name="subtracting a negative is an addition",
    before=lambda x, y: sub(x, neg(y)),
    after=lambda x, y: add(x, y),
    when=is_negated_exactly,
    why="one pass over memory in place of two",
    example={"x": (2, 3), "y": (3,)},
)
TRANSPOSE_TWICE = Rewrite(
    name="two transpositions are one",
    before=lambda x, p, q: permute(permute(x, permutation=p), permutation=q),
    after=lambda x, p, q: permute(x, permutation=tuple([p[axis] for axis in q])),
    when=None,
    why="moving mapped axes to the front and back leaves pairs of them",
    example={"x": (2, 3, 4), "p": (2, 0, 1), "q": (1, 0, 2)},
)
TRANSPOSE_NOTHING = Rewrite(
    name="a transposition that keeps all axes is the value",
    before=lambda x, p: permute(x, permutation=p),
    after=lambda x, p: x,
    when=lambda x, p: p == tuple(range(len(p))),
    why="what is left of two transpositions that undo each other",
    example={"x": (2, 3), "p": (0, 1)},
)
RESHAPE_TWICE = Rewrite(
    name="two reshapes are one",
    before=lambda x, s, t: reshape(reshape(x, shape=s), shape=t),
    after=lambda x, s, t: reshape(x, shape=t),
    when=None,
    why="axes added for broadcasting are taken away again",
    example={"x": (2, 6), "s": (3, 4), "t": (12,)},
)
RESHAPE_NOTHING = Rewrite(
    name="a reshape to the same shape is the value",
    before=lambda x, s: reshape(x, shape=s),
    after=lambda x, s: x,
    when=lambda x, s: type_of(x).shape == s,
    why="what is left of two reshapes that undo each other",
    example={"x": (2, 3), "s": (2, 3)},
)
CONVERT_NOTHING = Rewrite(
    name="a conversion to the same dtype is the value",
    before=lambda x, d: convert(x, dtype=d),
    after=lambda x, d: x,
    when=lambda x, d: type_of(x).dtype == d and not type_of(x).weak,
    why="NumPy code asks for the dtype that is there already",
    example={"x": (2, 3), "d": "float64"},
)
SUM_OVER_NOTHING = Rewrite(
    name="a sum over no axes is the value",
    before=lambda x, a: reduce_sum(x, axes=a),
    after=lambda x, a: x,
    when=lambda x, a: a == (),
    why="sums over axes computed by a program may be empty",
    example={"x": (2, 3), "a": ()},
)
SUM_TWICE = Rewrite(
    name="a sum of a sum is one sum",
    before=lambda x, a, b: reduce_sum(reduce_sum(x, axes=a), axes=b),
    after=lambda x, a, b: reduce_sum(x, axes=joined_axes(x, a, b)),
    when=None,
    why="one pass over memory in place of two",
    example={"x": (2, 3, 4), "a": (1,), "b": (1,)},
)


def joined_axes(x, first, second):
    """Axes of x that are summed by a sum over `first` and then one over `second` of what is left."""
    left = [axis for axis in range(type_of(x).ndim) if axis not in first]
    return tuple(sorted([*first, *[left[axis] for axis in second]]))


POWER_TWO = Rewrite(
    name="a power of two is a square",
    before=lambda x: power(x, 2.0),
    after=lambda x: integer_pow(x, y=2),
    when=lambda x: type_of(x).dtype.kind == "f",
    why="a square stays a contraction, and costs one product",
    example={"x": (2, 3)},
)

RULES = (
    DOUBLE_NEGATION,
    TIMES_ONE,
    ONE_TIMES,
    OVER_ONE,
    PLUS_NEGATIVE,
    MINUS_NEGATIVE,
    TRANSPOSE_TWICE,
    TRANSPOSE_NOTHING,
    RESHAPE_TWICE,
    RESHAPE_NOTHING,
    CONVERT_NOTHING,
    SUM_OVER_NOTHING,
    SUM_TWICE,
    POWER_TWO,
)
