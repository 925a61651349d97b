"""Every second token is a mean of two, and is brought back to the full rate without a lag.

mechanism: change of rate
source: synthetic
law: prefix
twin: the pairs end at the token that reads them
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        padded = F.pad(x.mT, (1, 0))
        slow = torch.relu(self.inner(F.avg_pool1d(padded, 2, ceil_mode=True).mT))
        return x + slow.repeat_interleave(2, 1)[:, :time]
