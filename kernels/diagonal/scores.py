"""Scores between tokens of a chunk under a decay per key channel.

Products of decays alone: no logarithm and no division, so that any real decay will do.
"""

from __future__ import annotations

import torch
from torch import Tensor


def diagonal_scores(x: Tensor, k: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[R, M, N, C, C]: sum_d x_ird k_jmd prod_{j < l < i} a_ld for j < i, else 0.

    x [N, C, R, K]; k [N, C, M, K]; a [N, C, K]. Also the products before each token, after it
    [N, C, K] and of all [N, 1, K]. Sibling blocks of h tokens meet at their border: a factor
    underflows only where the true product does.
    """
    (count, size, reads, width), writes, h = x.shape, k.shape[2], 1
    result, total = x.new_zeros(count, size, reads, writes), a.unsqueeze(2)
    before = after = torch.ones_like(total)
    while h < size:
        pairs = (y.unflatten(1, (-1, 2)).unbind(2) for y in (result, before, after, total))
        (first, second), (p1, p2), (s1, s2), (t1, t2) = pairs
        late = x.view(count, -1, 2, h, reads, width)[:, :, 1] * p2.unsqueeze(3)
        early = k.view(count, -1, 2, h, writes, width)[:, :, 0] * s1.unsqueeze(3)
        corner = late.flatten(2, 3) @ early.flatten(2, 3).mT
        top = torch.cat([first, torch.zeros_like(first)], 3)
        result = torch.cat([top, torch.cat([corner, second], 3)], 2)
        before, after = torch.cat([p1, p2 * t1], 2), torch.cat([s1 * t2, s2], 2)
        total, h = t1 * t2, 2 * h
    result = result.view(count, size, reads, size, writes).permute(2, 4, 0, 1, 3).contiguous()
    return result, before[:, 0], after[:, 0], total[:, 0]
