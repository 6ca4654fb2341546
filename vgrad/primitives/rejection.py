"""Samplers that try until they accept: gamma, Poisson, binomial. Each is one operation: the number of trials is random.

Relies on threefry and incomplete_gamma. Operands are a key and parameters; keys of shape (*B, 2) with parameters of
shape (*B, ...) draw each example of the batch B from its own key.
"""

import math

import numpy as np

from vgrad.core.primitive import Primitive, host, no_tangent, refuse
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import broadcast_to, move_axis
from vgrad.primitives.comparison import eq, select
from vgrad.primitives.elementwise import div, exp, mul
from vgrad.primitives.incomplete_gamma import random_gamma_grad
from vgrad.primitives.threefry import UINT32, check_keys, draw_bits, threefry_evaluate


def check_parameters(name, key, *parameters):
    """Parameters of one shape, which starts with that of the batch of keys."""
    check_keys(name, key)
    first = parameters[0].shape
    if any(parameter.shape != first for parameter in parameters) or first[: key.ndim - 1] != key.shape[:-1]:
        shapes = ", ".join(str(parameter.shape) for parameter in parameters)
        raise ShapeError(f"{name}: keys of shape {key.shape} do not fit parameters of shape {shapes}.")


def each_example(primitive_of):
    """The batch rule of a sampler: one key and one set of parameters per example, both along axis 0."""

    def rule(operands, mapped_axes, **params):
        size = next(type_of(o).shape[axis] for o, axis in zip(operands, mapped_axes) if axis is not None)
        moved = [
            broadcast_to(operand, (size,) + type_of(operand).shape) if axis is None else move_axis(operand, axis, 0)
            for operand, axis in zip(operands, mapped_axes)
        ]
        return primitive_of()(*moved, **params), 0

    return rule


# ------------------------------------------------------------------------- keys (N, 2) in, one number or key each out


def split_keys(keys, count):
    """`count` arrays of new keys (N, 2): the ciphers of the counters 0, 1, ..."""
    counters = np.stack([np.zeros(count, UINT32), np.arange(count, dtype=UINT32)], axis=-1)
    return np.moveaxis(threefry_evaluate(keys[:, np.newaxis], counters), 1, 0)


def draw_uniform(keys, count, dtype):
    """(N, count) floats in [0, 1)."""
    info = np.finfo(dtype)
    words = draw_bits(keys, count, info.bits) >> (info.bits - info.nmant)
    return words.astype(dtype) * dtype.type(2.0**-info.nmant)


def draw_normal(keys, dtype):
    """(N,) normal floats."""
    from scipy.special import erfinv  # here, since it takes longer to import than all of vgrad

    low = np.nextafter(dtype.type(-1), dtype.type(0))
    uniform = np.maximum(low, draw_uniform(keys, 1, dtype)[:, 0] * (1 - low) + low)
    return dtype.type(np.sqrt(2)) * erfinv(uniform).astype(dtype, copy=False)


# ------------------------------------------------------------------------------------------------------ random_gamma


def gamma_type(key, a, *, log_space):
    check_parameters("random_gamma", key, a)
    return ArrayType(a.shape, a.dtype)


def gamma_evaluate(key, a, *, log_space):
    key, a = np.asarray(key), np.asarray(a)
    keys = key.reshape(-1, 2)
    each = a.size // max(len(keys), 1)
    keys = np.moveaxis(split_keys(keys, each), 0, 1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        return draw_gamma(keys, a.ravel(), log_space).reshape(a.shape)[()]


def draw_gamma(keys, a, log_space):
    """Marsaglia, Tsang 2000, "A simple method for generating gamma variables": d v with v the cube of a linear function
    of a normal x. Below a = 1 a sample of a + 1, times u**(1/a) with u uniform.

    Numbers are of the dtype of `a` throughout. Parameters that are not positive or not finite give what d v gives.
    """
    dtype = a.dtype
    boosted = ~(a >= 1)
    third = dtype.type(1 / 3)
    d = np.where(boosted, a + 1, a).astype(dtype) - third
    c = third / np.sqrt(d)
    keys, boost_keys = split_keys(keys, 2)
    accepted_v = np.ones_like(a)
    trying = np.arange(len(a))
    while len(trying):
        keys, x_keys, u_keys = split_keys(keys, 3)
        x, v = draw_positive(x_keys, c[trying])
        square, cube = x * x, v * v * v
        u = draw_uniform(u_keys, 1, dtype)[:, 0]
        rejected = (u >= 1 - dtype.type(0.0331) * (square * square)) & (
            np.log(u) >= square * dtype.type(0.5) + d[trying] * (1 - cube + np.log(cube))
        )
        accepted_v[trying] = cube
        trying, keys = trying[rejected], keys[rejected]
    boost = draw_uniform(boost_keys, 1, dtype)[:, 0]
    if log_space:
        log_boost = np.log1p(-boost)
        return np.log(d) + np.log(accepted_v) + np.where(boosted & (log_boost != 0), log_boost * (1 / a), dtype.type(0))
    return d * accepted_v * np.where(boosted, np.power(1 - boost, 1 / a), dtype.type(1))


def draw_positive(keys, c):
    """(x, 1 + c x) with x normal, drawn until the second is positive."""
    x, v = np.zeros_like(c), np.full_like(c, -1)
    trying = np.arange(len(c))
    while len(trying):
        keys, x_keys = split_keys(keys, 2)
        x[trying] = draw_normal(x_keys, c.dtype)
        v[trying] = 1 + x[trying] * c[trying]
        again = v[trying] <= 0
        trying, keys = trying[again], keys[again]
    return x, v


def gamma_jvp(output, operands, tangents, *, log_space):
    """Implicit differentiation at a fixed quantile: Figurnov, Mohamed, Mnih 2018, "Implicit reparameterization"."""
    if tangents[1] is None:
        return None
    if not log_space:
        return mul(tangents[1], random_gamma_grad(operands[1], output))
    tiny = np.finfo(type_of(output).dtype).tiny
    sample = exp(output)
    sample = select(eq(sample, 0), tiny, sample)
    return mul(tangents[1], div(random_gamma_grad(operands[1], sample), sample))


random_gamma = Primitive(
    "random_gamma",
    output_type=gamma_type,
    evaluate=gamma_evaluate,
    jvp=gamma_jvp,
    transpose=refuse("random_gamma is not linear in its parameter"),
    batch=each_example(lambda: random_gamma),
    lower=host("rejection: each sample takes its own number of rounds"),
)


# ---------------------------------------------------------------------------------------------------- random_poisson


def poisson_type(key, rate, *, dtype):
    check_parameters("random_poisson", key, rate)
    return ArrayType(rate.shape, dtype)


def poisson_evaluate(key, rate, *, dtype):
    key, rate = np.asarray(key), np.asarray(rate)
    keys = key.reshape(-1, 2)
    rows = rate.reshape(len(keys), math.prod(rate.shape[key.ndim - 1 :]))
    small = np.isnan(rows) | (rows < 10)
    most = np.iinfo(dtype).max
    with np.errstate(all="ignore"):
        counts = poisson_by_products(keys, np.where(small, rows, 0), most)
        if not small.all():
            large = poisson_by_rejection(keys, np.where(small, rows.dtype.type(1e5), rows), most)
            counts = np.where(small, counts, large)
        return np.where(rows == 0, 0, np.minimum(counts, most)).astype(dtype).reshape(rate.shape)[()]


def poisson_by_products(keys, rate, most_rounds):
    """Knuth, The Art of Computer Programming 2, 3.4.1: how many uniform numbers have a product above exp(-rate)."""
    counts = np.full(rate.shape, -1, np.int64)
    log_product = np.zeros(rate.shape, np.float32)
    rows = np.arange(len(keys))
    for _ in range(most_rounds):
        going = log_product[rows] > -rate[rows]
        alive = going.any(axis=1)
        rows, keys = rows[alive], keys[alive]
        if not len(rows):
            break
        counts[rows] += going[alive]
        keys, u_keys = split_keys(keys, 2)
        log_product[rows] += np.log(draw_uniform(u_keys, rate.shape[1], log_product.dtype))
    return counts


def poisson_by_rejection(keys, rate, most_rounds):
    """Hormann 1993, "The transformed rejection method for generating Poisson random variables" (PTRS), rate >= 10.

    A row is drawn anew until each of its elements was accepted in some round; of several the last one counts.
    """
    from scipy.special import gammaln  # here, since it takes longer to import than all of vgrad

    log_rate = np.log(rate)
    b = 0.931 + 2.53 * np.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)
    counts = np.full(rate.shape, -1, rate.dtype)
    accepted = np.zeros(rate.shape, bool)
    rows = np.arange(len(keys))
    for _ in range(most_rounds):
        alive = ~accepted[rows].all(axis=1)
        rows, keys = rows[alive], keys[alive]
        if not len(rows):
            break
        keys, u_keys, v_keys = split_keys(keys, 3)
        u = draw_uniform(u_keys, rate.shape[1], rate.dtype) - rate.dtype.type(0.5)
        v = draw_uniform(v_keys, rate.shape[1], rate.dtype)
        from_edge = 0.5 - np.abs(u)
        count = np.floor((2 * a[rows] / from_edge + b[rows]) * u + rate[rows] + rate.dtype.type(0.43))
        log_ratio = np.log(v * inverse_alpha[rows] / (a[rows] / (from_edge * from_edge) + b[rows]))
        log_density = -rate[rows] + count * log_rate[rows] - gammaln(count + 1)
        surely = (from_edge >= 0.07) & (v <= squeeze[rows])
        never = (count < 0) | ((from_edge < 0.013) & (v > from_edge))
        accept = surely | (~never & (log_ratio <= log_density))
        counts[rows] = np.where(accept, count, counts[rows])
        accepted[rows] |= accept
    return counts


random_poisson = Primitive(
    "random_poisson",
    output_type=poisson_type,
    evaluate=poisson_evaluate,
    jvp=no_tangent,
    transpose=refuse("random_poisson is not linear in its parameter"),
    batch=each_example(lambda: random_poisson),
    lower=host("rejection: each sample takes its own number of rounds"),
)


# --------------------------------------------------------------------------------------------------- random_binomial


def binomial_type(key, count, probability):
    check_parameters("random_binomial", key, count, probability)
    return ArrayType(count.shape, probability.dtype)


def binomial_evaluate(key, count, probability):
    """Samples for min(p, 1 - p), then counted from the other side where p >= 1/2."""
    key, dtype = np.asarray(key), np.asarray(probability).dtype
    keys = key.reshape(-1, 2)
    shape = (len(keys), math.prod(np.shape(count)[key.ndim - 1 :]))
    n, p = np.asarray(count).reshape(shape), np.asarray(probability).reshape(shape)
    with np.errstate(all="ignore"):
        rare = np.where(p < 0.5, p, 1 - p)
        invalid = np.isnan(n) | (n < 0) | np.isnan(rare) | (rare < 0)
        small = invalid | (n * rare <= 10)
        whole = np.floor(n)
        counted = small & ~invalid  # for -1 trials nothing is drawn
        samples = binomial_by_gaps(keys, np.where(counted, whole, -1), np.where(counted, rare, dtype.type(0.5)))
        many = ~small & ~invalid & np.isfinite(n)  # no other would ever be accepted
        if many.any():
            large = binomial_by_rejection(
                keys, np.where(many, whole, dtype.type(1e4)), np.where(many, rare, dtype.type(0.5))
            )
            samples = np.where(many, large, samples)
        samples = np.where(p < 0.5, samples, whole - samples)
        samples = np.where(np.isinf(n), np.inf, samples)
        return np.where(invalid, np.nan, samples).astype(dtype).reshape(np.shape(count))[()]


def binomial_by_gaps(keys, n, p):
    """How many gaps between successes, each geometric, fit into n trials: Devroye 1986, X.4.3, second waiting time."""
    successes = np.full(n.shape, -1, n.dtype)
    trials = np.zeros(n.shape, n.dtype)
    log_failure = np.log1p(-p)
    rows = np.arange(len(keys))
    while True:
        going = trials[rows] <= n[rows]
        alive = going.any(axis=1)
        rows, keys = rows[alive], keys[alive]
        if not len(rows):
            return successes
        successes[rows] += going[alive]
        u_keys, keys = split_keys(keys, 2)
        trials[rows] += np.ceil(np.log(draw_uniform(u_keys, n.shape[1], n.dtype)) / log_failure[rows])


def binomial_by_rejection(keys, n, p):
    """Hormann 1993, "The generation of binomial random variates" (BTRS), n p >= 10, p <= 1/2.

    A row is drawn anew until each of its elements was accepted in some round; of several the last one counts.
    """
    deviation = np.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center = n * p + 0.5
    squeeze = 0.92 - 4.2 / b
    odds = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = np.floor((n + 1) * p)
    at_mode = (
        (mode + 0.5) * np.log((mode + 1) / (odds * (n - mode + 1))) + stirling_tail(mode) + stirling_tail(n - mode)
    )
    counts = np.full(n.shape, -1, n.dtype)
    accepted = np.zeros(n.shape, bool)
    rows = np.arange(len(keys))
    while True:
        alive = ~accepted[rows].all(axis=1)
        rows, keys = rows[alive], keys[alive]
        if not len(rows):
            return counts
        keys, u_keys, v_keys = split_keys(keys, 3)
        u = draw_uniform(u_keys, n.shape[1], n.dtype) - n.dtype.type(0.5)
        v = draw_uniform(v_keys, n.shape[1], n.dtype)
        from_edge = 0.5 - np.abs(u)
        count = np.floor((2 * a[rows] / from_edge + b[rows]) * u + center[rows])
        left = n[rows] - count
        log_ratio = np.log(v * alpha[rows] / (a[rows] / (from_edge * from_edge) + b[rows]))
        log_density = (
            at_mode[rows]
            + (n[rows] + 1) * np.log((n[rows] - mode[rows] + 1) / (left + 1))
            + (count + 0.5) * np.log(odds[rows] * (left + 1) / (count + 1))
            - stirling_tail(count)
            - stirling_tail(left)
        )
        surely = (from_edge >= 0.07) & (v <= squeeze[rows])
        accept = surely | ((count >= 0) & (count <= n[rows]) & (log_ratio <= log_density))
        counts[rows] = np.where(accept, count, counts[rows])
        accepted[rows] |= accept


def stirling_tail(k):
    """log(k!) minus Stirling's approximation (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2."""
    square = (k + 1) * (k + 1)
    asymptotic = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
    return np.where(k <= 9, STIRLING_TAILS.astype(k.dtype)[np.clip(np.nan_to_num(k), 0, 9).astype(int)], asymptotic)


STIRLING_TAILS = np.asarray(
    [math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi)) for k in range(10)]
)

random_binomial = Primitive(
    "random_binomial",
    output_type=binomial_type,
    evaluate=binomial_evaluate,
    jvp=no_tangent,
    transpose=refuse("random_binomial is not linear in its parameters"),
    batch=each_example(lambda: random_binomial),
    lower=host("rejection: each sample takes its own number of rounds"),
)
