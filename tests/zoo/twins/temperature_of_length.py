"""Attention is sharpened by the logarithm of the text's length instead of the position's.

mechanism: the length is an input
source: synthetic
law: length
twin: of the number of keys that the query sees
"""

import math

import torch
from torch import Tensor, nn


class ScaledByLength(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        scale = torch.log1p(count) / math.sqrt(q.shape[2])
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return torch.softmax((q * scale @ k.mT).masked_fill(future, -math.inf), 2) @ v
