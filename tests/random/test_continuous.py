"""Samplers against the distribution functions of scipy.stats, and derivatives by their parameters."""

import numpy as np
import pytest
from scipy import special, stats

from vgrad import grad, jit, random, vmap

KEY = random.PRNGKey(11)
COUNT = 4000
DISTRIBUTIONS = [
    ("normal", {}, stats.norm()),
    ("exponential", {}, stats.expon()),
    ("gumbel", {}, stats.gumbel_r()),
    ("gumbel", {"mode": "high"}, stats.gumbel_r()),
    ("laplace", {}, stats.laplace()),
    ("logistic", {}, stats.logistic()),
    ("cauchy", {}, stats.cauchy()),
    ("maxwell", {}, stats.maxwell()),
    ("truncated_normal", {"lower": -1.0, "upper": 2.0}, stats.truncnorm(-1, 2)),
    ("lognormal", {"sigma": 0.7}, stats.lognorm(0.7)),
    ("rayleigh", {"scale": 1.5}, stats.rayleigh(scale=1.5)),
    ("triangular", {"left": -1.0, "mode": 0.5, "right": 2.0}, stats.triang(0.5, -1, 3)),
    ("pareto", {"b": 1.7}, stats.pareto(1.7)),
    ("weibull_min", {"scale": 2.0, "concentration": 1.3}, stats.weibull_min(1.3, scale=2)),
    ("wald", {"mean": 1.4}, stats.invgauss(1.4)),
    ("gamma", {"a": 0.3}, stats.gamma(0.3)),
    ("gamma", {"a": 1.0}, stats.gamma(1)),
    ("gamma", {"a": 50.0}, stats.gamma(50)),
    ("loggamma", {"a": 0.2}, stats.loggamma(0.2)),
    ("beta", {"a": 0.6, "b": 2.2}, stats.beta(0.6, 2.2)),
    ("chisquare", {"df": 3.3}, stats.chi2(3.3)),
    ("f", {"dfnum": 3.0, "dfden": 5.0}, stats.f(3, 5)),
    ("t", {"df": 4.2}, stats.t(4.2)),
    ("generalized_normal", {"p": 1.5}, stats.gennorm(1.5)),
]


@pytest.mark.parametrize(
    ("name", "parameters", "distribution"), DISTRIBUTIONS, ids=lambda x: x if type(x) is str else ""
)
def test_samples_have_their_distribution(name, parameters, distribution):
    for dtype in (np.float32, np.float64):
        draws = getattr(random, name)(KEY, **parameters, shape=(COUNT,), dtype=dtype)
        assert draws.dtype == dtype and np.isfinite(draws).all()
        assert stats.kstest(draws.astype(np.float64), distribution.cdf).pvalue > 1e-3


def test_a_double_sided_maxwell_sample_is_a_location_and_a_signed_length():
    draws = random.double_sided_maxwell(KEY, 1.0, 2.0, (COUNT,))
    assert stats.kstest(np.abs(draws - 1) / 2, stats.maxwell.cdf).pvalue > 1e-3
    assert abs(np.mean(draws > 1) - 0.5) < 0.03
    assert random.double_sided_maxwell(KEY, np.zeros(3), 1.0, (2,)).shape == (2, 3)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_normal_samples_have_variance_one(dtype):
    draws = random.normal(KEY, (COUNT,), dtype)
    assert draws.dtype == dtype
    assert abs(np.mean(np.abs(draws) ** 2) - 1) < 0.05 and abs(np.corrcoef(draws.real, draws.imag)[0, 1]) < 0.05


def test_parameters_broadcast_and_give_the_shape():
    a = np.asarray([[0.5], [20.0]])
    assert random.gamma(KEY, a).shape == (2, 1)
    draws = random.gamma(KEY, a, (2, 2000))
    np.testing.assert_allclose(draws.mean(axis=1), [0.5, 20.0], rtol=0.1)


def test_truncated_samples_stay_inside_their_bounds_even_far_out():
    for lower, upper in ((-1.0, 1.0), (3.0, 3.5), (-np.inf, 0.0)):
        draws = random.truncated_normal(KEY, lower, upper, (1000,), np.float32)
        assert (draws > lower).all() and (draws < upper).all()


@pytest.mark.parametrize(("a", "expected"), [(0.0, 0.0), (np.nan, np.nan), (-1.0, np.nan), (np.inf, np.inf)], ids=str)
def test_gamma_of_invalid_parameters(a, expected):
    np.testing.assert_array_equal(random.gamma(KEY, a, (3,)), np.full(3, expected))


SMOOTH = [
    ("truncated_normal", {"lower": -0.9, "upper": 1.1}),
    ("lognormal", {"sigma": 0.7}),
    ("double_sided_maxwell", {"loc": 0.3, "scale": 1.3}),
    ("rayleigh", {"scale": 1.5}),
    ("triangular", {"left": -1.0, "mode": 0.5, "right": 2.0}),
    ("pareto", {"b": 1.7}),
    ("weibull_min", {"scale": 2.0, "concentration": 1.3}),
    ("wald", {"mean": 1.4}),
]


@pytest.mark.parametrize(("name", "parameters"), SMOOTH, ids=[row[0] for row in SMOOTH])
def test_derivatives_by_parameters_are_finite_differences(name, parameters):
    def total(*values):
        draws = getattr(random, name)(KEY, *values, shape=(5,))
        return (draws * np.arange(1, 6)).sum()

    values = list(parameters.values())
    for position in range(len(values)):
        step = np.eye(len(values))[position] * 1e-6
        difference = (total(*(values + step)) - total(*(values - step))) / 2e-6
        np.testing.assert_allclose(grad(total, argnums=position)(*values), difference, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(jit(grad(total, argnums=position))(*values), difference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0, 6.0, 300.0])
def test_the_derivative_of_a_gamma_sample_keeps_its_quantile(a):
    keys = random.split(KEY, 20)
    samples, slopes = vmap(lambda key: (random.gamma(key, a), grad(random.gamma, argnums=1)(key, a)))(keys)
    quantiles = special.gammainc(a, samples)
    step = 1e-4 * a
    differences = (special.gammaincinv(a + step, quantiles) - special.gammaincinv(a - step, quantiles)) / (2 * step)
    np.testing.assert_allclose(slopes, differences, rtol=1e-5, atol=1e-12)
    log_slopes = vmap(lambda key: grad(random.loggamma, argnums=1)(key, a))(keys)
    np.testing.assert_allclose(log_slopes * samples, slopes, rtol=1e-8, atol=1e-300)


def test_per_example_parameters_and_keys_under_vmap():
    keys, a = random.split(KEY, 3), np.asarray([0.3, 2.0, 40.0])
    both = vmap(lambda key, a: random.gamma(key, a, (4,)))(keys, a)
    np.testing.assert_allclose(both, [random.gamma(*pair, (4,)) for pair in zip(keys, a)])
    shared = vmap(lambda a: random.gamma(KEY, a, (4,)))(a)
    np.testing.assert_allclose(shared, [random.gamma(KEY, each, (4,)) for each in a])


def test_errors():
    with pytest.raises(ValueError, match="gumbel: mode must be 'low' or 'high', got 'medium'"):
        random.gumbel(KEY, mode="medium")
