"""Channels are weighted by their mean over the text, as in networks for images.

mechanism: global context
source: synthetic
law: prefix
twin: by their mean so far
"""

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.excite = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.shape[2] + 1, dtype=x.dtype)
        squeezed = x.cumsum(2) / count
        return x * torch.sigmoid(self.excite(squeezed))
