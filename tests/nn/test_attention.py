"""Attention against a loop over examples, heads and queries."""

import numpy as np
import pytest

from vgrad import grad, jit, nn, vmap
from vgrad.errors import ShapeError
from vgrad.testing import check_grads

B, T, S, N, K, H = 2, 3, 5, 4, 2, 3
RNG = np.random.default_rng(0)
QUERY, KEY, VALUE = [RNG.normal(size=shape) for shape in ((B, T, N, H), (B, S, K, H), (B, S, K, H))]
BIAS = RNG.normal(size=(B, N, T, S))
MASK = RNG.random((B, N, T, S)) > 0.4
MASK[:, :, 0, 0], MASK[1, 2, 1] = True, False  # example 1, head 2, query 1 sees nothing

CASES = {
    "plain": {},
    "scale": {"scale": 0.3},
    "causal": {"is_causal": True},
    "mask": {"mask": MASK},
    "mask of all heads": {"mask": MASK[:1, :1]},
    "mask of queries and keys": {"mask": MASK[0, 0]},
    "bias": {"bias": BIAS},
    "bias of heads": {"bias": BIAS[0]},
    "bias of all": {"bias": BIAS[:1, :1]},
    "window": {"local_window_size": 1},
    "causal window": {"local_window_size": (2, 0), "is_causal": True},
    "lengths of queries": {"query_seq_lengths": np.array([2, 3], np.int32)},
    "lengths of keys": {"key_value_seq_lengths": np.array([4, 1])},
    "everything": {
        "bias": BIAS,
        "mask": MASK,
        "is_causal": True,
        "scale": 0.7,
        "query_seq_lengths": np.array([3, 2]),
        "key_value_seq_lengths": np.array([4, 2]),
        "local_window_size": (2, 1),
    },
}


def attend(query, key, value):
    return nn.dot_product_attention(query, key, value)


def by_loops(query, key, value, *, bias=0, mask=True, scale=H**-0.5, is_causal=False, query_seq_lengths=None,
             key_value_seq_lengths=None, local_window_size=None):  # fmt: skip
    bias, mask = [np.broadcast_to(x, (B, N, T, S)) for x in (bias, mask)]
    left, right = np.broadcast_to(max(T, S) if local_window_size is None else local_window_size, 2)
    result = np.zeros_like(query)
    for b, t, n in np.ndindex(B, T, N):
        head = n // (N // K)
        inside = query_seq_lengths is None or t < query_seq_lengths[b]
        logits = np.full(S, -1e30)
        for s in range(S):
            seen = mask[b, n, t, s] and (s <= t or not is_causal) and t - left <= s <= t + right and inside
            if seen and (key_value_seq_lengths is None or s < key_value_seq_lengths[b]):
                logits[s] = scale * query[b, t, n] @ key[b, s, head] + bias[b, n, t, s]
        weights = np.exp(logits - logits.max())
        result[b, t, n] = weights @ value[b, :, head] / weights.sum() if inside else 0
    return result


@pytest.mark.parametrize("case", CASES)
def test_attention_is_a_sum_over_keys(case):
    def function(query, key, value):
        return nn.dot_product_attention(query, key, value, **CASES[case])

    wanted = by_loops(QUERY, KEY, VALUE, **CASES[case])
    np.testing.assert_allclose(function(QUERY, KEY, VALUE), wanted, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jit(function)(QUERY, KEY, VALUE), wanted, rtol=1e-12, atol=1e-14)
    check_grads(function, (QUERY, KEY, VALUE), order=1)


def test_derivatives_by_the_bias_and_of_second_order():
    check_grads(lambda bias: nn.dot_product_attention(QUERY, KEY, VALUE, bias, MASK), (BIAS[:, :1],), order=2)
    check_grads(attend, (QUERY, KEY, VALUE), order=2)
    hidden = grad(lambda bias: nn.dot_product_attention(QUERY, KEY, VALUE, bias, MASK).sum())(BIAS)
    assert not hidden[~MASK].any()


def test_examples_may_be_left_out_or_mapped():
    wanted = attend(QUERY, KEY, VALUE)
    np.testing.assert_allclose(attend(QUERY[1], KEY[1], VALUE[1]), wanted[1], rtol=1e-13)
    np.testing.assert_allclose(vmap(attend)(QUERY, KEY, VALUE), wanted, rtol=1e-13)
    gradient = grad(lambda query, key, value: attend(query, key, value).sum(), argnums=(0, 1, 2))
    for mapped, whole in zip(vmap(gradient)(QUERY, KEY, VALUE), gradient(QUERY, KEY, VALUE)):
        np.testing.assert_allclose(mapped, whole, rtol=1e-11, atol=1e-13)


def test_residual_is_the_logsumexp_of_the_logits():
    result, sums = nn.dot_product_attention(QUERY, KEY, VALUE, return_residual=True)
    np.testing.assert_array_equal(result, attend(QUERY, KEY, VALUE))
    logits = np.einsum("btnh,bsnh->btns", QUERY, np.repeat(KEY, N // K, axis=2)) / np.sqrt(H)
    np.testing.assert_allclose(sums, np.log(np.exp(logits).sum(axis=-1)), rtol=1e-12)
    _, one = nn.dot_product_attention(QUERY[0], KEY[0], VALUE[0], return_residual=True)
    np.testing.assert_allclose(one, sums[0], rtol=1e-13)
    slope = grad(lambda q: nn.dot_product_attention(q, KEY, VALUE, return_residual=True)[1].sum())(QUERY)
    assert not slope.any()


def test_dtypes():
    for dtype, tolerance in ((np.float32, 1e-6), (np.float16, 2e-3)):
        got = nn.dot_product_attention(*[x.astype(dtype) for x in (QUERY, KEY, VALUE)], BIAS, MASK, is_causal=True)
        assert got.dtype == dtype
        wanted = by_loops(QUERY, KEY, VALUE, bias=BIAS, mask=MASK, is_causal=True)
        np.testing.assert_allclose(got, wanted, atol=tolerance)


def test_errors():
    with pytest.raises(ShapeError, match=r"same shape, got \(2, 5, 2, 3\) and \(2, 4, 2, 3\)"):
        attend(QUERY, KEY, VALUE[:, :4])
    with pytest.raises(ShapeError, match=r"got \(2, 3, 4, 3\) and \(1, 5, 2, 3\)"):
        attend(QUERY, KEY[:1], VALUE[:1])
    with pytest.raises(ShapeError, match=r"multiple of the number of key heads, got 3 and 2"):
        attend(QUERY[:, :, :3], KEY, VALUE)
    with pytest.raises(ShapeError, match=r"mask of shape \(1, 1, 3, 4\) does not broadcast to \(2, 4, 3, 5\)"):
        nn.dot_product_attention(QUERY, KEY, VALUE, mask=MASK[0, 0, :, :4])
    with pytest.raises(TypeError, match="mask must be booleans, got dtype float64"):
        nn.dot_product_attention(QUERY, KEY, VALUE, mask=BIAS)
    with pytest.raises(ShapeError, match=r"query_seq_lengths must have shape \(2,\), got \(3,\)"):
        nn.dot_product_attention(QUERY, KEY, VALUE, query_seq_lengths=np.array([1, 2, 3]))
    with pytest.raises(TypeError, match="key_value_seq_lengths must be integers, got dtype float64"):
        nn.dot_product_attention(QUERY, KEY, VALUE, key_value_seq_lengths=np.ones(2))
    with pytest.raises(ShapeError, match=r"query must have at most 4 axes"):
        attend(QUERY[None], KEY, VALUE)
    with pytest.raises(ValueError, match="implementation must be None or 'xla', got 'fast'"):
        nn.dot_product_attention(QUERY, KEY, VALUE, implementation="fast")
