"""The gated delta rule: S_t = a_t S_{t-1} + k_t (v_t - R_t' w_t)'.

R_t is the decayed state a_t S_{t-1} or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from ..chunks.erase import Erase
from ..chunks.torch import Chunks
from ..rows.torch import Rows
from ..scalar.decays import Decays

READ_PRE = False
DECAYED = True


def scalar_rank1_terms(chunks: Chunks, q: Tensor, k: Tensor, a: Tensor, w: Tensor) -> Any:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk."""
    q, k, w, a = chunks.split(q), chunks.split(k), chunks.split(w), chunks.split(a, 1.0)
    decay = erase = Decays.apply(a)
    start = begin = decay[:, :, :1] * a[:, :1, None]
    end, total = decay[:, -1, :, None], start[:, -1:]
    if READ_PRE:
        decay, start = pad(decay[:, :-1], (0, 0, 1, 0)), pad(start[:, :-1], (0, 0, 1, 0), value=1.0)
    if not DECAYED:
        erase, begin = pad(erase[:, :-1], (0, 0, 1, 0)), pad(begin[:, :-1], (0, 0, 1, 0), value=1.0)
    return (q @ k.mT) * decay, (w @ k.mT) * erase, q * start, w * begin, k * end, total


def scalar_rank1(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, w: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k, w [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Erase.apply(chunks, scalar_rank1_terms, v, state, q, k, a, w)
    return o, last
