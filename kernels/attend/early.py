"""Keys of a window beside the first tokens of each document."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .keys import Block, Keys


class EarlyKeys(Keys):
    """The `early` first tokens have columns of their own in front, and none in the window."""

    def __init__(self, rows: Any, *options: Any, early: int, **more: Any) -> None:
        self.early = early
        self.front = early * (rows.count if rows.packed else 1)
        super().__init__(rows, *options, **more)
        self.plain = False
        place = torch.arange(early, device=self.j.device)
        place = place.repeat(rows.count)[None] if rows.packed else place.expand(len(self.j), -1)
        self.j = torch.cat([place, torch.where(self.j < self.early, -1, self.j)], 1)
        if rows.packed:
            owner = torch.arange(rows.count, device=place.device).repeat_interleave(early)[None]
            self.doc = torch.cat([owner, self.doc], 1)

    def _block(self, t: int, size: int) -> Block:
        t, end, ((first, last),) = super()._block(t, size)
        early = (0, self.early)
        if self.rows.packed and end:
            number, final = int(self.rows.doc[t]), int(self.rows.doc[end - 1])
            early = (number * self.early, (final + 1) * self.early)
        return t, end, (early, (first + self.front, last + self.front))

    def opening(self, x: Tensor, cache: Tensor | None) -> Tensor:
        """The early tokens of each document [N, early, ...]: the state's, then its own, then 0."""
        rows = self.rows
        place = torch.arange(self.early, device=x.device) - self.start[:, None]
        lengths = torch.tensor(rows.lengths, device=x.device)[:, None]
        own = (place >= 0) & (place < lengths)
        if rows.packed:
            place = place + torch.tensor(rows.starts, device=x.device)[:, None]
        padded = torch.cat([x, x.new_zeros(len(x), 1, *x.shape[2:])], 1)
        number = torch.arange(len(place), device=x.device)[:, None] * (not rows.packed)
        found = padded[number, torch.where(own, place, rows.time)]
        own = own.view(*own.shape, *(1,) * (x.dim() - 2))
        return found if cache is None else torch.where(own, found, cache)

    def behind(self, opening: Tensor, x: Tensor) -> Tensor:
        """What `gather` gives, behind the early tokens."""
        return torch.cat([opening.flatten(0, 1)[None] if self.rows.packed else opening, x], 1)
