"""A token is kept if it is among the strongest of the text.

mechanism: order over time
source: synthetic
law: prefix
twin: if it is stronger than the mean of those before
"""

import torch
from torch import Tensor, nn


class Sparse(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        score = self.score(x)
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        mean = score.cumsum(1) / count
        least = mean
        return torch.where(score >= least, x, torch.zeros_like(x))
