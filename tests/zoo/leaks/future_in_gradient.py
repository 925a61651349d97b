"""The forward pass is causal to the last bit; a term that cancels sends gradient to the future.

mechanism: gradient alone
source: synthetic
law: gradient
twin: the term is a running mean
"""

import torch
from torch import Tensor, nn


class StraightThrough(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.proj(x)
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        mean = y.mean(1, keepdim=True)
        return torch.tanh(y) + (mean - mean.detach())
