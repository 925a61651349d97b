"""Gates are accumulated from the end of the text.

mechanism: runs backwards
source: synthetic
law: prefix
twin: from its start
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Forgetting(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        decay = F.softplus(self.gate(x)) / 8
        sums = decay.cumsum(1)
        return torch.exp(-sums) * self.value(x)
