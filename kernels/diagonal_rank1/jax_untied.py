"""Diagonal decay plus rank one: S_t = D_t S_{t-1} + u_t (R_t' w_t)' + k_t v_t'.

D_t = diag(a_t). R_t is the decayed state D_t S_{t-1} or, as in RWKV-7 and DPLR, S_{t-1}.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_update import update_chunks
from ..diagonal.jax_own import own_scores
from ..diagonal.jax_scores import diagonal_scores
from ..rows.jax import Rows

READ_PRE = False
DECAYED = True


def diagonal_rank1_untied_terms(
    chunks: Chunks, q: Array, k: Array, a: Array, u: Array, w: Array
) -> Any:
    """Scores of reads and erase reads with writes and erases, these four, and the decay.

    A read by x after the decay is a read by a x before it.
    """
    q, k, u, w = (chunks.split(x) for x in (q, k, u, w))
    a = chunks.split(a, 1.0)
    reads = q
    if not READ_PRE:
        reads = a * q
    if DECAYED:
        w = a * w
    both, writes = jnp.stack([reads, w], -2), jnp.stack([k, u], -2)
    pairs, before, after, total = diagonal_scores(both, writes, a)
    (qk, qu), (wk, wu) = pairs
    if not READ_PRE:
        qk, qu = qk + own_scores(q, k), qu + own_scores(q, u)
    return qk, qu, wk, wu, reads * before, w * before, k * after, u * after, total.mT


def diagonal_rank1_untied(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    u: Array,
    w: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k, a, u, w [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return update_chunks(chunks, diagonal_rank1_untied_terms(chunks, q, k, a, u, w), v, state)
