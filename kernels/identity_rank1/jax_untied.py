"""A rank-one transition without decay: S_t = S_{t-1} + u_t (S_{t-1}' w_t)' + k_t v_t'."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_update import update_chunks
from ..rows.jax import Rows

READ_PRE = False


def identity_rank1_untied_terms(chunks: Chunks, q: Array, k: Array, u: Array, w: Array) -> Any:
    """Scores of reads and erase reads with writes and erases, these four, and the decay."""
    q, k, u, w = (chunks.split(x) for x in (q, k, u, w))
    if READ_PRE:
        qk, qu = jnp.tril(q @ k.mT, -1), jnp.tril(q @ u.mT, -1)
    else:
        qk, qu = jnp.tril(q @ k.mT), jnp.tril(q @ u.mT)
    one = jnp.ones((len(k), 1, 1, 1, 1), k.dtype)
    return qk, qu, jnp.tril(w @ k.mT, -1), w @ u.mT, q, w, k, u, one


def identity_rank1_untied(
    q: Array,
    k: Array,
    v: Array,
    u: Array,
    w: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k, u, w [B, T, H, K]; v [B, T, H, V]; state [B, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, chunk, start)
    return update_chunks(chunks, identity_rank1_untied_terms(chunks, q, k, u, w), v, state)
