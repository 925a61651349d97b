"""A recurrence of vectors, every state given: s_t = a_t * s_{t-1} + x_t."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows
from .jax_scan import begun_anew, scanned

READ_PRE = False


def vector(
    x: Array, a: Array, state: Any, rows: Rows, chunk: int = 64, start: Any = None
) -> tuple[Array, Array]:
    """x, a [B, T, H, K, V]; state [B, H, K, V] or None -> every state, the last; one scan."""
    kind = jnp.promote_types(x.dtype, jnp.float32)
    x, a, like = x.astype(kind), jnp.broadcast_to(a, x.shape).astype(kind), x
    first = jnp.zeros_like(x, shape=(rows.count, *x.shape[2:])) if start is None else start
    initial = None if start is None else start[:, None]
    state = (first if state is None else state).astype(kind)
    if not rows.time:
        return like, state
    steps, products = scanned(*begun_anew(a, x, rows.begins, initial))
    states = steps + products * state[:, None]
    last = states[:, -1]
    if READ_PRE:
        states = jnp.concatenate([state[:, None], states[:, :-1]], 1)
        if rows.packed:
            begins = rows.begins.reshape(*rows.begins.shape, 1, 1, 1)
            states = jnp.where(begins, first[:, None], states)
    return states.astype(like.dtype), last
