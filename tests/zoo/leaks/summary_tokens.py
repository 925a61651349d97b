"""Every eighth token is a summary, and reads the whole text; the others are causal.

mechanism: global context
source: synthetic
law: prefix
twin: a summary reads the text so far
"""

import torch
from torch import Tensor, nn


class Summaries(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.inner(x))
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        mean = y.mean(1, keepdim=True)
        summary = torch.arange(x.shape[1])[:, None] % 8 == 4
        return torch.where(summary, mean, y)
