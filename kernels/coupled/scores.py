"""Scores between tokens of a chunk under a small matrix per token and channel: products alone."""

from __future__ import annotations

import torch
from torch import Tensor


def compose(a: Tensor, b: Tensor) -> Tensor:
    """[..., P, P, W]: the matrix a after b, for each channel."""
    return (a.unsqueeze(-2) * b.unsqueeze(-4)).sum(-3)


def coupled_scores(x: Tensor, k: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[N, C R, C M]: x_i (p_{i-1} ... p_{j+1}) k_j for j < i, else 0; rows by token, then by read.

    x [N, C, R, P, K]; k [N, C, M, P, K]; p [N, C, P, P, W]. Also the products before each token,
    after it [N, C, P, P, W] and of all [N, P, P, W].
    """
    (count, size, reads, states, width), writes, h = x.shape, k.shape[2], 1
    result, total = x.new_zeros(count, size, reads, writes), p.unsqueeze(2)
    one = torch.eye(states, dtype=p.dtype, device=p.device).view(1, 1, 1, states, states, 1)
    before = after = one.expand(*total.shape[:5], 1)
    while h < size:
        pairs = (y.unflatten(1, (-1, 2)).unbind(2) for y in (result, before, after, total))
        (first, second), (p1, p2), (s1, s2), (t1, t2) = pairs
        late = x.view(count, -1, 2, h, reads, states, 1, width)[:, :, 1]
        late = (late * p2.unsqueeze(3)).sum(-3).flatten(2, 3).flatten(3)
        early = k.view(count, -1, 2, h, writes, 1, states, width)[:, :, 0]
        early = (early * s1.unsqueeze(3)).sum(-2).flatten(2, 3).flatten(3)
        top = torch.cat([first, first.new_zeros(*first.shape[:3], h * writes)], 3)
        result = torch.cat([top, torch.cat([late @ early.mT, second], 3)], 2)
        wide = compose(p2, t1), compose(t2, s1)
        before = torch.cat([p1.expand_as(wide[0]), wide[0]], 2)
        after = torch.cat([wide[1], s2.expand_as(wide[1])], 2)
        total, h = compose(t2, t1), 2 * h
    return result[:, 0], before[:, 0], after[:, 0], total[:, 0, 0]
