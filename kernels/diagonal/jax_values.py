"""A decay per key channel, read along values: S_t = diag(a_t) S_{t-1} + k_t v_t', o_t = S_t q_t.

The transpose of a decay per value channel under an ordinary read: GSA's first pass.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..chunks.jax import Chunks
from ..rows.jax import Rows
from .jax_scores import even_and_odd

READ_PRE = False


def diagonal_values_terms(q: Array, k: Array, v: Array, a: Array, doc: Any) -> Any:
    """What a chunk gives by itself, decays up to each read, writes at its end, the whole decay.

    Sibling blocks of h tokens meet at their border, so that products of decays are enough: the
    scores q v' of a pair weigh the earlier keys, decayed to the border, and the sum is decayed on.
    doc [..., C]: the documents of the tokens, None where all are of one.
    """
    h, (*lead, size, width) = 1, k.shape
    inner = jnp.zeros_like(k).reshape(-1, size, 1, width)
    total = a.reshape(-1, size, 1, width)
    before = after = jnp.ones_like(total)
    while h < size:
        (o1, o2), (p1, p2), (s1, s2), (t1, t2) = map(even_and_odd, (inner, before, after, total))
        blocks = len(inner), size // (2 * h), 2, h
        late, early = q.reshape(*blocks, -1)[:, :, 1], v.reshape(*blocks, -1)[:, :, 0]
        pairs = late @ early.mT
        if doc is not None:
            number = doc.reshape(blocks)
            pairs = jnp.where(number[:, :, 1, :, None] == number[:, :, 0, None], pairs, 0)
        keys = k.reshape(*blocks, width)[:, :, 0] * s1
        inner = jnp.concatenate([o1, o2 + p2 * (pairs @ keys)], 2)
        before = jnp.concatenate([p1, p2 * t1], 2)
        after = jnp.concatenate([s1 * t2, s2], 2)
        total, h = t1 * t2, 2 * h
    inner, before, after, total = (
        x.reshape(*lead, -1, width) for x in (inner, before, after, total)
    )
    if not READ_PRE:
        inner = a * inner + (q * v).sum(-1, keepdims=True) * k
        before = a * before
    return inner, before, k * after, total.mT


def diagonal_values(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, v [B, T, H, V]; k, a [B, T, H, K]; state [B, H, K, V] or None -> o [B, T, H, K], last.

    In a chunk from S:  O = inner + before * (Q S')      S' = total S + k' V
    """
    chunks, kind = Chunks(rows, chunk, start), k
    q, k, v, a = chunks.split(q), chunks.split(k), chunks.split(v), chunks.split(a, 1.0)
    doc = chunks.doc
    if doc is not None:
        doc = jnp.broadcast_to(doc[:, :, None], k.shape[:-1])
    inner, scale, k, total = diagonal_values_terms(q, k, v, a, doc)
    added, total = chunks.writes(k).mT @ v, chunks.total(total)
    last, before = chunks.walk(lambda n, t, s: t * s + n, state, added.shape[1:], added, total)
    return chunks.join(inner + chunks.reads(scale) * (q @ before.mT), kind), last
