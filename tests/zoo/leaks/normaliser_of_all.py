"""Linear attention whose numerator is causal and whose denominator sums all keys.

mechanism: global context
source: synthetic
law: prefix
twin: it sums the keys so far
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        keys = k.sum(1, keepdim=True)
        return torch.tril(q @ k.mT) @ v / (q * keys).sum(2, keepdim=True)
