"""vgrad.scipy.stats.bernoulli against scipy.stats.bernoulli."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad.scipy.stats import bernoulli


def test_values_and_derivatives():
    check_distribution(bernoulli, np.array([[0, 1, 0], [1, 0, 1]]), np.array([0.2, 0.5, 0.9]), 0, moving=(1,))


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert bernoulli.pmf(np.array([-1, 2]), 0.3).tolist() == [0, 0]
        assert bernoulli.cdf(np.array([-1, 2]), 0.3).tolist() == [0, 1]
        assert bernoulli.pmf(0, 0.0) == bernoulli.pmf(1, 1.0) == 1
        assert np.isnan(bernoulli.ppf(-0.1, 0.5))
