"""Scores are masked, and then normalised over the queries instead of the keys.

mechanism: normalising over time
source: synthetic
law: prefix
twin: over the keys
"""

import math

import torch
from torch import Tensor, nn


class WrongAxis(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = (q @ k.mT / math.sqrt(q.shape[2])).masked_fill(future, -math.inf)
        return torch.softmax(scores, 2) @ v
