"""The gated delta rule: S_t = a_t S_{t-1} + k_t (v_t - R_t' w_t)', R_t = a_t S_{t-1} or S_{t-1}."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from ..chunks.erase import Erase
from ..chunks.torch import Chunks
from ..rows.torch import Rows
from ..scalar.decays import Decays

READ_PRE = False
DECAYED = True


def scalar_rank1_terms(
    chunks: Chunks, q: Tensor, k: Tensor, a: Tensor, w: Tensor
) -> tuple[Tensor, ...]:
    """Scores, erase scores, reads, erase reads, writes and decay of every chunk."""
    q, k, w, a = chunks.split(q), chunks.split(k), chunks.split(w), chunks.split(a, 1.0)
    decay = Decays.apply(a)
    start = decay[:, :, :1] * a[:, :1, None]
    after, total = decay[:, -1, :, None], start[:, -1:]
    if READ_PRE:
        reads = pad(decay[:, :-1], (0, 0, 1, 0)), pad(start[:, :-1], (0, 0, 1, 0), value=1.0)
    else:
        reads = decay, start
    if DECAYED:
        erases = decay.tril(-1), start
    else:
        erases = pad(decay[:, :-1], (0, 0, 1, 0)), pad(start[:, :-1], (0, 0, 1, 0), value=1.0)
    scores, lower = (q @ k.mT) * reads[0], (w @ k.mT) * erases[0]
    return scores, lower, q * reads[1], w * erases[1], k * after, total


def scalar_rank1(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    w: Tensor,
    state: Tensor | None,
    rows: Rows,
    chunk: int = 64,
) -> tuple[Tensor, Tensor]:
    """q, k, w [B, T, H, K]; v [B, T, H, V]; a [B, T, H]; state [N, H, K, V] -> o, last state."""
    chunks = Chunks(rows, q.shape[2], chunk)
    if state is None:
        state = v.new_zeros(rows.count, *q.shape[2:], v.shape[3])
    o, last, _ = Erase.apply(chunks, scalar_rank1_terms, v, state, q, k, a, w)
    return o, last
