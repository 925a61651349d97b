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
            solve, ys = inverse(lower), list[Tensor]()

            def step(u: Tensor, w: Tensor, k: Tensor, t: Tensor, s: Tensor) -> Tensor:
                ys.append(torch.baddbmm(u, w, s, alpha=-1))
                return torch.baddbmm(t * s, k, ys[-1])

            terms = solve @ chunks.split(v), solve @ w, k.mT, total
            before, last = chunks.walk(step, state, *terms)
            o = torch.baddbmm(scores @ torch.cat(ys), q, before)
            return chunks.join(o, v), last, before

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
            solve, d_o, d_ys = inverse(lower), chunks.split(d_o), list[Tensor]()

            def step(
                d_y: Tensor, w: Tensor, k: Tensor, t: Tensor, d_s: Tensor, d: Tensor
            ) -> Tensor:
                d_ys.append(torch.baddbmm(d_y, k, d))
                return torch.baddbmm(torch.addcmul(d_s, t, d), w, d_ys[-1], alpha=-1)

            w = solve @ w
            y = torch.baddbmm(solve @ chunks.split(v), w, before, alpha=-1)
            terms = scores.mT @ d_o, w.mT, k, total, q.mT @ d_o
            after, d_state = chunks.walk(step, d_last, *terms, back=True)
            d_v = solve.mT @ torch.cat(d_ys[::-1])
            d_total = (before * after).sum_to_size(total.shape)
            d_reads = d_o @ before.mT, -d_v @ before.mT
            d_inputs = pullback((d_o @ y.mT, -d_v @ y.mT, *d_reads, y @ after.mT, d_total))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
