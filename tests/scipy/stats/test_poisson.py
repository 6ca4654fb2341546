"""vgrad.scipy.stats.poisson against scipy.stats.poisson."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad.scipy.stats import poisson


def test_values_and_derivatives():
    check_distribution(poisson, np.array([[0, 1, 2], [3, 5, 4]]), np.array([0.5, 2.0, 7.0]), 0, moving=(1,))


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert poisson.pmf(np.array([-1.0, 1.5]), 2.0).tolist() == [0, 0]
        assert poisson.cdf(-1, 2.0) == 0
        assert poisson.pmf(0, 0.0) == 1
        assert poisson.pmf(3, 2.0, loc=1) == poisson.pmf(2, 2.0)
