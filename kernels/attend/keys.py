"""Which keys a block of queries meets: a row's tokens behind what a state holds of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..delay.past import Past
from ..rows.torch import Rows

BLOCK = 128
MOST = 4


ROOM = 1 << 26


def block_size(time: int, width: int) -> int:
    """Queries of a block: more for long rows, so that few blocks make them, but a bounded number,
    so that memory stays linear, and no more than hold `width` numbers each in ROOM.
    """
    wish = BLOCK * max(1, min(MOST, time // (8 * BLOCK)))
    return min(wish, max(16, ROOM // max(1, width)))


Block: TypeAlias = tuple[int, int, tuple[tuple[int, int], ...]]


class Keys:
    """The attended tokens of a row: what a state holds of each document, then its own tokens.

    reach: how far back a query looks (tokens), None for everything; ahead: how far ahead. numbers:
    the most that a score makes of a pair of tokens. keep: which of the allowed keys stay. t, j:
    positions in the document; blocks: the queries' first and end, and the same of the columns of
    keys. plain: every column is a token of its query's document.
    """

    def __init__(
        self,
        rows: Rows,
        reach: int | None,
        start: Tensor | None,
        held: int,
        numbers: int = 1,
        keep: Callable[..., Tensor] | None = None,
        ahead: int = 0,
    ) -> None:
        self.rows, self.reach, self.keep, self.ahead = rows, reach, keep, ahead
        self.count = 0 if start is None else held if reach is None else reach
        self.plain = not (self.count or rows.packed)
        device = rows.pos.device
        start = torch.zeros(rows.count, dtype=torch.long, device=device) if start is None else start
        spot = rows.pos.expand(1 if rows.packed else rows.count, -1)
        self.start = start
        owner = rows.doc[None] if rows.packed else torch.arange(rows.count, device=device)[:, None]
        self.t = start[owner] + spot
        before = torch.arange(-self.count, 0, device=device).expand(rows.count, -1) + start[:, None]
        past = Past(self.t, self.count, before, rows)
        self.j = past.x
        self.slot = past.slot.tolist() if rows.packed else range(self.count, self.count + rows.time)
        number = torch.arange(rows.count, device=device)[:, None].expand(-1, self.count)
        self.doc = Past(rows.doc[None], self.count, number, rows).x if rows.packed else None
        span = self.count + rows.time if reach is None else reach + MOST * BLOCK + ahead
        size = block_size(rows.time, len(self.t) * span * numbers)
        self.blocks = [self._block(t, size) for t in range(0, max(rows.time, 1), size)]

    def _block(self, t: int, size: int) -> Block:
        end, first = min(t + size, self.rows.time), 0
        if end == 0:
            return 0, 0, ((0, 0),)
        if self.rows.packed:
            number = int(self.rows.doc[t])
            first = self.rows.starts[number] + number * self.count
        if self.reach is not None:
            first = max(first, self.slot[t] - self.reach)
        last = self.slot[min(end + self.ahead, self.rows.time) - 1]
        return t, end, ((first, last + 1),)

    def admissible(self, block: Block) -> tuple[Tensor, Tensor, Tensor]:
        """t [B, queries, 1], j [B, 1, keys], and whether j exists and is of t's document."""
        t0, t1, columns = block
        t, j = self.t[:, t0:t1, None], together(slices(self.j, columns))[:, None]
        real = j >= 0
        if self.doc is not None:
            doc = together(slices(self.doc, columns))[:, None]
            real = real & (self.rows.doc[None, t0:t1, None] == doc)
        return t, j, real

    def gather(self, x: Tensor, cache: Tensor | None) -> Tensor:
        """A stream [B, T, ...] behind what the state holds of it."""
        return Past(x, self.count, cache, self.rows).x if self.count else x

    def cache(self, x: Tensor, cache: Tensor | None) -> Tensor:
        """What the next tokens need of a stream: the last `reach`, or everything [N, held, ...]."""
        if self.reach is not None:
            return Past(x, self.reach, cache, self.rows).tail()
        if not self.rows.packed:
            return self.gather(x, cache)
        count = self.count + max(self.rows.lengths)
        kept = x.new_zeros(self.rows.count, count, *x.shape[2:])
        if cache is not None:
            kept[:, count - self.count :] = cache
        return Past(x, count, kept, self.rows).tail()


def meet(weigh: Callable[..., Any], keys: Keys, block: Any, parts: Any) -> tuple[Any, Any]:
    """Of one block: the differentiable parts (score, values and a sink), and the pairs allowed.

    A key that is none of a query's document stands behind all that the query sees, where no
    condition holds.
    """
    t, j, real = keys.admissible(block)
    seen = j if keys.plain else torch.where(real, j, t + 1 + keys.ahead)
    score, allowed, *rest = weigh(t, seen, *parts)
    allowed = allowed & real
    shape = len(allowed), *(1,) * (score.dim() - 3), *allowed.shape[1:]
    allowed = allowed.reshape(shape)
    if keys.keep is not None:
        *rest, worth = rest
        allowed = keys.keep(worth, allowed, j)
    return (score, *rest), allowed


def answered(x: Tensor, allowed: Tensor) -> Tensor:
    """x [B, queries, ...] with 0 for the queries without keys."""
    some = allowed.any(-1)
    some = some[:, *(0,) * (some.dim() - 2)]  # alike for all that a query asks
    return torch.where(some.view(*some.shape, *(1,) * (x.dim() - 2)), x, 0.0)


def slices(x: Tensor, columns: Any) -> list[Tensor]:
    """The keys of a block, as views."""
    return [x[:, a:b] for a, b in columns]


def together(views: list[Tensor]) -> Tensor:
    """Views as one tensor."""
    return views[0] if len(views) == 1 else torch.cat(views, 1)


def views(tensors: Any, counts: Any, block: Block) -> list[list[Tensor]]:
    """The block's slices of every tensor."""
    t0, t1, columns = block
    queries, keys = counts
    return [
        [x[:, t0:t1]] if n < queries else slices(x, columns) if n < queries + keys else [x]
        for n, x in enumerate(tensors)
    ]


def cut(tensors: Any, counts: Any, block: Block) -> list[Tensor]:
    """The block's part of every tensor."""
    return [together(found) for found in views(tensors, counts, block)]


def add(views: list[Tensor], whole: Tensor) -> None:
    """A gradient onto the slices that it is of."""
    parts = [whole] if len(views) == 1 else whole.split([x.shape[1] for x in views], 1)
    for grad, part in zip(views, parts, strict=True):
        grad += part
