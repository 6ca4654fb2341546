"""Dot-product attention.

Relies on normalization and vgrad.numpy.
"""

import numpy as np

from vgrad.core.types import promote, type_of
from vgrad.errors import ShapeError
from vgrad.nn.normalization import logsumexp, softmax
from vgrad.numpy.contraction import einsum
from vgrad.numpy.math import logical_and
from vgrad.numpy.operands import operand
from vgrad.numpy.selection import where
from vgrad.numpy.shape import moveaxis, reshape
from vgrad.primitives.broadcasting import convert_to
from vgrad.primitives.stop_gradient import stop_gradient

__all__ = ["dot_product_attention"]

# In place of the logits that a mask hides: far below all others, yet finite, so that a query that sees no key at all
# takes the mean of all values, and not NaN.
HIDDEN = -0.7 * float(np.finfo(np.float32).max)


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
    """softmax(scale * query @ key.T + bias) @ value for each head; an array of the shape of query.

    With B examples, T queries, S keys, N heads of queries, K heads of keys, H features:
    query       (B, T, N, H) or (T, N, H)
    key, value  (B, S, K, H) or (S, K, H); N is a multiple of K, and each head of keys serves N / K heads of queries
    bias        added to the logits, broadcasts to (B, N, T, S)
    mask        booleans that broadcast to (B, N, T, S): which keys a query sees
    scale       1 / sqrt(H) if it is None
    is_causal   query t sees the keys up to t
    query_seq_lengths       (B,), integers: results beyond these lengths are 0
    key_value_seq_lengths   (B,), integers: keys beyond these lengths are not seen
    local_window_size       (left, right), or an int for both: query t sees the keys from t - left to t + right
    implementation          accepted for programs written for JAX; there is one
    return_residual         return (result, logsumexp of the logits (B, T, N) or (T, N), without a derivative)
    Edges: a query that sees no key takes the mean of all values. float16 is summed as float32. float64 stays float64,
    where jax.nn rounds to float32 for the softmax: its results differ by about 1e-7.
    """
    if implementation not in (None, "xla", "cudnn"):
        raise ValueError(f"dot_product_attention: implementation must be None or 'xla', got {implementation!r}.")
    query, key, value = [operand(each, "dot_product_attention: argument") for each in (query, key, value)]
    shape = type_of(query).shape
    query, key, value = [of_rank_four(name, x) for name, x in (("query", query), ("key", key), ("value", value))]
    heads = check_shapes(query, key, value)
    examples, queries, query_heads, features = type_of(query).shape
    keys = type_of(key).shape[1]
    groups = query_heads // heads if heads else 0

    dtype, _ = promote(type_of(query), type_of(key))
    working, _ = promote(type_of(query), type_of(key), type_of(np.float32(0)))
    grouped = reshape(query, (examples, queries, heads, groups, features))
    logits = einsum("btkgh,bskh->bkgts", convert_to(grouped, working), convert_to(key, working))
    logits = logits * (features**-0.5 if scale is None else scale)
    everything = (examples, query_heads, queries, keys)
    if bias is not None:
        bias = of_rank_four("bias", operand(bias))
        logits = convert_to(logits + by_head(bias, "bias", everything, heads), working)

    seen = []
    if mask is not None:
        mask = of_rank_four("mask", operand(mask))
        if type_of(mask).dtype.kind != "b":
            raise TypeError(f"dot_product_attention: mask must be booleans, got dtype {type_of(mask).dtype}.")
        seen.append(by_head(mask, "mask", everything, heads))
    query_positions, key_positions = np.arange(queries)[:, None], np.arange(keys)
    if is_causal:
        seen.append(key_positions <= query_positions)
    if local_window_size is not None:
        left, right = (local_window_size,) * 2 if np.ndim(local_window_size) == 0 else local_window_size
        seen.append((query_positions <= key_positions + left) & (query_positions >= key_positions - right))
    if query_seq_lengths is not None:
        query_lengths = lengths_of("query_seq_lengths", query_seq_lengths, examples)
        seen.append(query_positions < query_lengths)
    if key_value_seq_lengths is not None:
        seen.append(key_positions < lengths_of("key_value_seq_lengths", key_value_seq_lengths, examples))
    for visible in seen[1:]:
        seen[0] = logical_and(seen[0], visible)
    if seen:
        logits = where(seen[0], logits, HIDDEN)

    weights = convert_to(softmax(logits), dtype)
    result = reshape(einsum("bkgts,bskh->btkgh", weights, value), type_of(query).shape)
    if query_seq_lengths is not None:
        inside = np.arange(queries)[:, None, None] < reshape(query_lengths, (examples, 1, 1, 1))
        result = where(inside, result, 0)
    result = reshape(result, shape)
    if not return_residual:
        return result
    sums = reshape(logsumexp(logits, axis=-1), everything[:3])
    return result, stop_gradient(reshape(convert_to(moveaxis(sums, 1, 2), dtype), shape[:-1]))


def of_rank_four(name, x):
    """The array with axes of size 1 in front, so that there are four."""
    shape = type_of(x).shape
    if len(shape) > 4:
        raise ShapeError(f"dot_product_attention: {name} must have at most 4 axes, got shape {shape}.")
    return reshape(x, (1,) * (4 - len(shape)) + shape)


def check_shapes(query, key, value):
    """The number of heads of keys, if the shapes fit together."""
    query_shape, key_shape, value_shape = [type_of(x).shape for x in (query, key, value)]
    if value_shape != key_shape:
        raise ShapeError(
            f"dot_product_attention: key and value must have the same shape, got {key_shape} and {value_shape}."
        )
    if (query_shape[0], query_shape[3]) != (key_shape[0], key_shape[3]):
        raise ShapeError(
            "dot_product_attention: query and key must have the same examples (axis 0) and features (axis 3), "
            f"got {query_shape} and {key_shape}."
        )
    heads = key_shape[2]
    if query_shape[2] != heads and (not heads or query_shape[2] % heads):
        raise ShapeError(
            "dot_product_attention: the number of query heads must be a multiple of the number of key heads, "
            f"got {query_shape[2]} and {heads} in {query_shape} and {key_shape}."
        )
    return heads


def by_head(x, name, shape, heads):
    """What broadcasts to (B, N, T, S), for (B, K, N / K, T, S): with the axis of heads split into groups."""
    own = type_of(x).shape
    if not all([length in (1, full) for length, full in zip(own, shape)]):
        raise ShapeError(f"dot_product_attention: {name} of shape {own} does not broadcast to {shape}.")
    split = (1, 1) if own[1] == 1 else (heads, own[1] // heads)
    return reshape(x, own[:1] + split + own[2:])


def lengths_of(name, lengths, examples):
    """The lengths, one per example, as (B, 1, 1, 1, 1)."""
    lengths = operand(lengths)
    type_ = type_of(lengths)
    if type_.shape != (examples,):
        raise ShapeError(f"dot_product_attention: {name} must have shape {(examples,)}, got {type_.shape}.")
    if type_.dtype.kind not in "iu":
        raise TypeError(f"dot_product_attention: {name} must be integers, got dtype {type_.dtype}.")
    return reshape(lengths, (examples, 1, 1, 1, 1))
