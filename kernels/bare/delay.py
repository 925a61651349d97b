"""A delay, as its definition says."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def delay(x: Tensor, steps: int) -> Tensor:
    """x[t - steps], 0 before the start."""
    return F.pad(x, (0, 0) * (x.dim() - 2) + (steps, 0))[:, : x.shape[1]]
