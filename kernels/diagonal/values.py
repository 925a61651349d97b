"""A decay per key channel, read along values: S_t = diag(a_t) S_{t-1} + k_t v_t', o_t = S_t q_t.

The transpose of a decay per value channel under an ordinary read: GSA's first pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.func import vjp

from ..chunks.torch import Chunks
from ..rows.torch import Rows

READ_PRE = False


def diagonal_values_terms(q: Tensor, k: Tensor, v: Tensor, a: Tensor) -> Any:
    """What a chunk gives by itself, decays up to each read, writes at its end, the whole decay.

    Sibling blocks of h tokens meet at their border, so that products of decays are enough: the
    scores q v' of a pair weigh the earlier keys, decayed to the border, and the sum is decayed on.
    """
    h, size, inner = 1, q.shape[1], torch.zeros_like(k).unsqueeze(2)
    total = a.unsqueeze(2)
    before = after = torch.ones_like(total)
    while h < size:
        pairs = (y.unflatten(1, (-1, 2)).unbind(2) for y in (inner, before, after, total))
        (o1, o2), (p1, p2), (s1, s2), (t1, t2) = pairs
        late, early = q.unflatten(1, (-1, 2, h))[:, :, 1], v.unflatten(1, (-1, 2, h))[:, :, 0]
        keys = k.unflatten(1, (-1, 2, h))[:, :, 0] * s1
        inner = torch.cat([o1, o2 + p2 * ((late @ early.mT) @ keys)], 2)
        before, after = torch.cat([p1, p2 * t1], 2), torch.cat([s1 * t2, s2], 2)
        total, h = t1 * t2, 2 * h
    inner, before, after, total = (y[:, 0] for y in (inner, before, after, total))
    if not READ_PRE:
        inner = torch.addcmul(a * inner, (q * v).sum(-1, keepdim=True), k)
        before = a * before
    return inner, before, k * after, total.mT


class Values(torch.autograd.Function):
    """In a chunk from S:  O = inner + before * (Q S')      S' = total S + k' V"""

    @staticmethod
    def forward(chunks: Chunks, q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Tensor) -> Any:
        with torch.autocast(v.device.type, enabled=False):
            query, key, value = (chunks.split(x) for x in (q, k, v))
            decay = chunks.split(a, 1.0)
            inner, scale, write, total = diagonal_values_terms(query, key, value, decay)
            before, last = chunks.walk(torch.addcmul, state, write.mT @ value, total)
            return chunks.join(torch.addcmul(inner, scale, query @ before.mT), v), last, before

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
            terms, pullback = vjp(diagonal_values_terms, query, key, value, chunks.split(a, 1.0))
            _, scale, write, total = terms
            d_o = chunks.split(d_o)
            scaled = scale * d_o
            after, d_state = chunks.walk(torch.addcmul, d_last, scaled.mT @ query, total, back=True)
            d_total = (before * after).sum_to_size(total.shape)
            d_q, d_k, d_v, d_a = pullback(
                (d_o, d_o * (query @ before.mT), value @ after.mT, d_total)
            )
            d_q, d_v = torch.baddbmm(d_q, scaled, before), torch.baddbmm(d_v, write, after)
            pairs = zip((d_q, d_k, d_v, d_a), (q, k, v, a), strict=True)
        return None, *(chunks.join(d, x) for d, x in pairs), d_state


def diagonal_values(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, v [B, T, H, V]; k, a [B, T, H, K]; state [N, H, K, V] or None -> o [B, T, H, K], last."""
    if state is None:
        state = v.new_zeros(rows.count, *k.shape[2:], v.shape[3])
    o, last, _ = Values.apply(Chunks(rows, q.shape[2], chunk, halves=True), q, k, v, a, state)
    return o, last
