"""Scores between tokens of a chunk under a decay per key channel.

Products of decays alone: no logarithm and no division, so that any real decay will do.
"""

from __future__ import annotations

import torch
from torch import Tensor


def diagonal_scores(x: Tensor, k: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A_irj = sum_d x_ird k_jd prod_{j < l < i} a_ld, j < i; x [N, C, R, K]; k, a [N, C, K].

    Also the products before and after each token [N, C, K] and of all [N, 1, K]. Sibling blocks of
    h tokens meet at their border: a factor underflows only where the true product does.
    """
    count, size, reads, width = x.shape
    result, total = x.new_zeros(count, size, 1, reads, 1), a.unsqueeze(2)
    before = after = torch.ones_like(total)
    h = 1
    while h < size:
        first, second = result.unflatten(1, (-1, 2)).unbind(2)
        (p1, p2), (s1, s2), (t1, t2) = (
            y.unflatten(1, (-1, 2)).unbind(2) for y in (before, after, total)
        )
        late = x.view(count, -1, 2, h, reads, width)[:, :, 1] * p2.unsqueeze(3)
        early = k.view(count, -1, 2, h, width)[:, :, 0] * s1
        corner = (late.flatten(2, 3) @ early.mT).view(count, -1, h, reads, h)
        top = torch.cat([first, torch.zeros_like(first)], -1)
        result = torch.cat([top, torch.cat([corner, second], -1)], 2)
        before, after = torch.cat([p1, p2 * t1], 2), torch.cat([s1 * t2, s2], 2)
        total, h = t1 * t2, 2 * h
    return result[:, 0], before[:, 0], after[:, 0], total[:, 0]
