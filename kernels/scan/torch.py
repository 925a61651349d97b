"""States that are not affine: one step after the other, documents apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..rows.torch import Rows

States = tuple[Tensor, ...]


def scan(
    cell: Callable[[States, States], Any], start: States, streams: States, rows: Rows
) -> tuple[States, States]:
    """`cell(states, token) -> (states, outputs)` over time; start [N, ...], streams [B, T, ...]."""
    begins = {s: n for n, s in enumerate(rows.starts) if rows.packed and rows.lengths[n]}
    last = [[s[n] for s in start] for n in range(rows.count)] if rows.packed else []
    state, seen, document = start, [], 0
    for t in range(rows.time):
        if t in begins:
            document = begins[t]
            state = tuple(s[document : document + 1] for s in start)
        state, outputs = cell(state, tuple(x[:, t] for x in streams))
        seen.append(outputs)
        if rows.packed:
            last[document] = [s[0] for s in state]
    joined = tuple(torch.stack(steps, 1) for steps in zip(*seen, strict=True))
    if rows.packed:
        state = tuple(torch.stack(states) for states in zip(*last, strict=True))
    return joined, state
