"""Positions in the document, counted on from a state."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rows.torch import Rows


def positions(start: Tensor | None, rows: Rows, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """t [batch or 1, time] of every token, and the positions that come next [N]."""
    lengths = torch.tensor(rows.lengths, device=rows.pos.device)
    if start is None:
        return rows.pos[None].to(dtype), lengths
    offset = start[rows.doc][None] if rows.packed else start[:, None]
    return (rows.pos + offset).to(dtype), start + lengths
