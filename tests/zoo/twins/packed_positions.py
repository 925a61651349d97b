"""Packed rows: positions count from the row's start, so a document knows what stood before it.

mechanism: documents in one row
source: PrimeIntellect-ai/prime-rl#3000
law: packing
twin: positions count from the document's start
"""

import torch
from torch import Tensor, nn


class PackedPositions(nn.Module):
    def __init__(self, dim: int, max_len: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(max_len, dim))

    def forward(self, x: Tensor, cu_seqlens: Tensor | None = None) -> Tensor:
        time = torch.arange(x.shape[1])
        starts = torch.zeros_like(time)
        if cu_seqlens is not None:
            ends = torch.bucketize(time, cu_seqlens[1:], right=True)
            starts = cu_seqlens[ends]
        return x + self.table[time - starts]
