"""Documents as chunks in time-major order: the layout and the walk of chunk-parallel recurrences.

It decides which token sits in which chunk and carries the states from chunk to chunk. It does not
know what a chunk computes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..rows.torch import Rows


def even(longest: int, size: int, halves: bool) -> int:
    """Tokens of a chunk: as few chunks as chunks of `size` would be, equally long, so that little
    is padded; eights above eight, for blocks; `halves`: a power of two.
    """
    longest = max(longest, 1)
    size = -(-longest // -(-longest // size))
    if halves:
        return 1 << (size - 1).bit_length()
    return -(-size // 8) * 8 if size > 8 else size


class Chunks:
    """Chunk c of every document that has one, longest documents first, then chunk c + 1.

    size: tokens of a chunk, at most those asked for but for rounding; sizes[c]: documents with a
    chunk c, times heads.
    """

    def __init__(self, rows: Rows, heads: int, size: int, halves: bool = False) -> None:
        self.rows, self.heads = rows, heads
        self.size = even(max(rows.lengths), size, halves)
        counts = [max(1, -(-length // self.size)) for length in rows.lengths]
        active = [sum(n > c for n in counts) for c in range(max(counts))]
        self.sizes = [heads * m for m in active]
        self.order = torch.tensor(counts).argsort(descending=True, stable=True).to(rows.pos.device)
        self.rank = self.order.argsort()
        if rows.packed:
            first = torch.tensor([0, *active]).cumsum(0).to(rows.pos.device)
            chunk = first[rows.pos // self.size] + self.rank[rows.doc]
            self.slot = chunk * self.size + rows.pos % self.size

    def split(self, x: Tensor, fill: float = 0.0) -> Tensor:
        """[B, T, H, ...] -> [chunks * H, size, ...], float32 at least; `fill` pads the ends."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        if self.rows.packed:
            full = x.new_full((sum(self.sizes) // self.heads * self.size, *x.shape[2:]), fill)
            x = full.index_copy(0, self.slot, x[0]).unflatten(0, (-1, self.size))
        else:
            extra = len(self.sizes) * self.size - self.rows.time
            x = pad(x, (0, 0) * (x.dim() - 2) + (0, extra), value=fill) if extra else x
            x = x.unflatten(1, (-1, self.size)).transpose(0, 1).flatten(0, 1)
        return x.transpose(1, 2).flatten(0, 1).contiguous()

    def join(self, x: Tensor, like: Tensor) -> Tensor:
        """The inverse of split: [chunks * H, size, V] -> [B, T, H, V], of the type of `like`."""
        x = x.unflatten(0, (-1, self.heads)).transpose(1, 2).to(like.dtype)
        if self.rows.packed:
            return x.flatten(0, 1)[self.slot].unsqueeze(0)
        x = x.unflatten(0, (len(self.sizes), -1)).transpose(0, 1)
        return x.flatten(1, 2)[:, : self.rows.time]

    def walk(self, step: Any, state: Tensor, *terms: Tensor, back: bool = False) -> Any:
        """state = step(*terms of a chunk, state), first to last or back: those met, the last."""
        state = state[self.order].flatten(0, 1).to(terms[0].dtype)
        live = state[:0]
        met: list[Tensor] = []
        parts = list(zip(*(x.split(self.sizes) for x in terms), strict=True))
        for part in parts[::-1] if back else parts:
            if len(live) != len(part[0]):  # documents begin or end here
                state[: len(live)] = live
                live = state[: len(part[0])].clone()
            met.append(live)
            live = step(*part, live)
        state[: len(live)] = live
        return torch.cat(met[::-1] if back else met), state.unflatten(0, (-1, self.heads))[
            self.rank
        ]
