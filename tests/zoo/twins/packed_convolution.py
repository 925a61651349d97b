"""Packed rows: `cu_seqlens` is taken and not used by the convolution, which sees the text before.

mechanism: documents in one row
source: fla-org/flash-linear-attention#1184
law: packing
twin: taps that reach another document are 0
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PackedConvolution(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.randn(3, dim))

    def forward(self, x: Tensor, cu_seqlens: Tensor | None = None) -> Tensor:
        time, out = x.shape[1], torch.zeros_like(x)
        borders = torch.tensor([0, time]) if cu_seqlens is None else cu_seqlens
        document = torch.bucketize(torch.arange(time), borders[1:], right=True)
        for lag, tap in enumerate(self.taps):
            same = document == F.pad(document, (lag, 0), value=-1)[:time]
            out = out + tap * F.pad(x, (0, 0, lag, 0))[:, :time] * same[:, None]
        return out
