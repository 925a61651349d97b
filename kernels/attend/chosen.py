"""Which of the allowed keys a query keeps: those of the largest scores, or of the best blocks."""

from __future__ import annotations

import torch
from torch import Tensor


def chosen(e: Tensor, allowed: Tensor, j: Tensor, count: int, block: int | None) -> Tensor:
    """Of the allowed keys the `count` with the largest e, the earlier of equals; with a block size
    those in the `count` blocks of positions whose mean of e over the allowed keys is largest.

    e, allowed: broadcast to [B, ..., queries, keys]; j [B, 1, keys]: positions, rising.
    """
    seen = allowed.expand(torch.broadcast_shapes(e.shape, allowed.shape))
    e = e.detach().expand(seen.shape)
    if block is None:
        return largest(torch.where(seen, e, -torch.inf), count) & seen
    place = torch.div(j, block, rounding_mode="floor")
    number = (place != place.roll(1, -1)).long().cumsum(-1)
    number = number - number[..., :1]  # of a key's block among the blocks here
    number = number.reshape(len(j), *(1,) * (e.dim() - 2), j.shape[-1]).expand(seen.shape)
    empty = torch.zeros_like(e)
    total = empty.scatter_add(-1, number, torch.where(seen, e, 0.0))
    size = empty.scatter_add(-1, number, torch.where(seen, 1.0, empty))
    mean = torch.where(size != 0, total / torch.where(size != 0, size, 1.0), -torch.inf)
    return largest(mean, count).gather(-1, number) & seen


def largest(x: Tensor, count: int) -> Tensor:
    """Where x is among the `count` largest of the last axis, the earlier of equals."""
    count = min(count, x.shape[-1])
    bar = x.topk(count, -1).values[..., -1:]
    above, level = x > bar, x == bar
    return above | (level & (level.long().cumsum(-1) <= count - above.sum(-1, keepdim=True)))
