"""Every token is modulated by a summary of the text: its last token.

mechanism: global context
source: synthetic
law: prefix
twin: its first token
"""

import torch
from torch import Tensor, nn


class Modulated(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.shift = nn.LayerNorm(dim), nn.Linear(dim, 2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        context = x[:, :1]
        scale, shift = torch.tanh(self.shift(context)).chunk(2, 2)
        return self.norm(x) * (1 + scale) + shift
