"""vgrad.scipy.stats.uniform against scipy.stats.uniform."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad.scipy.stats import uniform


def test_values_and_derivatives():
    check_distribution(
        uniform,
        np.array([[0.05, 0.3, 0.45], [0.55, 0.8, 0.97]]),
        np.array([-0.2, 0.0, 0.1]),
        np.array([1.5, 2.0, 2.5]),
        moving=(0, 1, 2),
    )


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert uniform.pdf(np.array([-0.1, 1.1])).tolist() == [0, 0]
        assert uniform.cdf(np.array([-0.1, 1.1])).tolist() == [0, 1]
        assert np.isnan(uniform.ppf(1.5))
