"""A rank-one transition without decay: S_t = S_{t-1} + u_t (S_{t-1}' w_t)' + k_t v_t'."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..chunks.torch import Chunks
from ..chunks.update import Update
from ..rows.torch import Rows

READ_PRE = False


def identity_rank1_untied_terms(chunks: Chunks, q: Tensor, k: Tensor, u: Tensor, w: Tensor) -> Any:
    """Scores of reads and erase reads with writes and erases, these four, and the decay."""
    q, k, u, w = (chunks.split(x) for x in (q, k, u, w))
    if READ_PRE:
        qk, qu = (q @ k.mT).tril(-1), (q @ u.mT).tril(-1)
    else:
        qk, qu = (q @ k.mT).tril(), (q @ u.mT).tril()
    return qk, qu, (w @ k.mT).tril(-1), w @ u.mT, q, w, k, u, k.new_ones(len(k), 1, 1)


def identity_rank1_untied(
    q: Tensor, k: Tensor, v: Tensor, u: Tensor, w: Tensor, state: Any, rows: Rows, chunk: int = 64
) -> tuple[Tensor, Tensor]:
    """q, k, u, w [B, T, H, K]; v [B, T, H, V]; state [N, H, K, V] or None -> o, last."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Update.apply(chunks, identity_rank1_untied_terms, v, state, q, k, u, w)
    return o, last
