"""What a forward pass of a network takes, counted: a number that no clock and no machine changes.

FLOPs do not say it: what a loop over tokens computes, or a memory whose states are all written
down, takes ten times the time of another network of as many FLOPs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROWS = 2
OPERATOR = 500
"""Numbers that an operator counts for, whatever it writes: with it, the effort of two rows is in
proportion to a training step's time (`python benchmarks/effort.py`).
"""


class _Counted(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.total += OPERATOR
        if not _is_view(func):
            self.total += sum(x.numel() for x in tree_leaves(result) if isinstance(x, Tensor))
        return result


def _is_view(func: Any) -> bool:
    aliases = [r.alias_info for r in func._schema.returns]
    return any(a is not None and not a.is_write for a in aliases)


def effort(model: nn.Module, time: int) -> float:
    """Numbers per token that a forward pass over `ROWS` rows of `time` ids writes, each operator
    counted for `OPERATOR` more.
    """
    ids = torch.zeros(ROWS, time, dtype=torch.long)
    counted = _Counted()
    with torch.no_grad(), counted:
        model(ids)
    return counted.total / (ROWS * time)
