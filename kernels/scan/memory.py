"""States that attend to their own past: a loop over tokens in which what they said stays readable.

What a token leaves is written once, into memory that all later tokens read through views: a loop
over T tokens holds T of them, not T copies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..rows.torch import Rows


class Grown(torch.autograd.Function):
    """past [B, n, ...] and a token [B, ...] -> [B, n + 1, ...] in `whole`, the token at `end`.

    What is returned shares the memory but no version with `whole`: nothing that it shows is written
    again.
    """

    @staticmethod
    def forward(whole: Tensor, end: int, past: Tensor, token: Tensor) -> Tensor:
        whole[:, end] = token
        return whole[:, end - past.shape[1] : end + 1].data

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.dtypes = inputs[2].dtype, inputs[3].dtype

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        past, token = ctx.dtypes
        return None, None, grad[:, :-1].to(past), grad[:, -1].to(token)


class Memory:
    """x [B, n, ...]: what the tokens so far left of one stream; `reach`: of how many, None for all.

    whole: the memory that x is the last part of, up to `end`.
    """

    def __init__(
        self, x: Tensor, reach: int | None, whole: Tensor | None = None, end: int = 0
    ) -> None:
        self.x, self.reach, self.whole, self.end = x, reach, whole, end

    def of(self, documents: slice, room: int, dtype: torch.dtype) -> Memory:
        """The memory of some documents, with room for as many tokens."""
        x = self.x[documents].to(torch.promote_types(self.x.dtype, dtype))
        whole = torch.cat([x.detach(), x.new_zeros(len(x), room, *x.shape[2:])], 1)
        return Memory(x, self.reach, whole, x.shape[1])

    def after(self, token: Tensor) -> Memory:
        """With one token more."""
        x = Grown.apply(self.whole, self.end, self.x, token)
        return Memory(x, self.reach, self.whole, self.end + 1)

    def kept(self) -> Memory:
        """What later tokens reach."""
        if self.reach is None:
            return self
        x = self.x[:, self.x.shape[1] - self.reach :]
        return Memory(x, self.reach, self.whole, self.end)


class Row:
    """One query of each document and the tokens of `memory`, as the attention kernel asks for them.

    place [B]: the query's position; now: is it itself the last of the memory? keep: which of the
    allowed keys stay.
    """

    def __init__(
        self, place: Tensor, memory: Memory, now: bool, keep: Callable[..., Tensor] | None = None
    ) -> None:
        count = memory.x.shape[1]
        offsets = torch.arange(now - count, int(now), device=place.device)
        self.t, self.j, self.keep = place[:, None, None], place[:, None] + offsets, keep
        self.plain, self.ahead, self.blocks = False, 0, [(0, 1, ((0, count),))]

    def admissible(self, block: Any) -> tuple[Tensor, Tensor, Tensor]:
        """t [B, 1, 1], j [B, 1, keys], and whether j exists."""
        j = self.j[:, None]
        return self.t, j, j >= 0


def recall(
    cell: Callable[..., Any], start: tuple[Any, ...], streams: tuple[Tensor, ...], rows: Rows
) -> tuple[Any, Any]:
    """`cell(states, token) -> (states, outputs)` over time, document by document when packed.

    start: Tensors and Memories [N, ...]; streams [B, T, ...]. A memory that grows is as long at the
    end as the longest document's, the shorter ones stand behind zeros.
    """
    seen: list[Any] = []
    lasts: list[Any] = []
    spans = [(slice(0, rows.count), 0, rows.time)]
    if rows.packed:
        pairs = zip(rows.starts, rows.lengths, strict=True)
        spans = [(slice(n, n + 1), first, first + size) for n, (first, size) in enumerate(pairs)]
    for documents, first, end in spans:
        room = end - first, streams[0].dtype
        state = tuple(
            s.of(documents, *room) if isinstance(s, Memory) else s[documents] for s in start
        )
        for t in range(first, end):
            state, outputs = cell(state, tuple(x[:, t] for x in streams))
            seen.append(outputs)
        lasts.append([s.x if isinstance(s, Memory) else s for s in state])
    joined = tuple(torch.stack(steps, 1) for steps in zip(*seen, strict=True))
    return joined, tuple(gathered(parts) for parts in zip(*lasts, strict=True))


def gathered(parts: tuple[Tensor, ...]) -> Tensor:
    """Documents' states [1, ...] as one; memories [1, n, ...] of several lengths end together."""
    if len(parts) == 1:
        return parts[0]
    shapes = [x.shape[1:2] for x in parts]
    most = max(shape.numel() for shape in shapes)
    if any(shape.numel() != most for shape in shapes):
        parts = tuple(
            torch.cat([x.new_zeros(1, most - x.shape[1], *x.shape[2:]), x], 1) for x in parts
        )
    return torch.cat(parts)
