"""A recurrence of vectors, every state given: s_t = a_t * s_{t-1} + x_t."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunks.torch import Chunks
from ..rows.torch import Rows
from .scan import elementwise_adjoint, elementwise_again, elementwise_states

READ_PRE = False


class Vector(torch.autograd.Function):
    """a, x [B, T, 1, E], state [N, 1, E]: saves them and the states before the chunks."""

    @staticmethod
    def forward(chunks: Chunks, a: Tensor, x: Tensor, state: Tensor) -> Any:
        with torch.autocast(x.device.type, enabled=False):
            given = chunks.split(a, 1.0), chunks.split(x)
            states, before, last = elementwise_states(chunks, *given, state)
            o = states[:, 1:]
            if READ_PRE:
                o = states[:, :-1]
            return chunks.join(o, x), last, before

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.chunks, *tensors = inputs
        ctx.save_for_backward(*tensors[:2], output[2])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_o: Tensor, d_last: Tensor, _: Tensor) -> Any:
        chunks, (a, x, before) = ctx.chunks, ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            decay, grad = chunks.split(a, 1.0), chunks.split(d_o)
            states = elementwise_again(decay, chunks.split(x), before)
            zero = torch.zeros_like(grad[:, :1])
            grads = [zero, grad]
            if READ_PRE:
                grads = [grad, zero]
            d_a, d_x, d_state = elementwise_adjoint(
                chunks, decay, states, torch.cat(grads, 1), d_last
            )
        return None, chunks.join(d_a, a), chunks.join(d_x, x), d_state


def vector(x: Tensor, a: Tensor, state: Any, rows: Rows, chunk: int = 64) -> tuple[Tensor, Tensor]:
    """x, a [B, T, H, K, V]; state [N, H, K, V] or None -> every state, the last."""
    sizes = x.shape[2:]
    if state is None:
        state = x.new_zeros(rows.count, *sizes)
    flat = (y.flatten(2).unsqueeze(2) for y in (a.expand_as(x), x))
    o, last, _ = Vector.apply(Chunks(rows, 1, chunk), *flat, state.flatten(1).unsqueeze(1))
    return o.unflatten(3, sizes).squeeze(2), last.unflatten(2, sizes).squeeze(1)
