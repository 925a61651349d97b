"""A loop over tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def scan(cell: Any, state: Any, streams: tuple[Tensor, ...]) -> Any:
    """`cell(state, token) -> (state, outputs)` from the first token to the last."""
    seen: list[Any] = []
    for token in zip(*(x.unbind(1) for x in streams), strict=True):
        state, outputs = cell(state, token)
        seen.append(outputs)
    return tuple(torch.stack(steps, 1) for steps in zip(*seen, strict=True))
