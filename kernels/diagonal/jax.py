"""Linear attention with a decay per key channel: S_t = diag(a_t) S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_write import write_chunks
from ..rows.jax import Rows
from .jax_own import own_scores
from .jax_scores import diagonal_scores

READ_PRE = False


def diagonal_terms(chunks: Chunks, q: Array, k: Array, a: Array) -> Any:
    """Scores, reads, writes and decay of every chunk.

    A read by q after the decay is a read by a q before it.
    """
    q, k, a = chunks.split(q), chunks.split(k), chunks.split(a, 1.0)
    reads = q
    if not READ_PRE:
        reads = a * q
    pairs, before, after, total = diagonal_scores(reads[..., None, :], k[..., None, :], a)
    scores = pairs[0, 0]
    if not READ_PRE:
        scores = scores + own_scores(q, k)
    return scores, reads * before, k * after, total.mT


def diagonal(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k, a [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return write_chunks(chunks, diagonal_terms(chunks, q, k, a), v, state)
