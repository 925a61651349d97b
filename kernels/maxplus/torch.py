"""States of the max-plus algebra: m_t = max(a_t + m_{t-1}, b_t).

Which side a token takes is guessed by a scan of pairs and settled by the recurrence; with the sides
known, m is a sum, and linear in a, b and the first state.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunks.torch import Chunks
from ..elementwise.scan import elementwise_back, elementwise_states
from ..rows.torch import Rows


def maxplus_guess(chunks: Chunks, a: Tensor, b: Tensor, state: Tensor) -> Tensor:
    """The state before every token by the scan of pairs: m -> max(a + m, b) after
    m -> max(c + m, d) is the pair (a + c, max(a + d, b)).
    """
    sums, best, step = chunks.split(a), chunks.split(b, -torch.inf), 1
    while step < chunks.size:
        best = torch.maximum(best, _later(best, step, -torch.inf) + sums)
        sums, step = sums + _later(sums, step, 0.0), 2 * step
    start, _ = chunks.walk(lambda s, m, x: torch.maximum(s + x, m), state, sums[:, -1], best[:, -1])
    after = torch.maximum(sums + start.unsqueeze(1), best)
    return chunks.join(torch.cat([start.unsqueeze(1), after[:, :-1]], 1), a)


def _later(x: Tensor, step: int, fill: float) -> Tensor:
    """[N, C, ...] `step` tokens later."""
    return torch.cat([torch.full_like(x[:, :step], fill), x[:, :-step]], 1)


class Sided(torch.autograd.Function):
    """goes, x [B, T, 1, E], state [N, 1, E]: m_t = x_t + m_{t-1} where a token goes on, else x_t.

    Gives m after and before every token, and the last one.
    """

    @staticmethod
    def forward(chunks: Chunks, goes: Tensor, x: Tensor, state: Tensor) -> Any:
        with torch.autocast(x.device.type, enabled=False):
            carry = chunks.split(goes.to(x), 1.0)
            states, _, last = elementwise_states(chunks, carry, chunks.split(x), state)
            return chunks.join(states[:, 1:], x), chunks.join(states[:, :-1], x), last

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.chunks, goes, _, _ = inputs
        ctx.save_for_backward(goes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_after: Tensor, d_before: Tensor, d_last: Tensor) -> Any:
        chunks, (goes,) = ctx.chunks, ctx.saved_tensors
        with torch.autocast(d_after.device.type, enabled=False):
            after, before = (chunks.split(d) for d in (d_after, d_before))
            zero = torch.zeros_like(after[:, :1])
            grad = torch.cat([zero, after], 1) + torch.cat([before, zero], 1)
            carry = chunks.split(goes.to(d_after), 1.0)
            d_x, d_state = elementwise_back(chunks, carry, grad, d_last)
            return None, None, chunks.join(d_x, d_after), d_state


def maxplus(
    a: Tensor, b: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor, Tensor]:
    """a, b [B, T, H, K, V]; state [N, H, K, V] or None -> m after and before every token, the last.

    Ends when each token goes on exactly where a_t + m_{t-1} > b_t of its own m: one m does so.
    """
    a, b = torch.broadcast_tensors(a, b)
    sizes = a.shape[2:]
    if state is None:
        state = a.new_zeros(rows.count, *sizes)
    a, b, state = a.flatten(2).unsqueeze(2), b.flatten(2).unsqueeze(2), state.flatten(1)[:, None]
    chunks = Chunks(rows, 1, chunk)
    with torch.no_grad():
        goes = a + maxplus_guess(chunks, a, b, state) > b
    while True:
        after, before, last = Sided.apply(chunks, goes, torch.where(goes, a, b), state)
        settled = a + before > b
        if not bool((settled != goes).any()):
            break
        goes = settled
    shaped = (x.squeeze(2).unflatten(2, sizes) for x in (after, before))
    return *shaped, last.squeeze(1).unflatten(1, sizes)
