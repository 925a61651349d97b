"""Scores between tokens of a chunk under a decay per key channel.

Products of decays alone: no logarithm and no division, so that any real decay will do.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def even_and_odd(x: Array) -> tuple[Array, Array]:
    """[N, 2 M, ...]: the even and the odd entries."""
    return x[:, ::2], x[:, 1::2]


def diagonal_scores(x: Array, k: Array, a: Array) -> tuple[Array, Array, Array, Array]:
    """[R, M, ..., C, C]: sum_d x_ird k_jmd prod_{j < l < i} a_ld for j < i, else 0.

    x [..., C, R, K]; k [..., C, M, K]; a [..., C, K]. Also the products before each token, after
    it [..., C, K] and of all [..., 1, K]. Sibling blocks of h tokens meet at their border: a factor
    underflows only where the true product does.
    """
    *lead, size, reads, width = x.shape
    writes, h = k.shape[-2], 1
    x, k = x.reshape(-1, size, reads, width), k.reshape(-1, size, writes, width)
    total = a.reshape(-1, size, 1, width)
    count = len(x)
    result, before = jnp.zeros((count, size, reads, writes), x.dtype), jnp.ones_like(total)
    after = before
    while h < size:
        (first, second), (p1, p2), (s1, s2), (t1, t2) = map(
            even_and_odd, (result, before, after, total)
        )
        late = x.reshape(count, -1, 2, h, reads, width)[:, :, 1] * p2[:, :, :, None]
        early = k.reshape(count, -1, 2, h, writes, width)[:, :, 0] * s1[:, :, :, None]
        late = late.reshape(count, -1, h * reads, width)
        early = early.reshape(count, -1, h * writes, width)
        top = jnp.concatenate([first, jnp.zeros_like(first)], 3)
        lower = jnp.concatenate([late @ early.mT, second], 3)
        result = jnp.concatenate([top, lower], 2)
        before = jnp.concatenate([p1, p2 * t1], 2)
        after = jnp.concatenate([s1 * t2, s2], 2)
        total, h = t1 * t2, 2 * h
    result = result.reshape(*lead, size, reads, size, writes)
    before, after, total = (y.reshape(*lead, -1, width) for y in (before, after, total))
    return jnp.moveaxis(result, (-3, -1), (0, 1)), before, after, total
