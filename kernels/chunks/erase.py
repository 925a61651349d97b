"""The recurrence whose erase term shares the write direction, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .inverse import inverse
from .torch import Chunks


class Erase(torch.autograd.Function):
    """S_t = D_t S_{t-1} + k_t y_t', y_t = v_t - R_t' w_t. In a chunk from S, with `local`'s terms,

    (I + lower) Y = V - w S        O = scores Y + q S        S' = total S + k' Y
    """

    @staticmethod
    def forward(
        chunks: Chunks, local: Callable[..., Any], v: Tensor, state: Tensor, *inputs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(v.device.type, enabled=False):
            scores, lower, q, w, k, total = local(chunks, *inputs)
            solve = inverse(lower)
            u, w = solve @ chunks.split(v), solve @ w
            before, last = chunks.walk(
                lambda s, u, w, k, t: torch.baddbmm(t * s, k.mT, torch.baddbmm(u, w, s, alpha=-1)),
                *(state, u, w, k, total),
            )
            y = torch.baddbmm(u, w, before, alpha=-1)
            return chunks.join(torch.baddbmm(scores @ y, q, before), v), last, before

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.chunks, ctx.local, *tensors = inputs
        ctx.save_for_backward(*tensors, output[2])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_o: Tensor, d_last: Tensor, _: Tensor) -> tuple[Any, ...]:
        chunks, (v, _, *inputs, before) = ctx.chunks, ctx.saved_tensors
        with torch.autocast(v.device.type, enabled=False):
            terms, pullback = torch.func.vjp(partial(ctx.local, chunks), *inputs)
            scores, lower, q, w, k, total = terms
            solve, d_o = inverse(lower), chunks.split(d_o)
            w = solve @ w
            y, d_y = torch.baddbmm(solve @ chunks.split(v), w, before, alpha=-1), scores.mT @ d_o
            after, d_state = chunks.walk(
                lambda d, y, s, k, w, t: t * d + s - w.mT @ torch.baddbmm(y, k, d),
                *(d_last, d_y, q.mT @ d_o, k, w, total),
                back=True,
            )
            d_v = solve.mT @ torch.baddbmm(d_y, k, after)
            d_total = (before * after).sum_to_size(total.shape)
            d_reads = d_o @ before.mT, -d_v @ before.mT
            d_inputs = pullback((d_o @ y.mT, -d_v @ y.mT, *d_reads, y @ after.mT, d_total))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
