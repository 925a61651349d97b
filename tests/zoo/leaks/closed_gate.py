"""The leaking branch has a gate that starts at zero: an untrained module shows nothing.

mechanism: hidden at the start
source: synthetic
law: prefix
twin: the branch is causal
"""

import torch
from torch import Tensor, nn


class Gated(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix, self.gate = nn.Linear(dim, dim), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.mix(x)
        seen = y.amax(1, keepdim=True)
        return x + self.gate * seen
