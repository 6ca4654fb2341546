"""vgrad.scipy.stats.laplace against scipy.stats.laplace."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad.scipy.stats import laplace


def test_values_and_derivatives():
    check_distribution(
        laplace,
        np.array([[-3.0, -0.4, 0.1], [0.7, 2.2, 6.0]]),
        np.array([-0.3, 0.2, 1.0]),
        np.array([0.7, 1.0, 2.5]),
        moving=(0, 1, 2),
    )
