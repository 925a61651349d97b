"""The gate sees the position as a fraction of the length, so it knows how long the text will be.

mechanism: the length is an input
source: GAIR-NLP/ASI-Arch, len_hgate_mixanneal
law: length
twin: a fraction of a constant
"""

import torch
from torch import Tensor, nn


class PositionGate(nn.Module):
    def __init__(self, dim: int, max_len: int) -> None:
        super().__init__()
        self.gate, self.max_len = nn.Linear(1, dim), max_len

    def forward(self, x: Tensor) -> Tensor:
        position = torch.arange(x.shape[1], dtype=x.dtype)[:, None]
        return x * torch.sigmoid(self.gate(position / x.shape[1]))
