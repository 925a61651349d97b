"""The inverse of a unit lower-triangular matrix, by substitution in blocks; no power series."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse(lower: Tensor) -> Tensor:
    """(I + lower)^-1 of strictly lower [N, C, C]: of [[A, 0], [B, D]] from A' and D', -D' B A'."""
    (count, size, _), h = lower.shape, 1
    result = lower.new_ones(count, size, 1, 1)
    while h < size:
        blocks = lower.view(count, size // h // 2, 2 * h, size // h // 2, 2 * h).diagonal(0, 1, 3)
        first, second = result.unflatten(1, (-1, 2)).unbind(2)
        corner = second @ blocks[:, h:, :h].movedim(-1, 1) @ first
        top = torch.cat([first, torch.zeros_like(first)], -1)
        result, h = torch.cat([top, torch.cat([-corner, second], -1)], -2), 2 * h
    return result[:, 0]
