"""A stream with what came before each row put in front of it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows, with_trailing


class Past:
    """x, doc [B, count + time, ...]: a row after its tail [B, count, ...] (None is zeros), which
    holds the last `count` tokens before, oldest first.
    """

    def __init__(self, x: Array, count: int, tail: Any, rows: Rows) -> None:
        self.count, self.rows = count, rows
        if tail is None:
            tail = jnp.zeros_like(x, shape=(rows.count, count, *x.shape[2:]))
        kind = jnp.promote_types(x.dtype, tail.dtype)
        self.x = jnp.concatenate([tail.astype(kind), x.astype(kind)], 1)
        self.doc = jnp.pad(rows.doc, ((0, 0), (count, 0)))

    def take(self, steps: int) -> Array:
        """The tokens' own entries `steps` tokens back, 0 before their document."""
        first = self.count - steps
        x, doc = (y[:, first : first + self.rows.time] for y in (self.x, self.doc))
        return self._of(x, doc == self.rows.doc)

    def tail(self) -> Array:
        """The last `count` tokens of the last document of each row, 0 before it."""
        last = self.rows.doc[:, -1:] if self.rows.time else jnp.zeros_like(self.doc[:, :1])
        x, doc = self.x[:, self.rows.time :], self.doc[:, self.rows.time :]
        return self._of(x, doc == last) if self.count else x

    def _of(self, x: Array, same: Array) -> Array:
        return jnp.where(with_trailing(same, x), x, 0) if self.rows.packed else x
