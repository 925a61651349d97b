"""Linear attention with a decay per key channel: S_t = diag(a_t) S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..chunks.torch import Chunks
from ..chunks.write import Write
from ..rows.torch import Rows
from .scores import diagonal_scores

READ_PRE = False


def diagonal_terms(chunks: Chunks, q: Tensor, k: Tensor, a: Tensor) -> Any:
    """Scores, reads, writes and decay of every chunk.

    A read by q after the decay is a read by a q before it.
    """
    q, k, a = chunks.split(q), chunks.split(k), chunks.split(a, 1.0)
    reads = q
    if not READ_PRE:
        reads = a * q
    pairs, before, after, total = diagonal_scores(reads.unsqueeze(2), k.unsqueeze(2), a)
    scores = pairs[0, 0]
    if not READ_PRE:
        scores = scores + (q * k).sum(-1).diag_embed()
    return scores, reads * before, k * after, total.mT


def diagonal(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k, a [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk, halves=True)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Write.apply(chunks, diagonal_terms, v, state, q, k, a)
    return o, last
