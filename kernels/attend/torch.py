"""Attention by blocks of queries: memory linear in time, any score that is a function of one block.

It decides how weights become an output. What a score is, and which pairs are admissible, is the
emitted `weigh`; which keys a block meets is `keys`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .keys import Keys, add, answered, cut, meet, views

SINK = False
SOFTMAX = True
STICK = False


def normalise(score: Tensor, allowed: Tensor, *sinks: Tensor) -> tuple[Tensor, ...]:
    """The weights of the keys, and that of the sink. A query without keys has some, but no NaN.

    Stick-breaking: each key takes sigmoid(score) of what the later ones left. What is left is a
    product of factors below 1; its logs are never taken, nothing is divided by them.
    """
    if SOFTMAX:
        if SINK:
            (sink,) = sinks
            score = torch.where(allowed, score, -torch.inf)
            top = score.amax(-1, keepdim=True) if score.shape[-1] else score  # a row of no tokens
            top = torch.maximum(top, sink)
            weights = (score - top).exp_()
            total = weights.sum(-1, keepdim=True)
            total = total + torch.exp(sink - top)
            return weights.div_(total), torch.exp(sink - top) / total
        else:
            some = allowed.any(-1, keepdim=True)
            return (torch.softmax(torch.where(allowed | ~some, score, -torch.inf), -1),)
    else:
        if STICK:
            left = torch.where(allowed, torch.sigmoid(-score), 1.0)
            taken = torch.where(allowed, torch.sigmoid(score), 0.0)
            later = torch.cat([left, torch.ones_like(left[..., :1])], -1)[..., 1:]
            return taken * later.flip(-1).cumprod(-1).flip(-1), taken, left
        else:
            return (torch.where(allowed, score, 0.0),)


def slopes(d_score: Tensor, weights: Tensor, spare: Any, allowed: Tensor) -> list[Tensor]:
    """The gradient of the scores (and of the sink) from that of the weights."""
    if SOFTMAX:
        mean = (weights * d_score).sum(-1, keepdim=True)
        found = [(d_score - mean).mul_(weights)]
        if SINK:
            found.append(-spare[0] * mean)
        return found
    else:
        if STICK:
            taken, left = spare
            flow = weights * d_score
            before = torch.cat([torch.zeros_like(flow[..., :1]), flow], -1)[..., :-1]
            return [flow * (1 - taken) - before.cumsum(-1) * (1 - left)]
        else:
            return [torch.where(allowed, d_score, 0.0)]


class Attend(torch.autograd.Function):
    """tensors: `counts[0]` streams of queries, `counts[1]` streams of keys, then plain tensors."""

    @staticmethod
    def forward(
        weigh: Callable[..., Any], equation: str, keys: Keys, counts: Any, *tensors: Tensor
    ) -> Tensor:
        outputs = []
        for block in keys.blocks:
            (score, value, *sink), allowed = meet(weigh, keys, block, cut(tensors, counts, block))
            weights = normalise(score, allowed, *sink)[0]
            outputs.append(answered(torch.einsum(equation, weights, value), allowed))
        return torch.cat(outputs, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.weigh, ctx.equation, ctx.keys, ctx.counts, *tensors = inputs
        ctx.save_for_backward(*tensors)
        device = output.device.type
        ctx.autocast = device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Any, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        grads = [torch.zeros_like(x) for x in tensors]
        p, v, o = ctx.equation.replace("->", ",").split(",")
        for block in ctx.keys.blocks:
            parts = cut(tensors, ctx.counts, block)

            def terms(*wanted: Tensor, parts: Any = parts, block: Any = block) -> Any:
                given = iter(wanted)
                filled = [next(given) if n else x for x, n in zip(parts, needed, strict=True)]
                return meet(ctx.weigh, ctx.keys, block, filled)

            wanted = [x for x, n in zip(parts, needed, strict=True) if n]
            with torch.autocast(*ctx.autocast):
                outputs, pullback, allowed = torch.func.vjp(terms, *wanted, has_aux=True)
                score, value, *sink = outputs
                weights, *spare = normalise(score, allowed, *sink)
                d_block = answered(d_out[:, block[0] : block[1]], allowed)
                d_value = torch.einsum(f"{p},{o}->{v}", weights, d_block)
                d_score = torch.einsum(f"{o},{v}->{p}", d_block, value)
                d_score, *d_sink = slopes(d_score, weights, spare, allowed)
                found = [d_score, d_value, *d_sink]
                pairs = zip(found, outputs, strict=True)  # back over what einsum spread
                found = pullback(tuple(g.sum_to_size(x.shape).to(x.dtype) for g, x in pairs))
            cuts = zip(views(grads, ctx.counts, block), needed, strict=True)
            for parts_of, part in zip([g for g, n in cuts if n], found, strict=True):
                add(parts_of, part)
        return None, None, None, None, *grads


def attend(
    weigh: Callable[..., Any],
    equation: str,
    keys: Keys,
    queries: tuple[Tensor, ...],
    attended: tuple[Tensor, ...],
    plain: tuple[Tensor, ...] = (),
) -> Tensor:
    """The weighted sums [B, T, ...]; attended streams come from `keys.gather`."""
    counts = len(queries), len(attended)
    return Attend.apply(weigh, equation, keys, counts, *queries, *attended, *plain)
