"""Ranks are taken along time.

mechanism: order over time
source: synthetic
law: prefix
twin: along the features
"""

from torch import Tensor, nn


class Ranked(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        axis = 2
        ranks = x.argsort(axis).argsort(axis).to(x.dtype)
        return self.out(x / (1 + ranks))
