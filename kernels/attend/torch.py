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
STICK = False

BLOCK = 128
MOST = 4


ROOM = 1 << 26


def block_size(time: int, width: int) -> int:
    """Queries of a block: more for long rows, so that few blocks make them, but a bounded number,
    so that memory stays linear, and no more than hold `width` numbers each in ROOM.
    """
    wish = BLOCK * max(1, min(MOST, time // (8 * BLOCK)))
    return min(wish, max(16, ROOM // max(1, width)))


class Keys:
    """The attended tokens of a row: what a state holds of each document, then its own tokens.

    reach: how far back a query looks (tokens), None for everything. numbers: the most that a
    score makes of a pair of tokens. t, j: positions in the document; blocks: (first query, end,
    first key, end).
    """

    def __init__(
        self, rows: Rows, reach: int | None, start: Tensor | None, held: int, numbers: int = 1
    ) -> None:
        self.rows, self.reach = rows, reach
        self.count = 0 if start is None else held if reach is None else reach
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
        span = self.count + rows.time if reach is None else reach + MOST * BLOCK
        size = block_size(rows.time, len(self.t) * span * numbers)
        self.blocks = [self._block(t, size) for t in range(0, max(rows.time, 1), size)]

    def _block(self, t: int, size: int) -> tuple[int, int, int, int]:
        end, first = min(t + size, self.rows.time), 0
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
    """Of one block: the differentiable parts (score, values and a sink), and the pairs allowed."""
    t, j, real = keys.admissible(block)
    score, allowed, *rest = weigh(t, j, *parts)
    allowed = allowed & real
    shape = len(allowed), *(1,) * (score.dim() - 3), *allowed.shape[1:]
    return (score, *rest), allowed.reshape(shape)


def normalise(score: Tensor, allowed: Tensor, *sinks: Tensor) -> tuple[Tensor, ...]:
    """The weights of the keys, and that of the sink. A query without keys has some, but no NaN.

    Stick-breaking: each key takes sigmoid(score) of what the later ones left. What is left is a
    product of factors below 1; its logs are never taken, nothing is divided by them.
    """
    if SOFTMAX:
        if SINK:
            (sink,) = sinks
            score = torch.where(allowed, score, -torch.inf)
            top = score.amax(-1, keepdim=True) if score.shape[-1] else score  # a row of no tokens
            top = torch.maximum(top, sink)
            weights = (score - top).exp_()
            total = weights.sum(-1, keepdim=True)
            total = total + torch.exp(sink - top)
            return weights.div_(total), torch.exp(sink - top) / total
        else:
            some = allowed.any(-1, keepdim=True)
            return (torch.softmax(torch.where(allowed | ~some, score, -torch.inf), -1),)
    else:
        if STICK:
            left = torch.where(allowed, torch.sigmoid(-score), 1.0)
            taken = torch.where(allowed, torch.sigmoid(score), 0.0)
            later = torch.cat([left, torch.ones_like(left[..., :1])], -1)[..., 1:]
            return taken * later.flip(-1).cumprod(-1).flip(-1), taken, left
        else:
            return (torch.where(allowed, score, 0.0),)


def slopes(d_score: Tensor, weights: Tensor, spare: Any, allowed: Tensor) -> list[Tensor]:
    """The gradient of the scores (and of the sink) from that of the weights."""
    if SOFTMAX:
        mean = (weights * d_score).sum(-1, keepdim=True)
        found = [(d_score - mean).mul_(weights)]
        if SINK:
            found.append(-spare[0] * mean)
        return found
    else:
        if STICK:
            taken, left = spare
            flow = weights * d_score
            before = torch.cat([torch.zeros_like(flow[..., :1]), flow], -1)[..., :-1]
            return [flow * (1 - taken) - before.cumsum(-1) * (1 - left)]
        else:
            return [torch.where(allowed, d_score, 0.0)]


def answered(x: Tensor, allowed: Tensor) -> Tensor:
    """x [B, queries, ...] with 0 for the queries without keys."""
    some = allowed.any(-1).flatten(1)
    return torch.where(some.view(*some.shape, *(1,) * (x.dim() - 2)), x, 0.0)


class Attend(torch.autograd.Function):
    """tensors: `counts[0]` streams of queries, `counts[1]` streams of keys, then plain tensors."""

    @staticmethod
    def forward(
        weigh: Callable[..., Any], equation: str, keys: Keys, counts: Any, *tensors: Tensor
    ) -> Tensor:
        outputs = []
        for block in keys.blocks:
            (score, value, *sink), allowed = meet(weigh, keys, block, cut(tensors, counts, block))
            weights = normalise(score, allowed, *sink)[0]
            outputs.append(answered(torch.einsum(equation, weights, value), allowed))
        return torch.cat(outputs, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.weigh, ctx.equation, ctx.keys, ctx.counts, *tensors = inputs
        ctx.save_for_backward(*tensors)
        device = output.device.type
        ctx.autocast = device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Any, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        grads = [torch.zeros_like(x) for x in tensors]
        p, v, o = ctx.equation.replace("->", ",").split(",")
        for block in ctx.keys.blocks:
            parts = cut(tensors, ctx.counts, block)

            def terms(*wanted: Tensor, parts: Any = parts, block: Any = block) -> Any:
                given = iter(wanted)
                filled = [next(given) if n else x for x, n in zip(parts, needed, strict=True)]
                return meet(ctx.weigh, ctx.keys, block, filled)

            wanted = [x for x, n in zip(parts, needed, strict=True) if n]
            with torch.autocast(*ctx.autocast):
                outputs, pullback, allowed = torch.func.vjp(terms, *wanted, has_aux=True)
                score, value, *sink = outputs
                weights, *spare = normalise(score, allowed, *sink)
                d_block = answered(d_out[:, block[0] : block[1]], allowed)
                d_value = torch.einsum(f"{p},{o}->{v}", weights, d_block)
                d_score = torch.einsum(f"{o},{v}->{p}", d_block, value)
                d_score, *d_sink = slopes(d_score, weights, spare, allowed)
                found = [d_score, d_value, *d_sink]
                pairs = zip(found, outputs, strict=True)  # back over what einsum spread
                found = pullback(tuple(g.sum_to_size(x.shape).to(x.dtype) for g, x in pairs))
            cuts = zip(cut(grads, ctx.counts, block), needed, strict=True)
            for grad, part in zip([g for g, n in cuts if n], found, strict=True):
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
