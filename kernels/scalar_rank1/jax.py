"""The gated delta rule: S_t = a_t S_{t-1} + k_t (v_t - R_t' w_t)'.

R_t is the decayed state a_t S_{t-1} or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_erase import erase_chunks
from ..rows.jax import Rows
from ..scalar.jax_decays import scalar_decays, token_before

READ_PRE = False
DECAYED = True


def scalar_rank1_terms(chunks: Chunks, q: Array, k: Array, a: Array, w: Array) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk."""
    q, k, w, a = chunks.split(q), chunks.split(k), chunks.split(w), chunks.split(a, 1.0)
    decay = erased = scalar_decays(a)
    begin = opening = decay[..., :1] * a[..., :1, None]
    end, total = decay[..., -1, :, None], begin[..., -1:, :]
    if READ_PRE:
        decay, begin = token_before(decay, 0.0), token_before(begin, 1.0)
    if not DECAYED:
        erased, opening = token_before(erased, 0.0), token_before(opening, 1.0)
    return (q @ k.mT) * decay, (w @ k.mT) * erased, q * begin, w * opening, k * end, total


def scalar_rank1(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    w: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k, w [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return erase_chunks(chunks, scalar_rank1_terms(chunks, q, k, a, w), v, state)
