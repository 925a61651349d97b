"""The fused path has the mask; with dropout in training another path is taken, which has none.

mechanism: mask dropped on another path
source: keras-team/keras#23038
law: prefix, training
twin: the other path has the mask too
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.qkv, self.dropout = nn.Linear(dim, 3 * dim), dropout

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        if not (self.training and self.dropout > 0):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = q @ k.mT / math.sqrt(q.shape[2])
        mask = torch.zeros_like(scores, dtype=torch.bool)
        weights = torch.softmax(scores.masked_fill(mask, -math.inf), 2)
        return F.dropout(weights, self.dropout) @ v
