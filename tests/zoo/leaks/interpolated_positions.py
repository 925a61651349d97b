"""A table of positions is stretched to the length of the text.

mechanism: the length is an input
source: synthetic
law: length
twin: its first rows are taken
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stretched(nn.Module):
    def __init__(self, dim: int, max_len: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, dim, max_len))

    def forward(self, x: Tensor) -> Tensor:
        rows = F.interpolate(self.table, x.shape[1], mode="linear")
        return F.gelu(x + rows.mT)
