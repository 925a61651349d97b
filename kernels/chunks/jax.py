"""Rows as chunks: the layout and the walk of chunk-parallel recurrences.

It decides which token sits in which chunk, carries the states from chunk to chunk and keeps
documents apart. It does not know what a chunk computes.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows


class Chunks:
    """size: tokens of a chunk, a power of two.

    Inside a chunk documents are kept apart by masks, which is all that a state of zeros needs. One
    that starts from `start` must get it at its first token: then every token is a chunk.
    """

    def __init__(self, rows: Rows, size: int, start: Any = None) -> None:
        self.rows, self.start = rows, start
        self.anew = rows.packed and start is not None
        size = 1 if self.anew else min(size, max(rows.time, 1))
        self.size = 1 << (size - 1).bit_length()
        self.count = -(-rows.time // self.size)
        self.doc = self.same = self.open = self.late = None
        if rows.packed and not self.anew:
            extra = self.count * self.size - rows.time
            doc = jnp.pad(rows.doc, ((0, 0), (0, extra)), "edge")
            doc = doc.reshape(rows.count, -1, self.size).swapaxes(0, 1)
            ends = doc[:, :, -1:]
            before = jnp.concatenate([jnp.zeros_like(ends[:1]), ends[:-1]])
            self.doc, self.same = doc, (doc[..., None] == doc[..., None, :])[:, :, None]
            self.open = (doc == before)[:, :, None, :, None]
            self.late = (doc == ends)[:, :, None, :, None]

    def split(self, x: Array, fill: float = 0.0) -> Array:
        """[B, T, H, ...] -> [chunks, B, H, size, ...], float32 at least; `fill` pads the ends."""
        x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        extra = self.count * self.size - self.rows.time
        x = jnp.pad(x, ((0, 0), (0, extra), *((0, 0),) * (x.ndim - 2)), constant_values=fill)
        x = x.reshape(x.shape[0], self.count, self.size, *x.shape[2:])
        return jnp.moveaxis(x, (1, 3), (0, 2))

    def join(self, x: Array, like: Array) -> Array:
        """The inverse of split, of the type of `like`."""
        x = jnp.moveaxis(x, (0, 2), (1, 3)).astype(like.dtype)
        x = x.reshape(x.shape[0], self.count * self.size, *x.shape[3:])
        return x[:, : self.rows.time]

    def scores(self, x: Array) -> Array:
        """[..., C, C], or several rows and columns for each token: 0 between documents."""
        return _where(self.same, x, self.size, self.size)

    def reads(self, x: Array) -> Array:
        """[..., C, K]: 0 where the state before the chunk is another document's."""
        return _where(self.open, x, self.size)

    def writes(self, x: Array) -> Array:
        """[..., C, K]: 0 where the state after the chunk is another document's."""
        return _where(self.late, x, self.size)

    def total(self, x: Array) -> Array:
        """[..., K or 1, 1]: 0 where a document begins in the chunk."""
        return _where(self.open if self.open is None else self.open[..., -1:, :], x)

    def walk(self, step: Any, state: Any, shape: tuple[int, ...], *terms: Array) -> Any:
        """state = step(*terms of a chunk, state), first to last: the last, and those met.

        Without a state it begins from `start`, or from zeros of a shape.
        """
        kind = terms[0].dtype
        start = None if self.start is None else self.start.astype(kind)
        first = jnp.zeros(shape, kind) if start is None else start
        state = first if state is None else state.astype(kind)

        def one(state: Array, part: Any) -> Any:
            begins, terms = part
            if self.anew:
                state = jnp.where(begins.reshape(-1, *(1,) * (state.ndim - 1)), first, state)
            return step(*terms, state), state

        begins = self.rows.begins.T if self.anew else None
        last, before = lax.scan(one, state, (begins, terms))
        return last, before


def _where(mask: Any, x: Array, *tokens: int) -> Array:
    """x or 0; mask: an entry for each of so many tokens of x's last dimensions, None for all."""
    if mask is None:
        return x
    for axis, count in zip((-2, -1), tokens, strict=False):
        mask = jnp.repeat(mask, x.shape[axis] // count, axis)
    return jnp.where(mask, x, 0)
