"""Running reductions over the tokens so far, each document by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..rows.torch import Rows


def running(
    join: Callable[[Tensor, Tensor], Tensor], x: Tensor, start: Tensor, rows: Rows
) -> tuple[Tensor, Tensor]:
    """x [B, T, ...] joined over the past and `start` [N, ...]; also each document's last value.

    Doubling: after a step of `reach`, a token holds its document's last 2 * reach tokens.
    """
    trail, reach = (1,) * (x.dim() - 2), 1
    while reach < max(rows.lengths):
        joined = join(x[:, reach:], x[:, :-reach])
        same = (rows.pos[reach:] >= reach).reshape(1, -1, *trail)
        x = torch.cat([x[:, :reach], torch.where(same, joined, x[:, reach:])], 1)
        reach *= 2
    x = join(x, start[rows.doc][None] if rows.packed else start[:, None])
    if not rows.packed:
        return x, x[:, -1] if rows.time else start
    ends = torch.tensor([s + n - 1 for s, n in zip(rows.starts, rows.lengths, strict=True)])
    empty = torch.tensor(rows.lengths).to(x.device) == 0
    return x, torch.where(empty.reshape(-1, *trail), start, x[0, ends.clamp(min=0).to(x.device)])
