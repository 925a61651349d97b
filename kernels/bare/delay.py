"""A delay, as its definition says."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def delay(x: Tensor, steps: int) -> Tensor:
    """x[t - steps], 0 before the start; steps < 0 reads ahead: 0 behind the end."""
    if steps < 0:
        return F.pad(x[:, -steps:], (0, 0) * (x.dim() - 2) + (0, min(-steps, x.shape[1])))
    return F.pad(x, (0, 0) * (x.dim() - 2) + (steps, 0))[:, : x.shape[1]]
