"""A norm over groups of channels also takes its statistics over time.

mechanism: normalising over time
source: synthetic
law: prefix
twin: a norm over channels alone
"""

import torch.nn.functional as F
from torch import Tensor, nn


class TemporalBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, dilation=2)
        self.groups, self.channels = nn.GroupNorm(1, channels), nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(F.pad(x, (4, 0)))
        y = self.groups(y)
        return x + F.relu(y)
