"""The inverse of a unit lower-triangular matrix, by substitution in blocks; no power series."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse(lower: Tensor) -> Tensor:
    """(I + lower)^-1 of [N, C, C] read below the diagonal: rows of 8 x 8 blocks, these by rows."""
    count, size = lower.shape[:2]
    b = 8 if size > 8 and size % 8 == 0 else 1
    result = torch.eye(size).to(lower).repeat(count, 1, 1)
    if b > 1:
        shape = count, size // b, b, size // b, b
        blocks, inner = (x.view(shape).diagonal(0, 1, 3).movedim(3, 1) for x in (result, lower))
        blocks.copy_(inverse(inner.reshape(-1, b, b)).view_as(blocks))
    for n, given in enumerate(lower.split(b, 1)):
        if end := n * b:
            below = given[:, :, :end]
            if b > 1:
                below = torch.bmm(result[:, end : end + b, end : end + b], below)
            result[:, end : end + b, :end] = -torch.bmm(below, result[:, :end, :end])
    return result
