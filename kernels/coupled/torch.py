"""States that feed each other: Z_t[p] = sum_i P_t[p, i] Z_{t-1}[i] + sum_n k_t[n, p] y_t[n]',
with y_t[n] = v_t[n] - w_t[n]' Z_{t-1}[s_n].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..chunks.mixed import Mixed
from ..chunks.torch import Chunks
from ..rows.torch import Rows
from .scores import coupled_scores

READ_PRE = False


def coupled_terms(
    sources: Sequence[int], target: int, chunks: Chunks, q: Tensor, k: Tensor, w: Tensor, p: Tensor
) -> Any:
    """Scores, erase scores, reads, erase reads, writes and the product of every chunk."""
    real = chunks.split(torch.ones_like(q[..., :1]))
    q, k, w, p = (chunks.split(x) for x in (q, k, w, p))
    states, width = k.shape[3], k.shape[4]
    one = torch.eye(states, dtype=p.dtype, device=p.device).unsqueeze(2)
    p = p + (1 - real[..., None, None]) * one  # padding changes nothing
    reads = torch.stack([one[s] for s in sources]) * w.unsqueeze(3)
    query = q.unsqueeze(2) * one[target]
    if not READ_PRE:
        query = q.unsqueeze(2) * p[:, :, target]
    x = torch.cat([query.unsqueeze(2), reads], 2)
    pairs, before, after, total = coupled_scores(x, k, p)
    pairs = pairs.unflatten(1, (-1, x.shape[2]))
    scores, lower = pairs[:, :, 0], pairs[:, :, 1:].flatten(1, 2)
    if not READ_PRE:
        own = (q.unsqueeze(2) * k[:, :, :, target]).sum(-1)
        place = torch.eye(q.shape[1], dtype=q.dtype, device=q.device).unsqueeze(2)
        scores = scores + (own.unsqueeze(1) * place).flatten(2)
    x = (x.unsqueeze(4) * before.unsqueeze(2)).sum(3).flatten(3)
    k = (k.unsqueeze(3) * after.unsqueeze(2)).sum(4).flatten(3).flatten(1, 2)
    channels = torch.eye(width, dtype=p.dtype, device=p.device).unsqueeze(1)
    mixed = (total.transpose(2, 3).unsqueeze(4) * channels).flatten(3).flatten(1, 2)
    return scores, lower, x[:, :, 0], x[:, :, 1:].flatten(1, 2), k, mixed


def coupled(
    q: Tensor,
    k: Sequence[Sequence[Tensor]],
    v: Sequence[Tensor],
    w: Sequence[Tensor],
    p: Sequence[Sequence[Tensor]],
    state: Sequence[Any],
    rows: Rows,
    chunk: int,
    sources: Sequence[int],
    target: int,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """q, w [B, T, H, K]; k by write and state; v [B, T, H, V]; p by state and state, W = K or 1."""
    chunks, width = Chunks(rows, q.shape[2], chunk, halves=True), q.shape[3]
    known = [
        v[0].new_zeros(rows.count, *q.shape[2:], v[0].shape[3]) if s is None else s for s in state
    ]
    keys = torch.stack([torch.stack(list(x), 3) for x in k], 3)
    matrix = torch.stack([torch.stack(list(x), 3) for x in p], 3)
    local = partial(coupled_terms, sources, target)
    streams = q, keys, torch.stack(list(w), 3), matrix
    o, last, _ = Mixed.apply(chunks, local, torch.stack(list(v), 3), torch.cat(known, 2), *streams)
    return o, last.split(width, 2)
