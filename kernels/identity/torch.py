"""Linear attention without decay: S_t = S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..chunks.torch import Chunks
from ..chunks.write import Write
from ..rows.torch import Rows

READ_PRE = False


def identity_terms(chunks: Chunks, q: Tensor, k: Tensor) -> Any:
    """Scores, reads, writes and decay of every chunk."""
    q, k = chunks.split(q), chunks.split(k)
    if READ_PRE:
        scores = (q @ k.mT).tril(-1)
    else:
        scores = (q @ k.mT).tril()
    return scores, q, k, k.new_ones(len(k), 1, 1)


def identity(
    q: Tensor, k: Tensor, v: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Write.apply(chunks, identity_terms, v, state, q, k)
    return o, last
