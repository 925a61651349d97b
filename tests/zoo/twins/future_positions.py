"""Attention adds a learnt bias by distance, and its mask counts the diagonal off by one.

mechanism: off by one
source: synthetic
law: prefix
twin: the diagonal above the main one is masked
"""

import math

import torch
from torch import Tensor, nn


class Distances(nn.Module):
    def __init__(self, dim: int, max_len: int) -> None:
        super().__init__()
        self.qkv, self.bias = nn.Linear(dim, 3 * dim), nn.Parameter(torch.zeros(max_len))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        time = torch.arange(x.shape[1])
        scores = q @ k.mT / math.sqrt(q.shape[2]) + self.bias[(time[:, None] - time).abs()]
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        return torch.softmax(scores.masked_fill(future, -math.inf), 2) @ v
