"""A sink in the softmax holds the mean score of all keys, those of the future too.

mechanism: sink
source: gittensor/sparkinfer#616
law: prefix
twin: the mean score of the keys so far
"""

import math

import torch
from torch import Tensor, nn


class SinkAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        scores = q @ k.mT / math.sqrt(q.shape[2])
        seen = torch.ones_like(scores).tril()
        mean = (scores * seen).sum(2, keepdim=True) / seen.sum(2, keepdim=True)
        sink = mean
        weights = torch.cat([scores.masked_fill(seen == 0, -math.inf), sink], 2).softmax(2)
        return weights[..., :-1] @ v
