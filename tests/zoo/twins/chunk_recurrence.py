"""Chunk means run through a recurrence over chunks, and a chunk reads the state after itself.

mechanism: block summary
source: karpathy/nanochat#844
law: prefix
twin: a chunk reads the state before itself
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK = 16


class ChunkRecurrence(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.write = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        chunks = F.pad(self.write(x), (0, 0, 0, -time % CHUNK)).unflatten(1, (-1, CHUNK))
        state, seen = torch.zeros_like(chunks[:, 0, 0]), []
        for mean in chunks.mean(2).unbind(1):
            seen.append(state)
            state = 0.9 * state + mean
        return x + torch.stack(seen, 1).repeat_interleave(CHUNK, 1)[:, :time]
