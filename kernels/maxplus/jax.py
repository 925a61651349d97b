"""States of the max-plus algebra: m_t = max(a_t + m_{t-1}, b_t).

Which side a token takes is guessed by a scan of pairs and settled by the recurrence; with the sides
known, m is a sum, and linear in a, b and the first state.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows


def maxplus_guess(a: Array, b: Array, state: Array) -> Array:
    """The state before every token by the scan of pairs: m -> max(a + m, b) after
    m -> max(c + m, d) is the pair (a + c, max(a + d, b)).
    """

    def after(early: Any, late: Any) -> Any:
        (c, d), (a, b) = early, late
        return a + c, jnp.maximum(a + d, b)

    sums, best = lax.associative_scan(after, (a, b), axis=1)
    states = jnp.maximum(sums + state[:, None], best)
    return jnp.concatenate([state[:, None], states[:, :-1]], 1)


def sided_sums(goes: Array, x: Array, state: Array) -> Array:
    """m_t = x_t + m_{t-1} where a token goes on, else x_t: the state after every token."""

    def after(early: Any, late: Any) -> Any:
        (f, x), (g, y) = early, late
        return f & g, jnp.where(g, x + y, y)

    through, sums = lax.associative_scan(after, (goes, x), axis=1)
    return jnp.where(through, state[:, None] + sums, sums)


def maxplus(
    a: Array, b: Array, state: Any, rows: Rows, chunk: int = 64, start: Any = None
) -> tuple[Array, Array, Array]:
    """a, b [B, T, H, K, V]; state [B, H, K, V] or None -> m after and before every token, the last.

    Ends when each token goes on exactly where a_t + m_{t-1} > b_t of its own m: one m does so.
    """
    like = jnp.result_type(a, b)
    kind = jnp.promote_types(like, jnp.float32)
    a, b = (x.astype(kind) for x in jnp.broadcast_arrays(a, b))
    first = jnp.zeros((rows.count, *a.shape[2:]), kind) if start is None else start.astype(kind)
    state = first if state is None else state.astype(kind)
    if not rows.time:
        return a.astype(like), a.astype(like), state
    begins = None if rows.begins is None else rows.begins.reshape(*rows.begins.shape, 1, 1, 1)

    def both(goes: Array, a: Array, b: Array, state: Array, first: Array) -> tuple[Array, Array]:
        """The state after and before every token, with the sides known."""
        x = jnp.where(goes, a, b)
        if begins is not None:
            x = jnp.where(begins & goes, first[:, None] + x, x)
            goes = goes & ~begins
        after = sided_sums(goes, x, state)
        before = jnp.concatenate([state[:, None], after[:, :-1]], 1)
        return after, before if begins is None else jnp.where(begins, first[:, None], before)

    fixed = lax.stop_gradient((a, b, state, first))

    def settled(goes: Array) -> Array:
        return fixed[0] + both(goes, *fixed)[1] > fixed[1]

    guess = fixed[0] + maxplus_guess(*fixed[:3]) > fixed[1]
    goes = lax.while_loop(
        lambda pair: (pair[0] != pair[1]).any(),
        lambda pair: (pair[1], settled(pair[1])),
        (guess, settled(guess)),
    )[1]
    after, before = both(goes, a, b, state, first)
    return after.astype(like), before.astype(like), after[:, -1]
