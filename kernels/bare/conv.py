"""A short causal convolution, as its definition says."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def conv(x: Tensor, taps: Tensor, dilation: int = 1) -> Tensor:
    """y[t] = sum_i taps[i] x[t - (n - 1 - i) dilation], x 0 before the start."""
    past = F.pad(x, (0, 0) * (x.dim() - 2) + ((len(taps) - 1) * dilation, 0))
    parts = (tap * past[:, i * dilation :][:, : x.shape[1]] for i, tap in enumerate(taps))
    return sum(parts, torch.zeros_like(x))
