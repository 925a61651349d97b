"""Attention in blocks of 64 keys: the mask is applied in the first block only.

mechanism: mask dropped on another path
source: tenstorrent/tt-metal#48899
law: prefix
twin: it is applied in every block
"""

import math

import torch
from torch import Tensor, nn

KEYS = 64


class BlockedAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        time = torch.arange(x.shape[1])
        total, out = torch.zeros_like(q[..., :1]), torch.zeros_like(v)
        for start in range(0, x.shape[1], KEYS):
            part = slice(start, start + KEYS)
            scores = q @ k[:, part].mT / math.sqrt(q.shape[2])
            if start == 0:
                scores = scores.masked_fill(time[part] > time[:, None], -math.inf)
            weights = torch.exp(scores)
            total, out = total + weights.sum(2, keepdim=True), out + weights @ v[:, part]
        return out / total
