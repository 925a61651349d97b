"""Which keys a block of queries meets: a row's tokens behind what a state holds of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from ..delay.jax_past import Past
from ..rows.jax import Rows, with_trailing

BLOCK = 128
ROOM = 1 << 26


class Keys:
    """The attended tokens of a row: what a state holds, then its own tokens.

    reach: how far back a query looks (tokens), None for everything; ahead: how far ahead; held:
    tokens of the state; numbers: the most that a score makes of a pair of tokens; keep: which of
    the allowed keys stay; fixed: a state without bound keeps its length, and becomes NaN where it
    would lose a token of its document. t [B, time], j, doc [B, held + time]: positions and
    documents; size: queries of a block; width: keys that it may see.
    """

    def __init__(
        self,
        rows: Rows,
        reach: int | None,
        start: Any,
        held: int,
        numbers: int = 1,
        keep: Callable[..., Array] | None = None,
        ahead: int = 0,
        fixed: bool = False,
    ) -> None:
        self.rows, self.reach, self.keep, self.ahead = rows, reach, keep, ahead
        self.fixed = fixed
        self.count = 0 if start is None else held if reach is None else reach
        start = jnp.zeros(rows.count, jnp.int32) if start is None else start
        self.t = rows.pos + jnp.where(rows.doc == 0, start[:, None], 0)
        before = jnp.arange(-self.count, 0, dtype=jnp.int32) + start[:, None]
        self.j = jnp.concatenate([before, self.t], 1)
        self.doc = jnp.pad(rows.doc, ((0, 0), (self.count, 0)))
        self.width = self.count + rows.time
        most = max(16, ROOM // max(1, rows.count * numbers * self.width))
        self.size = max(1, min(BLOCK, most, rows.time))
        if reach is not None:
            self.width = min(self.width, self.size + reach + ahead)

    def gather(self, x: Array, cache: Any) -> Array:
        """A stream [B, T, ...] behind what the state holds of it."""
        return Past(x, self.count, cache, self.rows).x

    def cache(self, x: Array, cache: Any) -> Array:
        """What the next tokens need of a stream: the last `reach`, or everything."""
        if self.reach is None:
            whole = self.gather(x, cache)
            if not self.fixed:
                return whole
            lost = self.t[:, -1:] >= self.count
            return jnp.where(with_trailing(lost, x), jnp.nan, whole[:, self.rows.time :])
        return Past(x, self.reach, cache, self.rows).tail()
