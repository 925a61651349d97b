"""Attention over all pairs of tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

SINK = False
SOFTMAX = True
STICK = False


def attend(
    equation: str,
    score: Tensor,
    allowed: Tensor,
    value: Tensor,
    *sink: Tensor,
    keep: Callable[..., Tensor] | None = None,
) -> Tensor:
    """Weighted sums of values over the tokens allowed; none allowed gives 0."""
    cover = allowed.reshape(len(allowed), *(1,) * (score.dim() - 3), *allowed.shape[1:])
    if keep is not None:
        j = torch.arange(cover.shape[-1], device=cover.device)[None, None]
        cover = keep(sink[-1], cover, j)
    weights = score.masked_fill(~cover, 0.0)
    if STICK:
        left = torch.sigmoid(-score).masked_fill(~cover, 1.0).flip(-1).cumprod(-1).flip(-1)
        left = torch.cat([left, torch.ones_like(left[..., :1])], -1)[..., 1:]
        weights = torch.sigmoid(score).masked_fill(~cover, 0.0) * left
    if SOFTMAX:
        top = pad(score.masked_fill(~cover, -torch.inf), (0, 1), value=-1e30)
        top = top.amax(-1, keepdim=True)
        if SINK:
            top = torch.maximum(top, sink[0])
        weights = torch.exp(score.masked_fill(~cover, -torch.inf) - top)
        total = weights.sum(-1, keepdim=True)
        if SINK:
            total = total + torch.exp(sink[0] - top)
        weights = weights / total.masked_fill(total == 0, 1.0)
    return torch.einsum(equation, weights, value)
