"""vgrad.scipy.stats.binom against scipy.stats.binom."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad.scipy.stats import binom


def test_values_and_derivatives():
    check_distribution(
        binom, np.array([[0, 1, 2], [3, 5, 4]]), np.array([5, 6, 9]), np.array([0.2, 0.5, 0.9]), 0, moving=(2,)
    )


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert binom.pmf(np.array([-1, 6]), 5, 0.3).tolist() == [0, 0]
        assert binom.pmf(0, 5, 0.0) == binom.pmf(5, 5, 1.0) == 1
