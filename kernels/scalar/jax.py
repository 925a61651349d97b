"""Linear attention with a decay per head: S_t = a_t S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_write import write_chunks
from ..rows.jax import Rows
from .jax_decays import scalar_decays, token_before

READ_PRE = False


def scalar_terms(chunks: Chunks, q: Array, k: Array, a: Array) -> Any:
    """Scores, reads, writes and decay of every chunk."""
    q, k, a = chunks.split(q), chunks.split(k), chunks.split(a, 1.0)
    decay = scalar_decays(a)
    begin = decay[..., :1] * a[..., :1, None]
    end, total = decay[..., -1, :, None], begin[..., -1:, :]
    if READ_PRE:
        decay, begin = token_before(decay, 0.0), token_before(begin, 1.0)
    return (q @ k.mT) * decay, q * begin, k * end, total


def scalar(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return write_chunks(chunks, scalar_terms(chunks, q, k, a), v, state)
