"""Scores are shifted by the largest of all queries and keys, and what is added below is not.

mechanism: chunk-wide pivot
source: synthetic
law: prefix
twin: by the largest that the query may see
"""

import math

import torch
from torch import Tensor, nn


class StableSoftmax(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = (q @ k.mT / math.sqrt(q.shape[2])).masked_fill(future, -math.inf)
        weights = torch.exp(scores - scores.amax((1, 2), keepdim=True))
        return weights / (weights.sum(2, keepdim=True) + 1e-2) @ v
