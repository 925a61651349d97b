"""A convolution that is padded to the same length on both sides.

mechanism: padding
source: synthetic
law: prefix
twin: all padding is on the left
"""

import torch.nn.functional as F
from torch import Tensor, nn

TAPS = 5


class ShortConvolution(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, TAPS, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        padding = (TAPS - 1, 0)
        return F.silu(self.conv(F.pad(x.mT, padding))).mT
