import numpy as np
import pytest
from scipy import stats

from vgrad import grad, random, vmap
from vgrad.errors import ShapeError

KEY = random.PRNGKey(5)
COUNT = 4000


def fits(draws, distribution):
    """Chi-square test of counts of values, tails pooled."""
    low, high = int(distribution.ppf(0.02)), int(distribution.ppf(0.98))
    edges = np.arange(low, high + 1)
    observed = np.asarray([np.sum(draws <= low), *[np.sum(draws == k) for k in edges[1:]], np.sum(draws > high)])
    below = distribution.cdf(edges)
    expected = np.diff(np.concatenate([[0.0], below, [1.0]])) * len(draws)
    return stats.chisquare(observed, expected).pvalue > 1e-3


@pytest.mark.parametrize("lam", [0.5, 4.0, 9.9, 12.0, 80.0])
def test_poisson_counts_have_their_distribution(lam):
    draws = random.poisson(KEY, lam, (COUNT,))
    assert draws.dtype == np.int64 and fits(draws, stats.poisson(lam))


def test_poisson_edges_and_mixed_rates():
    assert random.poisson(KEY, np.asarray([0.0, np.nan])).tolist() == [0, -1]
    rates = np.asarray([0.1, 5.0, 30.0, 1000.0])
    draws = random.poisson(KEY, rates, (2000, 4), np.int32)
    assert draws.dtype == np.int32
    np.testing.assert_allclose(draws.mean(axis=0), rates, rtol=0.1)


@pytest.mark.parametrize("p", [0.05, 0.5, 1.0])
def test_geometric_counts_have_their_distribution(p):
    draws = random.geometric(KEY, p, (COUNT,))
    assert draws.dtype == np.int64 and draws.min() == 1
    assert (draws == 1).all() if p == 1 else fits(draws, stats.geom(p))


def test_without_success_a_geometric_count_is_the_largest_integer():
    assert random.geometric(KEY, 0.0) == np.iinfo(np.int64).max
    assert random.geometric(KEY, 0.0, dtype=np.int16) == np.iinfo(np.int16).max


@pytest.mark.parametrize(("n", "p"), [(7.0, 0.4), (40.0, 0.1), (100.0, 0.3), (100.0, 0.85), (2000.0, 0.5)])
def test_binomial_counts_have_their_distribution(n, p):
    draws = random.binomial(KEY, n, p, (COUNT,))
    assert draws.dtype == np.float64 and fits(draws, stats.binom(int(n), p))


def test_binomial_edges():
    n = np.asarray([5.0, 5.0, 0.0, np.inf, -1.0, np.nan, 5.0, 5.0, 5.0])
    p = np.asarray([0.0, 1.0, 0.5, 0.5, 0.5, 0.5, -0.1, 1.1, np.nan])
    np.testing.assert_array_equal(random.binomial(KEY, n, p), [0, 5, 0, np.inf] + [np.nan] * 5)


def test_multinomial_counts_add_up():
    p = np.asarray([0.2, 0.5, 0.0, 0.3])
    draws = random.multinomial(KEY, 50.0, p, shape=(1000, 4))
    np.testing.assert_array_equal(draws.sum(axis=-1), 50)
    np.testing.assert_allclose(draws.mean(axis=0), 50 * p, rtol=0.05)
    assert random.multinomial(KEY, np.asarray([3.0, 9.0]), p).sum(axis=-1).tolist() == [3, 9]
    with pytest.raises(ShapeError, match=r"shape \(3,\) must end with the categories of p of shape \(4,\)"):
        random.multinomial(KEY, 5.0, p, shape=(3,))


def test_counts_have_no_derivative():
    assert grad(lambda lam: random.poisson(KEY, lam) * lam)(3.0) == random.poisson(KEY, 3.0)
    assert grad(lambda p: random.binomial(KEY, 9.0, p))(0.3) == 0


@pytest.mark.parametrize("lam", [3.0, 30.0])
def test_each_example_stops_on_its_own_under_vmap(lam):
    keys, rates = random.split(KEY, 4), lam * np.arange(1.0, 5.0)
    drawn = vmap(lambda key, rate: random.poisson(key, rate, (7,)))(keys, rates)
    assert np.array_equal(drawn, [random.poisson(*pair, (7,)) for pair in zip(keys, rates)])
    drawn = vmap(lambda key, rate: random.binomial(key, rate * 9, 0.4, (7,)))(keys, rates)
    assert np.array_equal(drawn, [random.binomial(key, rate * 9, 0.4, (7,)) for key, rate in zip(keys, rates)])
