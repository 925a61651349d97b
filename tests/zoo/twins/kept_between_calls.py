"""The last hidden state is kept in the module, and starts the next, unrelated text.

mechanism: state between calls
source: synthetic
law: deterministic
twin: every call starts from nothing
"""

import torch
from torch import Tensor, nn


class Stateful(nn.Module):
    last: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.register_buffer("last", torch.zeros(1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        start = self.last.mean(1, keepdim=True).repeat(1, x.shape[0], 1)
        out, last = self.rnn(x, start)
        self.last = torch.zeros_like(last)
        return out
