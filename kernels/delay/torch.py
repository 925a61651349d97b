"""Delays and windows of a stream, inside each document."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rows.torch import Rows
from .past import Past


def delay(x: Tensor, steps: int, tail: Tensor | None, rows: Rows) -> tuple[Tensor, Tensor]:
    """x[t - steps] of x [B, T, ...], and the tail that the next tokens need [N, steps, ...]."""
    past = Past(x, steps, tail, rows)
    return past.take(past.x, steps), past.tail()


def window(
    x: Tensor, n: int, dilation: int, tail: Tensor | None, rows: Rows
) -> tuple[Tensor, Tensor]:
    """[B, T, n, ...]: entry i is x[t - (n - 1 - i) * dilation]; and the next tail."""
    past = Past(x, (n - 1) * dilation, tail, rows)
    steps = [past.take(past.x, (n - 1 - i) * dilation) for i in range(n)]
    return torch.stack(steps, 2), past.tail()
