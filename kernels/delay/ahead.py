"""Later tokens: inside each document, and inside what a call is given."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..rows.torch import Rows


def ahead(x: Tensor, steps: int, rows: Rows) -> Tensor:
    """x[t + steps] of x [B, T, ...], 0 behind the document's last token."""
    trail = (1,) * (x.dim() - 2)
    moved = F.pad(x[:, steps:], (0, 0) * len(trail) + (0, min(steps, rows.time)))
    later = F.pad(rows.pos[steps:], (0, min(steps, rows.time)), value=-1)
    same = (later == rows.pos + steps).reshape(1, -1, *trail)
    return torch.where(same, moved, torch.zeros_like(moved))
