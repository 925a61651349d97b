"""The delta rule with decay per key channel: S_t = D_t S_{t-1} + k_t (v_t - R_t' w_t)'.

D_t = diag(a_t). R_t is the decayed state D_t S_{t-1} (KDA, Gated DeltaNet-2) or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..chunks.erase import Erase
from ..chunks.torch import Chunks
from ..diagonal.scores import diagonal_scores
from ..rows.torch import Rows

READ_PRE = False
DECAYED = True


def diagonal_rank1_terms(chunks: Chunks, q: Tensor, k: Tensor, a: Tensor, w: Tensor) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk.

    A read by x after the decay is a read by a x before it.
    """
    q, k, w, a = chunks.split(q), chunks.split(k), chunks.split(w), chunks.split(a, 1.0)
    reads = q
    if not READ_PRE:
        reads = a * q
    if DECAYED:
        w = a * w
    both = torch.stack([reads, w], 2)
    pairs, before, after, total = diagonal_scores(both, k.unsqueeze(2), a)
    scores, lower = pairs[:, 0].unbind()
    if not READ_PRE:
        scores = scores + (q * k).sum(-1).diag_embed()
    return scores, lower, reads * before, w * before, k * after, total.mT


def diagonal_rank1(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, w: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k, a, w [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk, halves=True)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Erase.apply(chunks, diagonal_rank1_terms, v, state, q, k, a, w)
    return o, last
