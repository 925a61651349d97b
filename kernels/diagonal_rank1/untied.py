"""Diagonal decay plus rank one: S_t = D_t S_{t-1} + u_t (R_t' w_t)' + k_t v_t'.

D_t = diag(a_t). R_t is the decayed state D_t S_{t-1} or, as in RWKV-7 and DPLR, S_{t-1}.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..chunks.torch import Chunks
from ..chunks.update import Update
from ..diagonal.scores import diagonal_scores
from ..rows.torch import Rows

READ_PRE = False
DECAYED = True


def diagonal_rank1_untied_terms(
    chunks: Chunks, q: Tensor, k: Tensor, a: Tensor, u: Tensor, w: Tensor
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
    both, writes = torch.stack([reads, w], 2), torch.stack([k, u], 2)
    pairs, before, after, total = diagonal_scores(both, writes, a)
    qk, qu, wk, wu = pairs.flatten(0, 1).unbind()
    if not READ_PRE:
        qk, qu = (s + (q * x).sum(-1).diag_embed() for s, x in ((qk, k), (qu, u)))
    return qk, qu, wk, wu, reads * before, w * before, k * after, u * after, total.mT


def diagonal_rank1_untied(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    u: Tensor,
    w: Tensor,
    state: Any,
    rows: Rows,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """q, k, a, u, w [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk, halves=True)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Update.apply(chunks, diagonal_rank1_untied_terms, v, state, q, k, a, u, w)
    return o, last
