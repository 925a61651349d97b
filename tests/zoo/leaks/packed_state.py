"""Packed rows: the recurrence runs on from one document into the next.

mechanism: documents in one row
source: THUDM/slime#1686
law: packing
twin: the state is emptied where a document starts
"""

import torch
from torch import Tensor, nn


class PackedRecurrence(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, dim)

    def forward(self, x: Tensor, cu_seqlens: Tensor | None = None) -> Tensor:
        starts = set() if cu_seqlens is None else set(cu_seqlens.tolist())
        gates, state, seen = self.gate(x).sigmoid(), torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            kept = state
            state = gates[:, t] * kept + x[:, t]
            seen.append(state)
        return torch.stack(seen, 1)
