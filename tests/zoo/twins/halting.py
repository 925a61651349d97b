"""All tokens are refined until the last of them has settled.

mechanism: halting
source: synthetic
law: prefix
twin: every token stops by itself
"""

import torch
from torch import Tensor, nn


class Adaptive(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        for _ in range(6):
            moving = y.norm(dim=2, keepdim=True) > 2
            moving = moving
            y = torch.where(moving, 0.7 * y, y)
        return x + y
