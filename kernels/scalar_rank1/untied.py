"""Scalar decay plus rank one: S_t = a_t S_{t-1} + u_t (R_t' w_t)' + k_t v_t'.

R_t is the decayed state a_t S_{t-1} or S_{t-1}.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from ..chunks.torch import Chunks
from ..chunks.update import Update
from ..rows.torch import Rows
from ..scalar.decays import Decays

READ_PRE = False
DECAYED = True


def scalar_rank1_untied_terms(
    chunks: Chunks, q: Tensor, k: Tensor, a: Tensor, u: Tensor, w: Tensor
) -> Any:
    """Scores of reads and erase reads with writes and erases, these four, and the decay."""
    q, k, u, w = (chunks.split(x) for x in (q, k, u, w))
    a = chunks.split(a, 1.0)
    decay = erase = Decays.apply(a)
    start = begin = decay[:, :, :1] * a[:, :1, None]
    end, total = decay[:, -1, :, None], start[:, -1:]
    if READ_PRE:
        decay, start = pad(decay[:, :-1], (0, 0, 1, 0)), pad(start[:, :-1], (0, 0, 1, 0), value=1.0)
    if not DECAYED:
        erase, begin = pad(erase[:, :-1], (0, 0, 1, 0)), pad(begin[:, :-1], (0, 0, 1, 0), value=1.0)
    qk, qu = (q @ k.mT) * decay, (q @ u.mT) * decay
    wk, wu = (w @ k.mT) * erase.tril(-1), (w @ u.mT) * erase
    return qk, qu, wk, wu, q * start, w * begin, k * end, u * end, total


def scalar_rank1_untied(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    u: Tensor,
    w: Tensor,
    state: Any,
    rows: Rows,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """q, k, u, w [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [N, H, K, V] or None."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Update.apply(chunks, scalar_rank1_untied_terms, v, state, q, k, a, u, w)
    return o, last
