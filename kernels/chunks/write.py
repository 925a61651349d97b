"""The recurrence without an erase term, forward and backward, for any decay."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .torch import Chunks


class Write(torch.autograd.Function):
    """S_t = D_t S_{t-1} + k_t v_t'. In a chunk that starts from S, with the terms of `local`,

    O = scores V + q S        S' = total S + k' V
    """

    @staticmethod
    def forward(chunks: Chunks, local: Any, v: Tensor, state: Tensor, *inputs: Tensor) -> Any:
        with torch.autocast(v.device.type, enabled=False):
            scores, q, k, total = local(chunks, *inputs)
            value = chunks.split(v)
            before, last = chunks.walk(torch.addcmul, state, k.mT @ value, total)
            return chunks.join(torch.baddbmm(scores @ value, q, before), v), last, before

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
            scores, q, k, total = terms
            value, d_o = chunks.split(v), chunks.split(d_o)
            after, d_state = chunks.walk(torch.addcmul, d_last, q.mT @ d_o, total, back=True)
            d_v = torch.baddbmm(scores.mT @ d_o, k, after)
            d_total = (before * after).sum_to_size(total.shape)
            d_inputs = pullback((d_o @ value.mT, d_o @ before.mT, value @ after.mT, d_total))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
