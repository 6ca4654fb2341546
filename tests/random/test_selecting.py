import numpy as np
import pytest
from scipy import stats

from vgrad import grad, random, vmap
from vgrad.errors import ShapeError

KEY = random.PRNGKey(3)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 3000])
def test_a_permutation_of_an_integer_has_each_number_once(n):
    draws = random.permutation(KEY, n)
    assert draws.dtype == np.int64 and np.array_equal(np.sort(draws), np.arange(n))


def test_all_orders_are_equally_likely():
    orders = vmap(lambda key: random.permutation(key, 3))(random.split(KEY, 3000))
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_slices_move_together_unless_they_are_independent(axis):
    x = np.arange(24.0).reshape(4, 3, 2)
    moved = random.permutation(KEY, x, axis)
    order = random.permutation(KEY, x.shape[axis])
    assert np.array_equal(moved, np.take(x, order, axis))
    alone = random.permutation(KEY, x, axis, independent=True)
    assert np.array_equal(np.sort(alone, axis), x) and not np.array_equal(alone, moved)


def test_permuted_values_keep_their_derivatives():
    weights = np.arange(5.0)
    slope = grad(lambda x: (random.permutation(KEY, x) * weights).sum())(np.zeros(5))
    assert np.array_equal(slope, np.argsort(random.permutation(KEY, 5)).astype(float))


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("p", [None, np.asarray([0.1, 0.2, 0.3, 0.4])])
def test_choices_have_the_shape_and_the_probabilities(replace, p):
    draws = vmap(lambda key: random.choice(key, 4, (2, 1), replace, p))(random.split(KEY, 4000))
    assert draws.shape == (4000, 2, 1)
    if not replace:
        assert (draws[:, 0] != draws[:, 1]).all()
    counts = np.bincount(draws[:, 0, 0], minlength=4)
    assert stats.chisquare(counts, 4000 * (np.full(4, 0.25) if p is None else p)).pvalue > 1e-3


def test_a_choice_from_an_array_puts_its_shape_in_place_of_the_axis():
    x = np.arange(24).reshape(2, 3, 4)
    chosen = random.choice(KEY, x, (5, 2), axis=1)
    assert chosen.shape == (2, 5, 2, 4)
    assert np.array_equal(chosen, x[:, random.choice(KEY, 3, (5, 2))])
    assert random.choice(KEY, x).shape == (3, 4)
    assert random.choice(KEY, 0, (0,)).shape == (0,)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_categories_have_the_probabilities_of_their_logits(axis):
    probabilities = np.asarray([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    logits = np.log(probabilities if axis else probabilities.T)
    draws = random.categorical(KEY, logits, axis, shape=(4000, 2))
    assert draws.dtype == np.int64
    for column, expected in zip(draws.T, probabilities):
        assert stats.chisquare(np.bincount(column, minlength=3), 4000 * expected).pvalue > 1e-3
    assert random.categorical(KEY, logits, axis).shape == (2,)


def test_categories_without_replacement_differ():
    draws = random.categorical(KEY, np.zeros((5, 4)), shape=(3, 5), replace=False)
    assert draws.shape == (3, 5)
    assert all(len(set(column)) == 3 for column in draws.T.tolist())
    assert (random.categorical(KEY, np.asarray([-np.inf, 0.0]), shape=(50,)) == 1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.permutation(KEY, 2.5), TypeError, "x must be an integer or at least 1-dimensional"),
        (lambda: random.choice(KEY, 0, (2,)), ValueError, "a must be greater than 0 unless no samples are taken"),
        (
            lambda: random.choice(KEY, 5, (2, 3), replace=False),
            ValueError,
            r"larger sample \(size 6\) than population \(size 5\)",
        ),
        (lambda: random.choice(KEY, 5, p=np.ones(3)), ShapeError, r"p has shape \(3,\) and a.shape\[axis\] is 5"),
        (lambda: random.categorical(KEY, np.ones((3, 4)), shape=(2,)), ShapeError, r"shape \(2,\) .* logits \(3,\)"),
        (lambda: random.categorical(KEY, np.arange(3)), TypeError, r"must be an array of floats .* got i64\[3\]"),
        (
            lambda: random.categorical(KEY, np.zeros(3), shape=(4,), replace=False),
            ValueError,
            r"without replacement \(4\) cannot exceed number of categories \(3\)",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
