"""Scalar decay plus rank one: S_t = a_t S_{t-1} + u_t (R_t' w_t)' + k_t v_t'.

R_t is the decayed state a_t S_{t-1} or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_update import update_chunks
from ..rows.jax import Rows
from ..scalar.jax_decays import scalar_decays, token_before

READ_PRE = False
DECAYED = True


def scalar_rank1_untied_terms(
    chunks: Chunks, q: Array, k: Array, a: Array, u: Array, w: Array
) -> Any:
    """Scores of reads and erase reads with writes and erases, these four, and the decay."""
    q, k, u, w = (chunks.split(x) for x in (q, k, u, w))
    a = chunks.split(a, 1.0)
    decay = erased = scalar_decays(a)
    begin = opening = decay[..., :1] * a[..., :1, None]
    end, total = decay[..., -1, :, None], begin[..., -1:, :]
    if READ_PRE:
        decay, begin = token_before(decay, 0.0), token_before(begin, 1.0)
    if not DECAYED:
        erased, opening = token_before(erased, 0.0), token_before(opening, 1.0)
    qk, qu = (q @ k.mT) * decay, (q @ u.mT) * decay
    wk, wu = (w @ k.mT) * jnp.tril(erased, -1), (w @ u.mT) * erased
    return qk, qu, wk, wu, q * begin, w * opening, k * end, u * end, total


def scalar_rank1_untied(
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
    """q, k, u, w [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [B, H, K, V] or None."""
    chunks = Chunks(rows, chunk, start)
    return update_chunks(chunks, scalar_rank1_untied_terms(chunks, q, k, a, u, w), v, state)
