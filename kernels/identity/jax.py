"""Linear attention without decay: S_t = S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_write import write_chunks
from ..rows.jax import Rows

READ_PRE = False


def identity_terms(chunks: Chunks, q: Array, k: Array) -> Any:
    """Scores, reads, writes and decay of every chunk."""
    q, k = chunks.split(q), chunks.split(k)
    if READ_PRE:
        scores = jnp.tril(q @ k.mT, -1)
    else:
        scores = jnp.tril(q @ k.mT)
    return scores, q, k, jnp.ones((len(k), 1, 1, 1, 1), k.dtype)


def identity(
    q: Array, k: Array, v: Array, state: Any, rows: Rows, chunk: int = 64, start: Any = None
) -> tuple[Array, Array]:
    """q, k [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return write_chunks(chunks, identity_terms(chunks, q, k), v, state)
