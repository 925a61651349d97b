"""Scores between tokens of a chunk under a small matrix per token and channel: products alone."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from ..diagonal.jax_scores import even_and_odd


def compose(a: Array, b: Array) -> Array:
    """[..., P, P, W]: the matrix a after b, for each channel."""
    return (a[..., None, :] * b[..., None, :, :, :]).sum(-3)


def coupled_scores(x: Array, k: Array, p: Array) -> tuple[Array, Array, Array, Array]:
    """[N, C R, C M]: x_i (p_{i-1} ... p_{j+1}) k_j for j < i, else 0; rows by token, then by read.

    x [N, C, R, P, K]; k [N, C, M, P, K]; p [N, C, P, P, W]. Also the products before each token,
    after it [N, C, P, P, W] and of all [N, P, P, W].
    """
    (count, size, reads, states, width), writes, h = x.shape, k.shape[2], 1
    result, total = jnp.zeros((count, size, reads, writes), x.dtype), p[:, :, None]
    one = jnp.eye(states, dtype=p.dtype)[..., None]
    before = jnp.broadcast_to(one, (*total.shape[:5], p.shape[-1]))
    after = before
    while h < size:
        (first, second), (p1, p2), (s1, s2), (t1, t2) = map(
            even_and_odd, (result, before, after, total)
        )
        late = x.reshape(count, -1, 2, h, reads, states, 1, width)[:, :, 1]
        late = (late * p2[:, :, :, None]).sum(-3).reshape(count, -1, h * reads, states * width)
        early = k.reshape(count, -1, 2, h, writes, 1, states, width)[:, :, 0]
        early = (early * s1[:, :, :, None]).sum(-2).reshape(count, -1, h * writes, states * width)
        top = jnp.pad(first, ((0, 0), (0, 0), (0, 0), (0, h * writes)))
        result = jnp.concatenate([top, jnp.concatenate([late @ early.mT, second], 3)], 2)
        before = jnp.concatenate([p1, compose(p2, t1)], 2)
        after = jnp.concatenate([compose(t2, s1), s2], 2)
        total, h = compose(t2, t1), 2 * h
    return result[:, 0], before[:, 0], after[:, 0], total[:, 0, 0]
