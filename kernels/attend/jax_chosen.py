"""Which of the allowed keys a query keeps: those of the largest scores, or of the best blocks."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax


def chosen(e: Array, allowed: Array, j: Array, count: int, block: int | None) -> Array:
    """Of the allowed keys the `count` with the largest e, the earlier of equals; with a block size
    those in the `count` blocks of positions whose mean of e over the allowed keys is largest.

    e, allowed: broadcast to [B, ..., queries, keys]; j [B, 1, keys]: positions, rising.
    """
    e, seen = jnp.broadcast_arrays(lax.stop_gradient(e), allowed)
    if block is None:
        return largest(jnp.where(seen, e, -jnp.inf), count) & seen
    place = jnp.floor_divide(j, block)
    number = jnp.cumsum(place != jnp.roll(place, 1, -1), -1)
    number = number - number[..., :1]  # of a key's block among the blocks here
    number = number.reshape(len(j), *(1,) * (e.ndim - 3), -1)
    member = (number[..., None] == jnp.arange(j.shape[-1])).astype(e.dtype)
    total, size = jnp.where(seen, e, 0) @ member, seen.astype(e.dtype) @ member
    mean = jnp.where(size != 0, total / jnp.where(size != 0, size, 1), -jnp.inf)
    number = jnp.broadcast_to(number[..., None, :], e.shape)
    return jnp.take_along_axis(largest(mean, count), number, -1) & seen


def largest(x: Array, count: int) -> Array:
    """Where x is among the `count` largest of the last axis, the earlier of equals."""
    count = min(count, x.shape[-1])
    bar = lax.top_k(x, count)[0][..., -1:]
    above, level = x > bar, x == bar
    return above | (level & (jnp.cumsum(level, -1) <= count - above.sum(-1, keepdims=True)))
