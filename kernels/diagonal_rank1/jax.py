"""The delta rule with decay per key channel: S_t = D_t S_{t-1} + k_t (v_t - R_t' w_t)'.

D_t = diag(a_t). R_t is the decayed state D_t S_{t-1} (KDA, Gated DeltaNet-2) or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_erase import erase_chunks
from ..diagonal.jax_own import own_scores
from ..diagonal.jax_scores import diagonal_scores
from ..rows.jax import Rows

READ_PRE = False
DECAYED = True


def diagonal_rank1_terms(chunks: Chunks, q: Array, k: Array, a: Array, w: Array) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk.

    A read by x after the decay is a read by a x before it.
    """
    q, k, w, a = chunks.split(q), chunks.split(k), chunks.split(w), chunks.split(a, 1.0)
    reads = q
    if not READ_PRE:
        reads = a * q
    if DECAYED:
        w = a * w
    both = jnp.stack([reads, w], -2)
    pairs, before, after, total = diagonal_scores(both, k[..., None, :], a)
    scores, lower = pairs[:, 0]
    if not READ_PRE:
        scores = scores + own_scores(q, k)
    return scores, lower, reads * before, w * before, k * after, total.mT


def diagonal_rank1(
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
    """q, k, a, w [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return erase_chunks(chunks, diagonal_rank1_terms(chunks, q, k, a, w), v, state)
