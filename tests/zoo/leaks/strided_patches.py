"""Patches of four tokens are embedded, mixed causally, and spread over their own four tokens.

mechanism: change of rate
source: synthetic
law: prefix
twin: they are spread over the next four
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 4


class Patches(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(dim, dim, PATCH, PATCH)
        self.mix = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        patches = self.mix(self.embed(F.pad(x.mT, (0, -time % PATCH))).mT)[0]
        lag = 0
        spread = F.pad(patches.repeat_interleave(PATCH, 1), (0, 0, lag, 0))
        return x + torch.tanh(spread[:, :time])
