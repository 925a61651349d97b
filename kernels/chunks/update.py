"""The recurrence whose erase term has its own direction, forward and backward."""

from __future__ import annotations

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
    def forward(chunks: Chunks, local: Any, v: Tensor, state: Tensor, *inputs: Tensor) -> Any:
        with torch.autocast(v.device.type, enabled=False):
            qk, qu, wk, wu, q, w, k, u, total = local(chunks, *inputs)
            value, solve = chunks.split(v), inverse(-wu)
            x, w = solve @ (wk @ value), solve @ w
            before, last = chunks.walk(
                lambda x, w, u, t, n, s: torch.baddbmm(t * s + n, u, torch.baddbmm(x, w, s)),
                *(state, x, w, u.mT, total, k.mT @ value),
            )
            o = qk @ value + qu @ torch.baddbmm(x, w, before)
            return chunks.join(torch.baddbmm(o, q, before), v), last, before

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.chunks, ctx.local, *tensors = inputs
        ctx.save_for_backward(*tensors, output[2])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_o: Tensor, d_last: Tensor, _: Tensor) -> Any:
        chunks, (v, _, *inputs, before) = ctx.chunks, ctx.saved_tensors
        with torch.autocast(v.device.type, enabled=False):
            terms, pullback = torch.func.vjp(partial(ctx.local, chunks), *inputs)
            qk, qu, wk, wu, q, w, k, u, total = terms
            value, d_o, solve = chunks.split(v), chunks.split(d_o), inverse(-wu)
            x, w, d_y = solve @ (wk @ value), solve @ w, qu.mT @ d_o
            after, d_state = chunks.walk(
                lambda y, u, w, t, n, d: torch.baddbmm(t * d + n, w, torch.baddbmm(y, u, d)),
                *(d_last, d_y, u, w.mT, total, q.mT @ d_o),
                back=True,
            )
            y, z = torch.baddbmm(x, w, before), solve.mT @ torch.baddbmm(d_y, u, after)
            d_v = torch.baddbmm(qk.mT @ d_o + wk.mT @ z, k, after)
            d_scores = d_o @ value.mT, d_o @ y.mT, z @ value.mT, (z @ y.mT).tril(-1)
            d_reads = d_o @ before.mT, z @ before.mT, value @ after.mT, y @ after.mT
            d_inputs = pullback((*d_scores, *d_reads, (before * after).sum_to_size(total.shape)))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
