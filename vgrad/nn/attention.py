"""Attention: dot_product_attention.

Relies on vgrad.numpy and normalization.
"""

import math

import numpy as np

from vgrad.core.types import promote, type_of
from vgrad.errors import ShapeError
from vgrad.nn.normalization import softmax
from vgrad.numpy.contraction import einsum
from vgrad.numpy.operands import operand
from vgrad.numpy.selection import where
from vgrad.numpy.shape import expand_dims, moveaxis, reshape
from vgrad.primitives.broadcasting import broadcast_to, convert_to
from vgrad.scipy.special import logsumexp

__all__ = ["dot_product_attention"]


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    *,
    scale=None,
    is_causal=False,
    query_seq_lengths=None,
    key_value_seq_lengths=None,
    local_window_size=None,
    implementation=None,
    return_residual=False,
):
    """softmax(scale * query key^T + bias) value, the softmax over the steps S of the keys.

    Shapes: query (B, T, N, H), key and value (B, S, K, H), result like query. B examples, T and S steps, N heads of
            queries, K heads of keys, H features. Each head of keys serves N / K heads of queries. B may be left out
            of all three.
    bias, mask              (B, N, T, S) or with axes of size 1; where the mask is False no attention is paid
    scale                   default 1 / sqrt(H)
    is_causal               step t attends to steps 0, ..., t only
    query_seq_lengths       (B,): the steps of the queries that are valid; the others give 0
    key_value_seq_lengths   (B,): the steps of the keys that are valid
    local_window_size       (left, right), or one number for both: step t attends to steps t - left, ..., t + right only
    implementation          accepted and ignored
    return_residual         also return the logarithm of the softmax's denominator, (B, T, N)
    Edges: masked scores are a very low number, not -inf: a step that attends to nothing takes the mean of all values
    """
    query, key, value = [operand(each, "dot_product_attention") for each in (query, key, value)]
    shape = type_of(query).shape
    if len(shape) == 3:
        query, key, value = [expand_dims(each, 0) for each in (query, key, value)]
    steps, features = check_shapes(query, key, value)
    scores = grouped_scores(query, key) * (1 / math.sqrt(features) if scale is None else scale)
    full = type_of(scores).shape
    if bias is not None:
        scores = scores + spread(bias, full, "bias")
    allowed = allowed_pairs(full, is_causal, query_seq_lengths, key_value_seq_lengths, local_window_size)
    if mask is not None:
        allowed.append(spread(mask, full, "mask"))
    if allowed:
        lowest = 0.7 * np.finfo(type_of(scores).dtype).min.item()
        both = allowed[0]
        for condition in allowed[1:]:
            both = both & condition
        scores = where(both, scores, lowest)
    output = grouped_values(softmax(scores, axis=-1), value)
    output = convert_to(output, type_of(query).dtype)
    if query_seq_lengths is not None:
        valid = valid_steps(query_seq_lengths, steps)
        output = where(reshape(valid, valid.shape + (1, 1)), output, 0)
    output = reshape(output, shape[:-1] + type_of(output).shape[-1:])
    if not return_residual:
        return output
    residual = moveaxis(logsumexp(scores, axis=-1), 1, 2)
    return output, reshape(residual, shape[:-1])


def check_shapes(query, key, value):
    """(steps of the queries, features). ShapeError when the three do not fit."""
    q, k, v = [type_of(each).shape for each in (query, key, value)]
    fits = len(q) == len(k) == len(v) == 4 and k[:3] == v[:3] and q[0] == k[0] and q[3] == k[3]
    if not fits or k[2] == 0 or q[2] % k[2]:
        raise ShapeError(
            "dot_product_attention: query (B, T, N, H), key and value (B, S, K, H) with N a multiple of K are needed, "
            f"got shapes {q}, {k}, {v}."
        )
    return q[1], q[3]


def grouped_scores(query, key):
    """(B, N, T, S): products of queries and keys, at least in float32."""
    b, t, n, h = type_of(query).shape
    heads = type_of(key).shape[2]
    dtype = np.result_type(promote(type_of(query), type_of(key))[0], np.float32)
    query = reshape(convert_to(query, dtype), (b, t, heads, n // heads, h))
    scores = einsum("btkgh,bskh->bkgts", query, convert_to(key, dtype))
    return reshape(scores, (b, n) + type_of(scores).shape[-2:])


def grouped_values(weights, value):
    """(B, T, N, H): values (B, S, K, H) summed with weights (B, N, T, S)."""
    b, n, t, s = type_of(weights).shape
    heads, h = type_of(value).shape[2:]
    weights = reshape(weights, (b, heads, n // heads, t, s))
    output = einsum("bkgts,bskh->btkgh", weights, convert_to(value, type_of(weights).dtype))
    return reshape(output, (b, t, n, h))


def spread(value, shape, name):
    """The bias or mask with the shape (B, N, T, S) of the scores."""
    value = operand(value, name)
    own = type_of(value).shape
    if len(own) > 4 or any([length not in (1, full) for length, full in zip(own[::-1], shape[::-1])]):
        raise ShapeError(f"dot_product_attention: {name} of shape {own} does not broadcast to (B, N, T, S) = {shape}.")
    return broadcast_to(value, shape)


def valid_steps(lengths, steps):
    """(B, steps): True before the length of each example."""
    lengths = operand(lengths, "dot_product_attention: lengths")
    return np.arange(steps) < reshape(lengths, (-1, 1))


def allowed_pairs(shape, is_causal, query_lengths, key_lengths, window):
    """Conditions on (B, N, T, S), all of which a pair of steps must fulfil."""
    steps, key_steps = shape[-2:]
    query_step, key_step = np.arange(steps)[:, np.newaxis], np.arange(key_steps)
    conditions = []
    if is_causal:
        conditions.append(query_step >= key_step)
    if window is not None:
        left, right = (window, window) if isinstance(window, int) else window
        conditions.append((query_step <= key_step + left) & (query_step >= key_step - right))
    if query_lengths is not None:
        valid = valid_steps(query_lengths, steps)
        conditions.append(reshape(valid, (type_of(valid).shape[0], 1, steps, 1)))
    if key_lengths is not None:
        valid = valid_steps(key_lengths, key_steps)
        conditions.append(reshape(valid, (type_of(valid).shape[0], 1, 1, key_steps)))
    return conditions
