"""N factors of a token as N tokens: S_t = F_N(... F_1(S_{t-1}))."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rows.torch import Rows


def interleave(*factors: Tensor) -> Tensor:
    """[B, T, ...] of each factor -> [B, N T, ...]."""
    return torch.stack(factors, 2).flatten(1, 2)


def at_factor(x: Tensor, count: int, index: int) -> Tensor:
    """x at one of `count` factors, 0 at the others."""
    zero = torch.zeros_like(x)
    return interleave(*(x if n == index else zero for n in range(count)))


def substeps(rows: Rows, count: int) -> Rows:
    """The same documents with `count` steps for each token."""
    cuts = None
    if rows.packed:
        cuts = torch.tensor([*rows.starts, rows.time], device=rows.pos.device) * count
    shape = 1 if rows.packed else rows.count, rows.time * count
    return Rows(torch.empty(shape, device=rows.pos.device), cuts)
