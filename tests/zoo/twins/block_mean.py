"""Keys are summarised by the mean of their block, and every token of the block reads the mean.

mechanism: block summary
source: karpathy/nanochat#844
law: prefix
twin: the mean of the block before
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 8


class BlockMean(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.value = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        blocks = F.pad(self.value(x), (0, 0, 0, -time % BLOCK)).unflatten(1, (-1, BLOCK))
        mean = blocks.mean(2)
        seen = torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], 1)
        return x + seen.repeat_interleave(BLOCK, 1)[:, :time]
