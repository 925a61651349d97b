"""A stream with what came before each document put in front of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rows.torch import Rows


class Past:
    """x: [B, time + count, ...], or packed [1, time + N count, ...]: each document after its tail.

    tail [N, count, ...] holds the last `count` tokens before, oldest first; None is zeros.
    """

    def __init__(self, x: Tensor, count: int, tail: Tensor | None, rows: Rows) -> None:
        self.count, self.rows = count, rows
        if tail is None:
            tail = x.new_zeros(rows.count, count, *x.shape[2:])
        if not rows.packed:
            self.x = torch.cat([tail, x], 1)
            return
        starts = torch.tensor(rows.starts, device=x.device)
        before = torch.arange(rows.count * count, device=x.device)
        before = before + starts.repeat_interleave(count)
        self.slot = torch.arange(rows.time, device=x.device) + (rows.doc + 1) * count
        place = torch.cat([before, self.slot])
        source = torch.cat([tail.flatten(0, 1), x[0]])
        self.x = torch.empty_like(source).index_copy(0, place, source)[None]

    def take(self, y: Tensor, steps: int = 0) -> Tensor:
        """Of y [B, x's length, ...]: the tokens' own entries, `steps` tokens back."""
        if self.rows.packed:
            return y[:, self.slot - steps]
        return y[:, self.count - steps : self.count - steps + self.rows.time]

    def tail(self) -> Tensor:
        """The last `count` tokens of each document [N, count, ...]."""
        if not self.rows.packed:
            return self.x[:, self.rows.time :]
        ends = torch.tensor(
            [s + n for s, n in zip(self.rows.starts, self.rows.lengths, strict=True)]
        )
        ramp = torch.arange(self.rows.count)[:, None] * self.count + torch.arange(self.count)
        return self.x[0, (ends[:, None] + ramp).to(self.x.device)]
