"""Derivatives of the regularized incomplete gamma function P(a, x) with respect to its order a.

Relies on elementwise. scipy.special has P itself, but not this derivative.

Both forms of P are differentiated term by term: the power series where x <= a + 1, else the continued fraction of
1 - P (Abramowitz and Stegun 6.5.29 and 6.5.31), evaluated by Lentz's method.
"""

import numpy as np

from vgrad.core.primitive import host, refuse
from vgrad.primitives.elementwise import elementwise, inexact

MOST_TERMS = 20_000  # about 10 * sqrt(a) terms are needed near x = a


def derivative_in_order(a, x):
    """dP/da."""
    return by_region(a, x, lambda log_density, scaled: np.exp(log_density) * scaled)


def derivative_of_sample(a, x):
    """dx/da of a gamma sample x held at its quantile: -(dP/da) / (dP/dx). No underflow for small P."""
    return by_region(a, x, lambda log_density, scaled: -scaled)


def by_region(a, x, combine):
    """combine(log of dP/dx, (dP/da) / (dP/dx)) where a > 0 and 0 < x < inf; 0 at x = 0 and inf; NaN elsewhere."""
    from scipy.special import digamma, gammaln  # here, since it takes longer to import than all of vgrad

    dtype = np.result_type(a, x, np.float32)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    result = np.where((a > 0) & ((x == 0) | (x == np.inf)), 0.0, np.nan)
    inside = (a > 0) & (x > 0) & (x < np.inf) & (a < np.inf)
    for region, ratio in ((inside & (x <= a + 1), series_ratio), (inside & (x > a + 1), fraction_ratio)):
        if region.any():
            order, point = a[region], x[region]
            with np.errstate(all="ignore"):
                log_density = (order - 1) * np.log(point) - point - gammaln(order)
                result[region] = combine(log_density, ratio(order, point, digamma))
    return result.astype(dtype)[()]


def series_ratio(a, x, digamma):
    """(dP/da) / (dP/dx) where P = x^a e^-x / gamma(a + 1) * sum of terms x^n / ((a + 1) ... (a + n))."""
    term, log_slope = np.ones_like(a), np.zeros_like(a)
    total, slope = term.copy(), np.zeros_like(a)
    for n in range(1, MOST_TERMS):
        term = term * (x / (a + n))
        log_slope = log_slope - 1 / (a + n)
        change = term * log_slope
        total += term
        slope += change
        if np.all(np.abs(change) <= 1e-17 * np.abs(slope)) and np.all(term <= 1e-17 * total):
            break
    return ((np.log(x) - digamma(a + 1)) * total + slope) * (x / a)


def fraction_ratio(a, x, digamma):
    """(dP/da) / (dP/dx) where 1 - P = x^a e^-x / gamma(a) * 1 / (x+1-a - 1(1-a) / (x+3-a - 2(2-a) / (x+5-a - ...)))."""
    b = x + 1 - a
    denominator, denominator_slope = 1 / b, 1 / b**2
    numerator, numerator_slope = np.full_like(a, 1e300), np.zeros_like(a)
    fraction, slope = denominator, denominator_slope
    for n in range(1, MOST_TERMS):
        b = b + 2
        factor = n * (a - n)
        numerator_slope = -1 + n / numerator - factor * numerator_slope / numerator / numerator
        numerator = b + factor / numerator
        inverse = b + factor * denominator
        inverse_slope = -1 + n * denominator + factor * denominator_slope
        denominator, denominator_slope = 1 / inverse, -inverse_slope / inverse**2
        step = numerator * denominator
        step_slope = numerator_slope * denominator + numerator * denominator_slope
        slope = slope * step + fraction * step_slope
        fraction = fraction * step
        if np.all(np.abs(step - 1) <= 1e-16) and np.all(np.abs(fraction * step_slope) <= 1e-16 * np.abs(slope)):
            break
    return -((np.log(x) - digamma(a)) * fraction + slope) * x


SERIES = host("a series whose length depends on the values")
NO_SECOND = refuse("the derivative of igamma, or of a gamma sample, with respect to a has no derivative itself")

igamma_grad_a = elementwise(
    "igamma_grad_a", derivative_in_order, lower=SERIES, dtype=inexact, derivatives=(NO_SECOND,) * 2
)
random_gamma_grad = elementwise(
    "random_gamma_grad", derivative_of_sample, lower=SERIES, dtype=inexact, derivatives=(NO_SECOND,) * 2
)
