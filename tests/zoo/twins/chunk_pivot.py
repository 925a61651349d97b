"""Decays inside a chunk are taken relative to the chunk's last gate, and clamped to be safe.

mechanism: chunk-wide pivot
source: fla-org/flash-linear-attention#1240
law: prefix
twin: relative to the chunk's first gate, which every token of it has seen
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 16


class SafeGate(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv, self.gate = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def chunk(self, q: Tensor, k: Tensor, v: Tensor, log_gate: Tensor) -> Tensor:
        sums = log_gate.cumsum(1)
        pivot = sums[:, :1]
        grown = q * torch.exp((sums - pivot).clamp(max=5.0))
        shrunk = k * torch.exp((pivot - sums).clamp(max=5.0))
        return torch.tril(grown @ shrunk.mT) @ v

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        parts = [z.split(CHUNK, 1) for z in (q, k, v, F.logsigmoid(self.gate(x)))]
        return torch.cat([self.chunk(*part) for part in zip(*parts, strict=True)], 1)
