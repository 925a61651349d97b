"""The recurrence with several rows for each token and a matrix for the decay, both ways."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .inverse import inverse
from .torch import Chunks


class Mixed(torch.autograd.Function):
    """Z_t = P_t Z_{t-1} + k_t' y_t, y_t = v_t - w_t Z_{t-1}, rows of N per token. From Z, a chunk:

    (I + lower) Y = V - w Z        O = scores Y + q Z        Z' = total Z + k' Y

    With Y = u + w Z solved, Z' = k' u + (total + k' w) Z: one product for each chunk in sequence.
    """

    @staticmethod
    def forward(chunks: Chunks, local: Any, v: Tensor, state: Tensor, *inputs: Tensor) -> Any:
        with torch.autocast(v.device.type, enabled=False):
            scores, lower, q, w, k, total = local(chunks, *inputs)
            solve = inverse(lower)
            u, w = solve @ chunks.split(v).flatten(1, 2), -solve @ w
            step = k.mT @ u, torch.baddbmm(total, k.mT, w)
            before, last = chunks.walk(torch.baddbmm, state, *step)
            o = torch.baddbmm(scores @ torch.baddbmm(u, w, before), q, before)
            return chunks.join(o, v), last, before

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
            scores, lower, q, w, k, total = terms
            solve, d_o = inverse(lower), chunks.split(d_o)
            u, w = solve @ chunks.split(v).flatten(1, 2), -solve @ w
            d_y = scores.mT @ d_o
            step = torch.baddbmm(q.mT @ d_o, w.mT, d_y), torch.baddbmm(total.mT, w.mT, k)
            after, d_state = chunks.walk(torch.baddbmm, d_last, *step, back=True)
            y, d_v = torch.baddbmm(u, w, before), solve.mT @ torch.baddbmm(d_y, k, after)
            d_scores = d_o @ y.mT, (-d_v @ y.mT).tril(-1)
            d_reads = d_o @ before.mT, -d_v @ before.mT, y @ after.mT
            d_inputs = pullback((*d_scores, *d_reads, after @ before.mT))
            d_v = d_v.unflatten(1, (-1, v.shape[3]))
        return None, None, chunks.join(d_v, v), d_state, *d_inputs
