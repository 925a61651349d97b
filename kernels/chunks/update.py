"""The recurrence whose erase term has its own direction, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .inverse import inverse
from .torch import Chunks


class Update(torch.autograd.Function):
    """S_t = D_t S_{t-1} + u_t y_t' + k_t v_t', y_t = R_t' w_t. In a chunk from S,

    (I - wu) Y = wk V + w S        O = qk V + qu Y + q S        S' = total S + k' V + u' Y
    """

    @staticmethod
    def forward(
        chunks: Chunks, local: Callable[..., Any], v: Tensor, state: Tensor, *inputs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(v.device.type, enabled=False):
            qk, qu, wk, wu, q, w, k, u, total = local(chunks, *inputs)
            value, solve, ys = chunks.split(v), inverse(-wu), list[Tensor]()

            def step(x: Tensor, w: Tensor, u: Tensor, t: Tensor, kv: Tensor, s: Tensor) -> Tensor:
                ys.append(torch.baddbmm(x, w, s))
                return torch.baddbmm(torch.addcmul(kv, t, s), u, ys[-1])

            terms = solve @ (wk @ value), solve @ w, u.mT, total, k.mT @ value
            before, last = chunks.walk(step, state, *terms)
            o = torch.baddbmm(qk @ value + qu @ torch.cat(ys), q, before)
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
            qk, qu, wk, wu, q, w, k, u, total = terms
            value, d_o, solve = chunks.split(v), chunks.split(d_o), inverse(-wu)
            d_ys = list[Tensor]()

            def step(
                d_y: Tensor, w: Tensor, u: Tensor, t: Tensor, d_s: Tensor, d: Tensor
            ) -> Tensor:
                d_ys.append(torch.baddbmm(d_y, u, d))
                return torch.baddbmm(torch.addcmul(d_s, t, d), w, d_ys[-1])

            w = solve @ w
            y = torch.baddbmm(solve @ (wk @ value), w, before)
            terms = qu.mT @ d_o, w.mT, u, total, q.mT @ d_o
            after, d_state = chunks.walk(step, d_last, *terms, back=True)
            z = solve.mT @ torch.cat(d_ys[::-1])
            d_v = torch.baddbmm(qk.mT @ d_o + wk.mT @ z, k, after)
            d_total = (before * after).sum_to_size(total.shape)
            d_scores = d_o @ value.mT, d_o @ y.mT, z @ value.mT, z @ y.mT
            d_reads = d_o @ before.mT, z @ before.mT, value @ after.mT, y @ after.mT
            d_inputs = pullback((*d_scores, *d_reads, d_total))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
