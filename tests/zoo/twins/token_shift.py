"""Token shift with the wrong sign.

mechanism: off by one
source: synthetic
law: prefix
twin: the right one
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TokenShift(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.rand(dim))

    def forward(self, x: Tensor) -> Tensor:
        before = F.pad(x, (0, 0, 1, -1))
        return torch.lerp(x, before, self.share)
