"""vgrad.scipy.stats.gamma against scipy.stats.gamma."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad import grad
from vgrad.scipy.stats import gamma


def test_values_and_derivatives():
    check_distribution(
        gamma,
        np.array([[0.2, 0.9, 1.4], [2.2, 3.1, 6.5]]),
        np.array([0.7, 1.5, 3.0]),
        np.array([-0.3, 0.0, 0.1]),
        np.array([0.7, 1.0, 2.5]),
        moving=(0, 1, 2, 3),
    )


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert gamma.logpdf(-1.0, 2) == -np.inf
        assert gamma.cdf(-1.0, 2) == 0
        assert gamma.sf(-1.0, 2) == 1
        assert grad(gamma.logpdf)(-1.0, 2.0) == 0
