"""vgrad.scipy.stats.expon against scipy.stats.expon."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad import grad
from vgrad.scipy.stats import expon


def test_values_and_derivatives():
    check_distribution(
        expon,
        np.array([[0.2, 0.9, 1.4], [2.2, 3.1, 6.5]]),
        np.array([-0.3, 0.0, 0.1]),
        np.array([0.7, 1.0, 2.5]),
        moving=(0, 1, 2),
    )


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert expon.logpdf(-1.0) == expon.logcdf(-1.0) == -np.inf
        assert expon.cdf(-1.0) == 0
        assert expon.sf(-1.0) == 1
        assert grad(expon.logcdf)(-1.0) == 0
