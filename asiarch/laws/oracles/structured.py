"""Native sparse attention, cyclic flow attention, attention over depth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from asiarch.laws.oracles.common import QKV, first
from asiarch.laws.oracles.draws import log_decay, normal, once, rate
from asiarch.laws.oracles.oracle import Leaves, Oracle, library, written
from asiarch.laws.oracles.references import fla

NSA = written(
    "native_sparse",
    """
op native_sparse[H, G, K, V, S](
  q: Seq[H, G, K], k: Seq[H, K], v: Seq[H, V], gc: Seq[H, G], gs: Seq[H, G]
) -> Seq[H, G, V] {
  kc = mean[W](window[W = 4](k))
  vc = mean[W](window[W = 4](v))
  coarse = attend j where j <= t and j % 4 == 3 {
    score: q[t] @ kc[j] / sqrt(K)
    value: vc[j]
  }
  z = attend j where j <= t and j % 4 == 3 {
    weight: none
    score: exp(q[t] @ kc[j] / sqrt(K))
    value: 1
  }
  y = 1 / max(z, 1e-30)
  fine = attend j where j <= t {
    score: q[t] @ k[j] / sqrt(K)
    value: v[j]
    keep: top[S, block = 4](select(
      j < 4 or floor(j / 4) >= floor(t / 4) - 1,
      10,
      select(j % 4 == 3, sum[G](exp(q[t] @ kc[j] / sqrt(K)) * y[t]) / G, 0)
    ))
  }
  return gc * coarse + gs * fine
}
""",
)

CYFA = library("cyclic", "cyclic_flow_core")


def _pooled(x: Tensor, size: int, _: Any = None) -> Tensor:
    """In the place of a Triton kernel: means over blocks of tokens."""
    return x.reshape(x.shape[0], -1, size, *x.shape[2:]).mean(2)


def _jit(function: Callable[..., object] | None = None, **_: object) -> object:
    """Triton's decorator without Triton: kernels stay functions that nobody calls."""
    return function if function is not None else _jit


def _native(f: Any, x: Leaves) -> Tensor:
    gates = (x.gc.flatten(2), x.gs.flatten(2))
    y = f(x.q.flatten(2, 3), x.k, x.v, *gates, block_counts=4, block_size=4)
    return y.reshape(*x.q.shape[:4], x.v.shape[-1])


def _cyclic(f: Any, x: Leaves) -> Tensor:
    weights = (x.readout, x.wq, x.wk, 1e-6, 1e-6)
    return first(f(x.q, x.k, x.v, x.a, x.d, x.b, *weights))


def _table(readout: Tensor) -> Tensor:
    """[H, C, C] times the Fourier basis of C places: [H, C, pairs, (cosine, sine)]."""
    count = readout.shape[-1]
    place = torch.arange(count, dtype=torch.float64)[:, None]
    angle = place * torch.arange((count + 1) // 2) * (2 * math.pi / count)
    size = torch.full_like(angle[0], 2 / count).sqrt()
    size[0] = count**-0.5
    basis = torch.stack([angle.cos() * size, angle.sin() * size], -1)
    return torch.einsum("hab,bpr->hapr", readout, basis)


ORACLES = (
    Oracle(
        "native sparse attention",
        NSA,
        fla(
            "nsa/naive.py",
            "naive_nsa",
            **{
                "fla.ops.utils": {"prepare_chunk_offsets": None},
                "fla.ops.utils.pooling": {"mean_pooling": _pooled},
            },
        ),
        {"H": 1, "G": 16, "K": 4, "V": 4, "S": 4},
        {
            **QKV,
            "q": normal("H", "G", "K"),
            "gc": rate("H", "G"),
            "gs": rate("H", "G"),
        },
        lambda x: [x.q, x.k, x.v, x.gc, x.gs],
        _native,
        time=32,
    ),
    Oracle(
        "cyclic flow attention",
        CYFA,
        fla(
            "cyfa/naive.py",
            "naive_recurrent_cyfa",
            **{
                "triton": {"jit": _jit},
                "triton.language": {},
                "triton.language.extra": {"libdevice": None},
                "fla.ops.cyfa.utils": "fla/ops/cyfa/utils.py",
            },
        ),
        {"H": 2, "P": 3, "R": 2, "K": 4, "V": 3, "C": 5},
        {
            **QKV,
            "a": log_decay("H"),
            "d": normal("H"),
            "b": rate("H"),
            "readout": once(normal("H", "C", "C")),
            "wq": once(normal("K")),
            "wk": once(normal("K")),
        },
        lambda x: [x.q, x.k, x.v, x.a.exp(), x.d, x.b],
        _cyclic,
        lambda x: {"wq": x.wq, "wk": x.wk, "table": _table(x.readout)},
    ),
    Oracle(
        "attention over depth",
        library("weights", "attention_residual"),
        fla("attnres/naive.py", "naive_attnres"),
        {"D": 4, "N": 3},
        {"x": normal("N", "D"), "q": once(normal("D")), "w": once(normal("D"))},
        lambda x: [x.x],
        lambda f, x: f(x.q, [y.contiguous() for y in x.x.unbind(2)], x.w),
        lambda x: {"w": x.q, "out.rmsnorm.weight": x.w},
    ),
)
