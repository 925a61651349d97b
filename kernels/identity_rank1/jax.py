"""The delta rule without decay: S_t = S_{t-1} + k_t (v_t - S_{t-1}' w_t)'."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_erase import erase_chunks
from ..rows.jax import Rows

READ_PRE = False


def identity_rank1_terms(chunks: Chunks, q: Array, k: Array, w: Array) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk."""
    q, k, w = chunks.split(q), chunks.split(k), chunks.split(w)
    if READ_PRE:
        scores = jnp.tril(q @ k.mT, -1)
    else:
        scores = jnp.tril(q @ k.mT)
    return scores, w @ k.mT, q, w, k, jnp.ones((len(k), 1, 1, 1, 1), k.dtype)


def identity_rank1(
    q: Array,
    k: Array,
    v: Array,
    w: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k, w [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return erase_chunks(chunks, identity_rank1_terms(chunks, q, k, w), v, state)
