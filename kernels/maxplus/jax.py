"""States of the max-plus algebra: m_t = max(a_t + m_{t-1}, b_t)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows


def maxplus(
    a: Array, b: Array, state: Any, rows: Rows, chunk: int = 64, start: Any = None
) -> tuple[Array, Array, Array]:
    """a, b [B, T, H, K, V]; state [B, H, K, V] or None -> m after and before every token, the last.

    By a scan of pairs: m -> max(c + m, d) and then m -> max(a + m, b) is m -> max(a + c + m,
    max(a + d, b)). A document that begins anew forgets: its a is -inf.
    """
    kind = jnp.promote_types(jnp.result_type(a, b), jnp.float32)
    like = jnp.result_type(a, b)
    a, b = (x.astype(kind) for x in jnp.broadcast_arrays(a, b))
    first = jnp.zeros((rows.count, *a.shape[2:]), kind) if start is None else start.astype(kind)
    state = first if state is None else state.astype(kind)
    if not rows.time:
        return a.astype(like), a.astype(like), state
    if rows.packed:
        begins = rows.begins.reshape(*rows.begins.shape, 1, 1, 1)
        b = jnp.where(begins, jnp.maximum(a + first[:, None], b), b)
        a = jnp.where(begins, -jnp.inf, a)

    def after(early: Any, late: Any) -> Any:
        (c, d), (a, b) = early, late
        return a + c, jnp.maximum(a + d, b)

    sums, best = lax.associative_scan(after, (a, b), axis=1)
    states = jnp.maximum(sums + state[:, None], best)
    before = jnp.concatenate([state[:, None], states[:, :-1]], 1)
    if rows.packed:
        before = jnp.where(begins, first[:, None], before)
    return states.astype(like), before.astype(like), states[:, -1]
