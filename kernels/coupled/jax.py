"""States that feed each other: Z_t[p] = sum_i P_t[p, i] Z_{t-1}[i] + sum_n k_t[n, p] y_t[n]',
with y_t[n] = v_t[n] - w_t[n]' Z_{t-1}[s_n].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..chunks.jax_mixed import mixed_chunks
from ..rows.jax import Rows
from .jax_scores import coupled_scores

READ_PRE = False


def coupled_terms(
    sources: Sequence[int], target: int, chunks: Chunks, q: Array, k: Array, w: Array, p: Array
) -> Any:
    """Scores, erase scores, reads, erase reads, writes and the product of every chunk."""
    real = chunks.split(jnp.ones_like(q[..., :1]))
    lead = real.shape[:3]
    q, k, w, p, real = (
        x.reshape(-1, *x.shape[3:]) for x in (*map(chunks.split, (q, k, w, p)), real)
    )
    size, states, width = k.shape[1], k.shape[3], k.shape[4]
    one = jnp.eye(states, dtype=p.dtype)[..., None]
    p = p + (1 - real[..., None, None]) * one  # padding changes nothing
    reads = jnp.stack([one[s] for s in sources]) * w[:, :, :, None]
    query = q[:, :, None] * one[target]
    if not READ_PRE:
        query = q[:, :, None] * p[:, :, target]
    x = jnp.concatenate([query[:, :, None], reads], 2)
    pairs, before, after, total = coupled_scores(x, k, p)
    pairs = pairs.reshape(len(x), size, x.shape[2], -1)
    scores, lower = pairs[:, :, 0], pairs[:, :, 1:].reshape(len(x), -1, pairs.shape[-1])
    if not READ_PRE:
        own = (q[:, :, None] * k[:, :, :, target]).sum(-1)
        place = jnp.eye(size, dtype=q.dtype)[..., None]
        scores = scores + (own[:, None] * place).reshape(scores.shape)
    x = (x[:, :, :, :, None] * before[:, :, None]).sum(3).reshape(*x.shape[:3], -1)
    k = (k[:, :, :, None] * after[:, :, None]).sum(4).reshape(len(x), -1, states * width)
    channels = jnp.eye(width, dtype=p.dtype)[:, None]
    wide = total.swapaxes(2, 3)[..., None] * channels
    wide = wide.reshape(len(x), states * width, states * width)
    terms = scores, lower, x[:, :, 0], x[:, :, 1:].reshape(len(x), -1, states * width), k, wide
    return tuple(y.reshape(*lead, *y.shape[1:]) for y in terms)


def coupled(
    q: Array,
    k: Sequence[Sequence[Array]],
    v: Sequence[Array],
    w: Sequence[Array],
    p: Sequence[Sequence[Array]],
    state: Sequence[Any],
    rows: Rows,
    chunk: int,
    sources: Sequence[int],
    target: int,
    start: Any = None,
) -> tuple[Array, Sequence[Array]]:
    """q, w [B, T, H, K]; k by write and state; v [B, T, H, V]; p by state and state, W = K or 1."""
    zeros = jnp.zeros((rows.count, *q.shape[2:], v[0].shape[-1]), q.dtype)

    def together(states: Sequence[Any]) -> Array:
        return jnp.concatenate([zeros if s is None else s for s in states], 2)

    chunks = Chunks(rows, chunk, None if start is None else together(start))
    keys = jnp.stack([jnp.stack(list(x), 3) for x in k], 3)
    matrix = jnp.stack([jnp.stack(list(x), 3) for x in p], 3)
    terms = coupled_terms(sources, target, chunks, q, keys, jnp.stack(list(w), 3), matrix)
    given = None if all(s is None for s in state) else together(state)
    o, last = mixed_chunks(chunks, terms, jnp.stack(list(v), 3), given)
    return o, jnp.split(last, len(state), 2)
