"""The recurrence without an erase term, for any decay."""

from __future__ import annotations

from typing import Any

from jax import Array

from .jax import Chunks


def write_chunks(chunks: Chunks, terms: Any, v: Array, state: Any) -> tuple[Array, Array]:
    """S_t = D_t S_{t-1} + k_t v_t'. In a chunk that starts from S, with its terms,

    O = scores V + q S        S' = total S + k' V
    """
    scores, q, k, total = terms
    value = chunks.split(v)
    added, total = chunks.writes(k).mT @ value, chunks.total(total)
    last, before = chunks.walk(lambda n, t, s: t * s + n, state, added.shape[1:], added, total)
    return chunks.join(chunks.scores(scores) @ value + chunks.reads(q) @ before, v), last
