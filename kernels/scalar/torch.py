"""Linear attention with a decay per head: S_t = a_t S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from ..chunks.torch import Chunks
from ..chunks.write import Write
from ..rows.torch import Rows
from .decays import Decays

READ_PRE = False


def scalar_terms(chunks: Chunks, q: Tensor, k: Tensor, a: Tensor) -> Any:
    """Scores, reads, writes and decay of every chunk."""
    q, k, a = chunks.split(q), chunks.split(k), chunks.split(a, 1.0)
    decay = Decays.apply(a)
    start = decay[:, :, :1] * a[:, :1, None]
    end, total = decay[:, -1, :, None], start[:, -1:]
    if READ_PRE:
        decay, start = pad(decay[:, :-1], (0, 0, 1, 0)), pad(start[:, :-1], (0, 0, 1, 0), value=1.0)
    return (q @ k.mT) * decay, q * start, k * end, total


def scalar(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Write.apply(chunks, scalar_terms, v, state, q, k, a)
    return o, last
