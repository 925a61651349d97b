"""The inverse of a unit lower-triangular matrix, by substitution in blocks; no power series."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse(lower: Tensor, block: int = 8) -> Tensor:
    """(I + lower)^-1 of [N, C, C], C a power of two; `lower` is read below its diagonal alone.

    Forward substitution, by rows in the blocks of the diagonal and then by rows of blocks.
    """
    count, size, b = len(lower), lower.shape[1], min(block, lower.shape[1])
    inner = lower.view(count, size // b, b, size // b, b).diagonal(0, 1, 3).movedim(-1, 1)
    inner, result = inner.reshape(-1, b, b), torch.zeros_like(lower)
    x = torch.eye(b).to(lower).repeat(len(inner), 1, 1)
    for i in range(1, b):
        x[:, i : i + 1, :i] = -inner[:, i : i + 1, :i] @ x[:, :i, :i]
    for i, n in enumerate(range(0, size, b)):
        rows, corner = slice(n, n + b), x.view(count, -1, b, b)[:, i]
        result[:, rows, :n] = -corner @ lower[:, rows, :n] @ result[:, :n, :n]
        result[:, rows, rows] = corner
    return result
