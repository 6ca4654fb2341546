import numpy as np
import pytest
from scipy import stats

from vgrad import config, grad, jit, random, vmap

KEY = random.PRNGKey(7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_bits_have_the_dtype_and_every_bit_is_fair(dtype):
    draws = random.bits(KEY, (4000,), dtype)
    assert draws.dtype == dtype
    width = 8 * draws.itemsize
    ones = (draws[:, np.newaxis] >> np.arange(width, dtype=dtype)) & dtype(1)
    assert np.abs(ones.mean(axis=0) - 0.5).max() < 0.04


def test_the_samples_of_a_shape_are_those_of_any_shape_of_the_same_size():
    assert np.array_equal(random.bits(KEY, (40_000,)).reshape(200, 200), random.bits(KEY, (200, 200)))
    assert np.array_equal(random.bits(KEY, (50_000,))[:20_000], random.bits(KEY, (20_000,)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform_stays_in_its_half_open_interval(dtype):
    draws = random.uniform(KEY, (20_000,), dtype)
    assert draws.dtype == dtype and draws.min() >= 0 and draws.max() < 1
    assert stats.kstest(draws.astype(np.float64), "uniform").pvalue > 1e-3
    draws = random.uniform(KEY, (1000,), dtype, -3, np.full(1000, 5.0))
    assert draws.dtype == dtype and draws.min() >= -3 and draws.max() <= 5 and draws.max() > 4.9


def test_the_default_dtype_is_the_default_float():
    assert random.uniform(KEY).dtype == np.float64 and random.randint(KEY, (), 0, 5).dtype == np.int64
    with config(default_float="float32"):
        assert random.uniform(KEY).dtype == np.float32 and random.randint(KEY, (), 0, 5).dtype == np.int32


def test_uniform_is_differentiable_in_its_bounds():
    u = random.uniform(KEY, (3,))
    for function in (random.uniform, jit(random.uniform, static_argnums=(1, 2))):
        low, high = grad(lambda low, high: function(KEY, (3,), None, low, high).sum(), argnums=(0, 1))(-1.0, 2.0)
        np.testing.assert_allclose([low, high], [np.sum(1 - u), np.sum(u)])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_are_uniform_between_their_bounds(dtype):
    draws = random.randint(KEY, (6000,), 3, 9, dtype)
    assert draws.dtype == dtype
    assert stats.chisquare(np.bincount(draws.astype(int), minlength=9)[3:]).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_reach_the_whole_range_of_the_dtype(dtype):
    info = np.iinfo(dtype)
    draws = random.randint(KEY, (1000,), int(info.min), int(info.max) + 1 if info.bits < 64 else int(info.max), dtype)
    assert draws.dtype == dtype
    assert draws.min() < info.min + (int(info.max) - int(info.min)) // 50
    assert draws.max() > info.max - (int(info.max) - int(info.min)) // 50


def test_integers_of_an_empty_interval_are_its_lower_bound():
    assert random.randint(KEY, (3,), 5, 5).tolist() == [5, 5, 5]
    assert random.randint(KEY, (3,), 5, 2).tolist() == [5, 5, 5]
    assert random.randint(KEY, (2, 3), np.asarray([[0], [10]]), np.asarray([1, 1, 1])).tolist() == [[0] * 3, [10] * 3]


def test_integers_with_traced_bounds():
    bounds = np.asarray([2, 5, 9])
    drawn = vmap(lambda high: random.randint(KEY, (100,), 0, high))(bounds)
    assert np.array_equal(drawn, [random.randint(KEY, (100,), 0, high) for high in bounds])
    with pytest.raises(TypeError, match="randint only accepts integer dtypes, got float64"):
        random.randint(KEY, (2,), 0, 3, float)


def test_coins_fall_with_their_probability():
    p = np.asarray([0.0, 0.2, 0.9, 1.0])
    draws = random.bernoulli(KEY, p, (5000, 4))
    assert draws.dtype == bool
    np.testing.assert_allclose(draws.mean(axis=0), p, atol=0.02)
    assert random.bernoulli(KEY, p).shape == (4,)
    signs = random.rademacher(KEY, (5000,), np.float32)
    assert signs.dtype == np.float32 and set(signs.tolist()) == {-1.0, 1.0} and abs(signs.mean()) < 0.05
    assert random.rademacher(KEY, (2,)).dtype == np.int64
