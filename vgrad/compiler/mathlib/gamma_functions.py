"""The gamma function, the logarithm of its size, and the derivative of that.

Relies on exponential, table and the intrinsics.

From some operand on, Stirling's series. Before, log gamma is a polynomial of a quotient, times its roots 1 and 2; for
gamma and digamma the recurrence leads to an interval of length 1, where a polynomial gives gamma around 2, and
digamma over the distance from its root. Negative operands are reflected. Near the roots of lgamma and digamma below 0
the error is small next to the terms that cancel, not next to the value. Below -171.6, where it is denormal, gamma is
0.

float32 is computed in float64: every one of these sums would need its own care otherwise.
"""

import numpy as np
from numba import float32, float64

from vgrad.compiler.intrinsics import (
    abs_f64,
    bits_f64,
    copysign_f64,
    float_of_bits_f64,
    floor_f64,
    fma_f64,
    polynomial,
    round_even_f64,
    select,
)
from vgrad.compiler.mathlib.exponential import exp_product_f64, log_f64, log_tail_f64
from vgrad.compiler.mathlib.table import mathlib_function

# ----------------------------------------------------------------------------------------------------------- reflection

PI_F64 = 3.141592653589793

# (sin(pi r) / (pi r) - 1) / r^2 of r^2 for |r| <= 1/2: 2^-56.3 (before rounding of coefficients 2^-71.1)
sine_rest_f64 = polynomial("f64", (
    -1.6449340668482264, 0.8117424252833536, -0.19075182412208258, 0.026147847817611456, -0.0023460810348048615,
    0.00014842878710941303, -6.975840391786825e-06, 2.5300881636704696e-07, -7.092128669371175e-09,
))  # fmt: skip


@mathlib_function
def sine_of_turns_f64(r):
    """sin(pi r) / pi for |r| <= 1/2."""
    return fma_f64(r * r * sine_rest_f64(r * r), r, r)


# ------------------------------------------------------------------------------------------------------------ log gamma

HALF_LOG_TWO_PI_LESS_HALF = 0.41893853320467274
CENTRE = 1.625  # of the middle, 0.6875 <= x <= 4, where lgamma is had by (x - CENTRE) / (x + CENTRE)

# log gamma(x) / ((x - 1) (x - 2)) of (x - CENTRE) / (x + CENTRE) in the middle: 2^-59.0
lgamma_middle_f64 = polynomial("f64", (
    0.46580963736232694, -0.42763172168221025, 0.1277384677711236, -0.14744098087321114, 0.08472489975855838,
    -0.09153418700845299, 0.06348507528990517, -0.06671374492290284, 0.0506984698674109, -0.052551877000542514,
    0.0421773129252914, -0.04337330783946912, 0.03610004396307562, -0.036923363252774614, 0.031558792655025425,
    -0.03228938368818321, 0.027974766073439926, -0.02741890166631718, 0.025238946763515666, -0.03153588790735656,
    0.02422816889479864, -0.002548569630663468, 0.011640950910909888, -0.059091559907701964, 0.044380643957572664,
))  # fmt: skip
# x (log gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2) of 1 / x^2 for x >= 4: 2^-58.8
lgamma_series_f64 = polynomial("f64", (
    0.08333333333333333, -0.002777777777777112, 0.0007936507932052812, -0.0005952379784121329, 0.0008417349975346825,
    -0.0019162554257643545, 0.0063451136558179445, -0.027316806947565886, 0.12651627540043378, -0.477221257013754,
    0.9658563184890857,
))  # fmt: skip


@mathlib_function
def lgamma_f64(x):
    positive = select(x < 0.0, 1.0 - x, x)
    below, by_series = positive < 0.6875, positive >= 4.0
    a = select(below, positive + 1.0, positive)
    t = select(by_series, 1.0, a - CENTRE) / select(by_series, positive, a + CENTRE)
    logarithm = log_f64(positive)
    series = fma_f64(positive - 0.5, logarithm - 1.0, fma_f64(t, lgamma_series_f64(t * t), HALF_LOG_TWO_PI_LESS_HALF))
    middle = fma_f64((a - 1.0) * (a - 2.0), lgamma_middle_f64(t), select(below, -logarithm, 0.0))
    value = select(by_series, series, middle)
    r = x - round_even_f64(x)
    reflected = select(r == 0.0, np.inf, -log_f64(abs_f64(sine_of_turns_f64(r))) - value)
    return select(x == -np.inf, x, select(x < 0.0, reflected, value))


@mathlib_function
def lgamma_f32(x):
    return float32(lgamma_f64(float64(x)))


# ---------------------------------------------------------------------------------------------------------------- gamma

SERIES_FROM = 6.5
ROOT_TWO_PI = 2.5066282746310007
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
INTEGER, INTEGER_BITS = 6755399441055744.0, 0x4338000000000000  # an integer added to the bits is added to the float
LN2_HIGH, LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17

# x (log gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2) of 1 / x^2 for x >= 6.5: 2^-54.0 (before rounding 2^-62.9)
stirling_f64 = polynomial("f64", (
    0.08333333333333333, -0.0027777777777777107, 0.0007936507935737388, -0.0005952380610220207,
    0.000841743190660054, -0.0019165567939915037, 0.0063367207389057705, -0.02618185642087217, 0.08858142848160507,
))  # fmt: skip
# gamma(2 + y) for |y| <= 1/2: 2^-57.0 (before rounding 2^-62.5)
gamma_near_two_f64 = polynomial("f64", (
    1.0, 0.42278433509846713, 0.41184033042643964, 0.0815769192470845, 0.07424901075352228, -0.0002669820685912565,
    0.01115404571766757, -0.002852645827279818, 0.0021039333538756403, -0.0009195737051363747,
    0.0004903882320675369, -0.00024094318401162744, 0.00012167606829300242, -6.077862763501204e-05,
    3.043858476045382e-05, -1.5307910997506955e-05, 7.685023878422004e-06, -3.586157196799376e-06,
    1.7429824616922905e-06, -1.3327254921236424e-06, 7.069593330184954e-07,
))  # fmt: skip


@mathlib_function
def shift_f64(x):
    """The y in [-1/2, 1/2] such that x - 2 - y is an integer, for 0 <= x < 6.5."""
    return x - select(x < 0.5, 0.0, floor_f64(x + 0.5))


@mathlib_function
def rising_f64(x):
    """gamma(x) / gamma(2 + y) for 1.5 <= x < 6.5: the product of the x - k that are at least 1.5; 1 below."""
    product = select(x >= 2.5, x - 1.0, 1.0)
    product *= select(x >= 3.5, x - 2.0, 1.0)
    product *= select(x >= 4.5, x - 3.0, 1.0)
    product *= select(x >= 5.5, x - 4.0, 1.0)
    return product


@mathlib_function
def falling_f64(x):
    """gamma(2 + y) / gamma(x) for 0 <= x < 1.5; 1 above."""
    return select(x < 1.5, x * select(x < 0.5, x + 1.0, 1.0), 1.0)


@mathlib_function
def gamma_by_series_f64(x, shift, sign, factor):
    """factor * (x^shift exp(-x) ...)^sign for x >= 6.5 and a sign of 1 or -1, the exponent held in two floats.

    With a shift of -1/2 the power is gamma(x) / sqrt(2 pi), with 1/2 it is gamma(1 + x) / sqrt(2 pi).
    log(x) = e ln 2 + 2 s + ..., where s = f / (2 + f) and x = 2^e (1 + f).
    """
    exponent = (bits_f64(x) - ROOT_HALF_BITS) >> 52
    f = float_of_bits_f64(bits_f64(x) - (exponent << 52)) - 1.0
    e = float_of_bits_f64(exponent + INTEGER_BITS) - INTEGER
    total = 2.0 + f
    s = f / total
    lost = fma_f64(-s, f - (total - 2.0), fma_f64(-s, total, f)) / total
    rest = fma_f64(s * s * s, log_tail_f64(s * s), 2.0 * lost)
    first = e * LN2_HIGH
    second = first + 2.0 * s
    log_high = second + rest
    log_low = ((second - log_high) + rest) + (2.0 * s - (second - first))
    log_low += fma_f64(e, LN2_LOW, fma_f64(e, LN2_HIGH, -first))
    times = x + shift
    power = times * log_high
    power_low = fma_f64(times, log_low, fma_f64(x - times + shift, log_high, fma_f64(times, log_high, -power)))
    difference = power - x
    low = power_low + ((power - difference) - x)
    correction = stirling_f64(1.0 / (x * x)) / x
    high = difference + correction
    low += (difference - high) + correction
    return exp_product_f64(sign * high, sign * low, factor)


@mathlib_function
def gamma_f64(x):
    """Below 0: 1 / (sin(pi a) / pi * gamma(1 + a)) with a = -x."""
    negative = x < 0.0
    size = abs_f64(x)
    whole = round_even_f64(x)
    sine = sine_of_turns_f64(x - whole)
    sine = select(whole != 2.0 * round_even_f64(0.5 * whole), -sine, sine)
    step = negative & (size < 0.5)
    positive = select(step, 1.0 + size, size)
    y = shift_f64(positive)
    near = gamma_near_two_f64(y) * rising_f64(positive) / falling_f64(positive)
    near = select(negative, 1.0 / (sine * near * select(step, 1.0, size)), near)
    series = gamma_by_series_f64(
        select(positive > 190.0, 190.0, positive),
        select(negative, 0.5, -0.5),
        select(negative, -1.0, 1.0),
        select(negative, 1.0 / (sine * ROOT_TWO_PI), ROOT_TWO_PI),
    )
    value = select(positive >= SERIES_FROM, series, near)
    value = select(negative & (x == whole), np.nan, value)
    return select(x == 0.0, copysign_f64(np.inf, x), value)


@mathlib_function
def gamma_f32(x):
    return float32(gamma_f64(float64(x)))


# -------------------------------------------------------------------------------------------------------------- digamma

ROOT_HIGH, ROOT_LOW = 1.4616321449683622, 9.549995429965697e-17

# digamma(x) / (x - root) of x - 1.5 for 1 <= x <= 2: 2^-54.2 (before rounding 2^-61.1)
digamma_by_root_f64 = polynomial("f64", (
    0.9510558760318328, -0.42362742128146047, 0.24054248424078736, -0.14840492305391834, 0.09498872445282863,
    -0.061922133271581054, 0.04076083394471261, -0.0269757968479294, 0.017907248193212384, -0.011908215074935653,
    0.00792702411947282, -0.005280019415054718, 0.0035180794750058787, -0.002344633371678035, 0.001563572465671319,
    -0.0010423763568339118, 0.0006899502009414852, -0.00045944840859490443, 0.00032687119850610376,
    -0.00021931360171955594, 9.162525277192853e-05, -5.883943644357892e-05, 0.00012238888445747015,
    -8.315307788099848e-05,
))  # fmt: skip
# x^2 (log(x) - 1 / (2 x) - digamma(x)) of 1 / x^2 for x >= 6: 2^-57.6 (before rounding 2^-60.5)
digamma_series_f64 = polynomial("f64", (
    0.08333333333333333, -0.008333333333329708, 0.00396825396468177, -0.004166665306782534, 0.007575496534633081,
    -0.021064309961580624, 0.08146587310453189, -0.36851013026186086, 1.2450204756490566,
))  # fmt: skip


@mathlib_function
def digamma_f64(x):
    positive = select(x < 0.0, 1.0 - x, x)
    # 1 / (x - k) for k up to 4 as long as x - k >= 1, or -1 / x for x < 1: numerators and denominators, 0 / 1 if unused
    u = select(positive < 1.0, -1.0, select(positive >= 2.0, 1.0, 0.0))
    v = select(positive >= 3.0, 1.0, 0.0)
    w = select(positive >= 4.0, 1.0, 0.0)
    z = select(positive >= 5.0, 1.0, 0.0)
    a = select(positive < 1.0, positive, select(positive >= 2.0, positive - 1.0, 1.0))
    b = select(positive >= 3.0, positive - 2.0, 1.0)
    c = select(positive >= 4.0, positive - 3.0, 1.0)
    d = select(positive >= 5.0, positive - 4.0, 1.0)
    top = fma_f64(fma_f64(u, b, v * a), c * d, fma_f64(w, d, z * c) * (a * b))
    bottom = (a * b) * (c * d)
    start = positive - ((u + v) + (w + z))
    near = fma_f64((start - ROOT_HIGH) - ROOT_LOW, digamma_by_root_f64(start - 1.5), top / bottom)
    inverse = 1.0 / positive
    series = log_f64(positive) - fma_f64(inverse * inverse, digamma_series_f64(inverse * inverse), 0.5 * inverse)
    value = select(positive >= 6.0, series, near)
    r = x - round_even_f64(x)
    cotangent = copysign_f64(sine_of_turns_f64(0.5 - abs_f64(r)), r) / abs_f64(sine_of_turns_f64(r))
    reflected = select(r == 0.0, np.nan, fma_f64(-PI_F64, cotangent, value))
    return select(x < 0.0, reflected, value)


@mathlib_function
def digamma_f32(x):
    return float32(digamma_f64(float64(x)))
