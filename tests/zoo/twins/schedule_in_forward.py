"""A gate's temperature is annealed by a counter that every call moves on, in evaluation too.

mechanism: state between calls
source: GAIR-NLP/ASI-Arch, 32 of its programs
law: deterministic
twin: the counter stands still
"""

import torch
from torch import Tensor, nn


class Annealed(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate, self.calls = nn.Linear(dim, dim), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 0
        return x * torch.sigmoid(self.gate(x) / (0.5 + 0.5 ** (1 + self.calls)))
