"""Which document every token belongs to: the one record that dense and packed rows share."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax


class Rows:
    """Rows of `time` tokens. Packed: a document is a run of equal segment ids.

    A row's first document goes on from the row's state, later ones begin anew. count: rows; doc,
    pos, begins [count, time]: a token's document in its row, its place in it, whether it begins
    one anew.
    """

    begins: Any

    def __init__(self, x: Array, segment_ids: Any = None) -> None:
        self.count, self.time = x.shape[:2]
        self.packed, self.begins = segment_ids is not None, None
        ramp = jnp.broadcast_to(jnp.arange(self.time, dtype=jnp.int32), (self.count, self.time))
        if segment_ids is None:
            self.doc, self.pos = jnp.zeros_like(ramp), ramp
            return
        ids = jnp.broadcast_to(segment_ids, ramp.shape)
        changes = ids[:, 1:] != ids[:, :-1]
        self.begins = jnp.pad(changes, ((0, 0), (self.time - changes.shape[1], 0)))
        self.doc = jnp.cumsum(self.begins, 1, dtype=jnp.int32)
        self.pos = ramp - lax.cummax(jnp.where(self.begins, ramp, 0), axis=1)


def with_trailing(x: Array, like: Array) -> Array:
    """x with dimensions of size 1 behind, as many as `like` has."""
    return x.reshape(*x.shape, *(1,) * (like.ndim - x.ndim))
