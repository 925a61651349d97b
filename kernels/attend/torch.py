"""Attention by blocks of queries: memory linear in time, any score that is a function of one block.

It decides which keys a block of queries meets and how weights become an output. What a score is,
and which pairs are admissible, is the emitted `weigh`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..delay.past import Past
from ..rows.torch import Rows

SINK = False
SOFTMAX = True

BLOCK = 128


class Keys:
    """The attended tokens of a row: what a state holds of each document, then its own tokens.

    reach: how far back a query looks (tokens), None for everything. t, j: positions in the
    document; blocks: (first query, end, first key, end).
    """

    def __init__(self, rows: Rows, reach: int | None, start: Tensor | None, held: int) -> None:
        self.rows, self.reach = rows, reach
        self.count = held if reach is None else reach
        device = rows.pos.device
        start = torch.zeros(rows.count, dtype=torch.long, device=device) if start is None else start
        spot = rows.pos.expand(1 if rows.packed else rows.count, -1)
        owner = rows.doc[None] if rows.packed else torch.arange(rows.count, device=device)[:, None]
        self.t = start[owner] + spot
        before = torch.arange(-self.count, 0, device=device).expand(rows.count, -1) + start[:, None]
        past = Past(self.t, self.count, before, rows)
        self.j = past.x
        self.slot = past.slot.tolist() if rows.packed else range(self.count, self.count + rows.time)
        number = torch.arange(rows.count, device=device)[:, None].expand(-1, self.count)
        self.doc = Past(rows.doc[None], self.count, number, rows).x if rows.packed else None
        self.blocks = [self._block(t) for t in range(0, max(rows.time, 1), BLOCK)]

    def _block(self, t: int) -> tuple[int, int, int, int]:
        end, first = min(t + BLOCK, self.rows.time), 0
        if end == 0:
            return 0, 0, 0, 0
        if self.rows.packed:
            number = int(self.rows.doc[t])
            first = self.rows.starts[number] + number * self.count
        if self.reach is not None:
            first = max(first, self.slot[t] - self.reach)
        return t, end, first, self.slot[end - 1] + 1

    def admissible(self, block: tuple[int, int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """t [B, queries, 1], j [B, 1, keys], and whether j exists and is of t's document."""
        t0, t1, j0, j1 = block
        t, j = self.t[:, t0:t1, None], self.j[:, None, j0:j1]
        real = j >= 0
        if self.doc is not None:
            real = real & (self.rows.doc[None, t0:t1, None] == self.doc[:, None, j0:j1])
        return t, j, real

    def gather(self, x: Tensor, cache: Tensor | None) -> Tensor:
        """A stream [B, T, ...] behind what the state holds of it."""
        return Past(x, self.count, cache, self.rows).x

    def cache(self, x: Tensor, cache: Tensor | None) -> Tensor:
        """What the next tokens need of a stream: the last `reach`, or everything [N, held, ...]."""
        if self.reach is not None:
            return Past(x, self.count, cache, self.rows).tail()
        if not self.rows.packed:
            return self.gather(x, cache)
        count = self.count + max(self.rows.lengths)
        kept = x.new_zeros(self.rows.count, count, *x.shape[2:])
        if cache is not None:
            kept[:, count - self.count :] = cache
        return Past(x, count, kept, self.rows).tail()


def one_block(
    weigh: Callable[..., Any], equation: str, keys: Keys, block: Any, parts: Any
) -> Tensor:
    """The output of one block of queries."""
    t, j, real = keys.admissible(block)
    if SINK:
        score, allowed, value, sink = weigh(t, j, *parts)
    else:
        score, allowed, value = weigh(t, j, *parts)
    allowed = allowed & real
    cover = allowed.reshape(len(allowed), *(1,) * (score.dim() - 3), *allowed.shape[1:])
    if SOFTMAX:
        score = score.masked_fill(~cover, -torch.inf)
        top = score.detach().amax(-1, keepdim=True)
        top = top.masked_fill(~cover.any(-1, keepdim=True), 0.0)
        if SINK:
            top = torch.maximum(top, sink.detach())
        weights = torch.exp(score - top)
        total = weights.sum(-1, keepdim=True)
        if SINK:
            total = total + torch.exp(sink - top)
        else:
            total = total.masked_fill(~cover.any(-1, keepdim=True), 1.0)
        weights = weights / total
    else:
        weights = score.masked_fill(~cover, 0.0)
    return torch.einsum(equation, weights, value)


class Attend(torch.autograd.Function):
    """tensors: `counts[0]` streams of queries, `counts[1]` streams of keys, then plain tensors."""

    @staticmethod
    def forward(
        weigh: Callable[..., Any], equation: str, keys: Keys, counts: Any, *tensors: Tensor
    ) -> Tensor:
        blocks = [cut(tensors, counts, block) for block in keys.blocks]
        outputs = [
            one_block(weigh, equation, keys, block, parts)
            for block, parts in zip(keys.blocks, blocks, strict=True)
        ]
        return torch.cat(outputs, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.weigh, ctx.equation, ctx.keys, ctx.counts, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Any, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        grads = [torch.zeros_like(x) if n else None for x, n in zip(tensors, needed, strict=True)]
        for block in ctx.keys.blocks:
            parts = [x.detach() for x in cut(tensors, ctx.counts, block)]
            with torch.enable_grad():
                wanted = [p.requires_grad_() for p, n in zip(parts, needed, strict=True) if n]
                out = one_block(ctx.weigh, ctx.equation, ctx.keys, block, parts)
            found = torch.autograd.grad(
                out, wanted, d_out[:, block[0] : block[1]], materialize_grads=True
            )
            into = cut([g for g in grads if g is not None], live(ctx.counts, needed), block)
            for grad, part in zip(into, found, strict=True):
                grad += part
        return None, None, None, None, *grads


def cut(tensors: Any, counts: Any, block: tuple[int, int, int, int]) -> list[Tensor]:
    """The block's slice of every tensor."""
    t0, t1, j0, j1 = block
    queries, keys = counts
    return [
        x[:, t0:t1] if n < queries else x[:, j0:j1] if n < queries + keys else x
        for n, x in enumerate(tensors)
    ]


def live(counts: Any, needed: Any) -> tuple[int, int]:
    """The counts of those tensors that want a gradient."""
    queries, keys = counts
    return sum(needed[:queries]), sum(needed[queries : queries + keys])


def attend(
    weigh: Callable[..., Any],
    equation: str,
    keys: Keys,
    queries: tuple[Tensor, ...],
    attended: tuple[Tensor, ...],
    plain: tuple[Tensor, ...] = (),
) -> Tensor:
    """The weighted sums [B, T, ...]; attended streams come from `keys.gather`."""
    counts = len(queries), len(attended)
    return Attend.apply(weigh, equation, keys, counts, *queries, *attended, *plain)
