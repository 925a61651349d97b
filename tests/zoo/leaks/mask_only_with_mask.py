"""The causal mask is combined with the caller's; where the caller gives none, neither is applied.

mechanism: mask dropped on another path
source: facebookresearch/xformers#103
law: prefix
twin: without a caller's mask the causal one is used alone
"""

import math

import torch
from torch import Tensor, nn


class MaskedAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        scores = q @ k.mT / math.sqrt(q.shape[2])
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        allowed = causal & mask if mask is not None else None
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -math.inf)
        return torch.softmax(scores, 2) @ v
