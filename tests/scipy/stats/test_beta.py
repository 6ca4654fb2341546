"""vgrad.scipy.stats.beta against scipy.stats.beta."""

import numpy as np

from tests.scipy.stats.agreement import check_distribution
from vgrad import grad
from vgrad.scipy.stats import beta


def test_values_and_derivatives():
    check_distribution(
        beta,
        np.array([[0.05, 0.3, 0.45], [0.55, 0.8, 0.97]]),
        np.array([0.7, 1.5, 3.0]),
        np.array([2.0, 0.8, 1.5]),
        np.array([-0.1, 0.0, 0.1]),
        np.array([1.5, 1.2, 1.0]),
        moving=(0, 3, 4),
    )


def test_outside_of_the_support():
    with np.errstate(all="ignore"):
        assert beta.pdf(np.array([-0.1, 1.1]), 2, 3).tolist() == [0, 0]
        assert beta.cdf(np.array([-0.1, 1.1]), 2, 3).tolist() == [0, 1]
        assert beta.sf(np.array([-0.1, 1.1]), 2, 3).tolist() == [1, 0]
        assert grad(beta.logpdf)(1.5, 2.0, 3.0) == 0
