"""The delta rule without decay: S_t = S_{t-1} + k_t (v_t - S_{t-1}' w_t)'."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..chunks.erase import Erase
from ..chunks.torch import Chunks
from ..rows.torch import Rows

READ_PRE = False


def identity_rank1_terms(chunks: Chunks, q: Tensor, k: Tensor, w: Tensor) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk."""
    q, k, w = chunks.split(q), chunks.split(k), chunks.split(w)
    if READ_PRE:
        scores = (q @ k.mT).tril(-1)
    else:
        scores = (q @ k.mT).tril()
    return scores, w @ k.mT, q, w, k, k.new_ones(len(k), 1, 1)


def identity_rank1(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k, w [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Erase.apply(chunks, identity_rank1_terms, v, state, q, k, w)
    return o, last
