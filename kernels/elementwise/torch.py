"""A decay for every entry of an outer-product state: S_t = A_t * S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunks.torch import Chunks
from ..rows.torch import Rows
from .scan import elementwise_adjoint, elementwise_again, elementwise_states

READ_PRE = False


class Elementwise(torch.autograd.Function):
    """Saves its inputs and the states before the chunks; the others are made again."""

    @staticmethod
    def forward(chunks: Chunks, q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Tensor) -> Any:
        with torch.autocast(v.device.type, enabled=False):
            x = chunks.split(k).unsqueeze(3) * chunks.split(v).unsqueeze(2)
            states, before, last = elementwise_states(chunks, chunks.split(a, 1.0), x, state)
            seen = states[:, 1:]
            if READ_PRE:
                seen = states[:, :-1]
            o = (chunks.split(q).unsqueeze(2) @ seen).squeeze(2)
            return chunks.join(o, v), last, before

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.chunks, *tensors = inputs
        ctx.save_for_backward(*tensors[:4], output[2])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_o: Tensor, d_last: Tensor, _: Tensor) -> Any:
        chunks, (q, k, v, a, before) = ctx.chunks, ctx.saved_tensors
        with torch.autocast(v.device.type, enabled=False):
            query, key, value = (chunks.split(x) for x in (q, k, v))
            decay, d_o = chunks.split(a, 1.0), chunks.split(d_o).unsqueeze(2)
            states = elementwise_again(decay, key.unsqueeze(3) * value.unsqueeze(2), before)
            grad = query.unsqueeze(3) * d_o
            seen, grads = states[:, 1:], [torch.zeros_like(grad[:, :1]), grad]
            if READ_PRE:
                seen, grads = states[:, :-1], grads[::-1]
            d_a, d_x, d_state = elementwise_adjoint(
                chunks, decay, states, torch.cat(grads, 1), d_last
            )
            d_q = (seen @ d_o.mT).squeeze(3)
            d_k = (d_x @ value.unsqueeze(3)).squeeze(3)
            d_v = (key.unsqueeze(2) @ d_x).squeeze(2)
            pairs = zip((d_q, d_k, d_v, d_a), (q, k, v, a), strict=True)
        return None, *(chunks.join(d, x) for d, x in pairs), d_state


def elementwise(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k [B, T, H, K]; v [B, T, H, V]; a [B, T, H, K, V]; state [N, H, K, V] or None."""
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Elementwise.apply(Chunks(rows, q.shape[2], chunk), q, k, v, a, state)
    return o, last
