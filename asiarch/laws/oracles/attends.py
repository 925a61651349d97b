"""Softmax attention in its kinds, and weighted sums over the past that are no softmax."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first, qkv
from asiarch.laws.oracles.draws import log_decay, normal, once, rate
from asiarch.laws.oracles.oracle import Leaves, Oracle, library, written
from asiarch.laws.oracles.references import fla

FULL = written(
    "softmax_attention",
    """
op softmax_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  return attend j where j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
}
""",
)

GROUPED = written(
    "grouped_attention",
    """
op grouped_attention[H, G, K, V](q: Seq[H, G, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, G, V] {
  return attend j where j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
}
""",
)

WINDOW = written(
    "window_attention",
    """
op window_attention[H, K, V, W](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  return attend j where t - W < j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
}
""",
)

SINK = written(
    "sink_attention",
    """
op sink_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  param s[H] ~ const(0)
  return attend j where j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j]  sink: s }
}
""",
)

REBASED = written(
    "rebased",
    """
op rebased[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  y = attend j where j <= t { weight: none  score: (q[t] @ k[j]) ^ 2  value: v[j] }
  z = attend j where j <= t { weight: none  score: (q[t] @ k[j]) ^ 2  value: 1 }
  return y / (z + 1e-6)
}
""",
)

DSA = written(
    "sparse_attention",
    """
op sparse_attention[H, K, V, I, J, N = 3](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], qi: Seq[I, J], ki: Seq[J], w: Seq[I]
) -> Seq[H, V] {
  return attend j where j <= t {
    score: q[t] @ k[j] / sqrt(K)
    value: v[j]
    keep: top[N](sum[I](w[t] * relu(qi[t] @ ki[j])))
  }
}
""",
)


def _plain(x: Leaves) -> list[Tensor]:
    return [x.q, x.k, x.v]


def _global_cumsum(x: Tensor, cu_seqlens: Any = None, scale: float = 1.0) -> Tensor:
    """In the place of a Triton kernel: a running sum over time, times a scale."""
    return x.cumsum(1) * scale


def _wall(f: Any, x: Leaves) -> Tensor:
    return f(x.q, x.k, x.v, x.g, scale=x.q.shape[-1] ** -0.5)


def _grouped(f: Any, x: Leaves) -> Tensor:
    """Their query heads are our heads and groups as one axis."""
    found = first(f(x.q.flatten(2, 3), x.k, x.v))
    return found.reshape(*x.q.shape[:4], found.shape[-1])


FLA = "attn/naive.py", "naive_parallel_attn"

ORACLES = (
    Oracle(
        "softmax attention",
        FULL,
        fla(*FLA),
        SIZES,
        QKV,
        _plain,
        lambda f, x: first(f(x.q, x.k, x.v)),
    ),
    Oracle(
        "grouped queries",
        GROUPED,
        fla(*FLA),
        {**SIZES, "G": 3},
        {**QKV, "q": normal("H", "G", "K")},
        _plain,
        _grouped,
    ),
    Oracle(
        "sliding window",
        WINDOW,
        fla(*FLA),
        {**SIZES, "W": 5},
        QKV,
        _plain,
        lambda f, x: first(f(x.q, x.k, x.v, window_size=5)),
    ),
    Oracle(
        "attention sink",
        SINK,
        fla(*FLA),
        SIZES,
        {**QKV, "s": once(normal("H"))},
        _plain,
        lambda f, x: first(f(x.q, x.k, x.v, sink_bias=x.s)),
        lambda x: {"s": x.s},
    ),
    Oracle(
        "forgetting attention",
        library("fox", "fox_core"),
        fla("forgetting_attn/naive.py", "naive_forgetting_attn"),
        SIZES,
        {**QKV, "g": log_decay("H")},
        lambda x: [x.q, x.k, x.v, x.g.exp()],
        lambda f, x: f(x.q, x.k, x.v, x.g),
    ),
    Oracle(
        "DeltaFormer",
        library("weights", "deltaformer_core"),
        fla("deltaformer/naive.py", "naive_deltaformer_attn"),
        {**SIZES, "V": 4},
        {**QKV, "b": rate("H")},
        lambda x: [x.q, x.k, x.v, x.b],
        lambda f, x: f(x.q, x.k, x.v, x.b),
    ),
    Oracle(
        "Parallax",
        library("weights", "parallax_core"),
        fla("parallax/naive.py", "naive_parallax"),
        {**SIZES, "V": 4},
        {**QKV, "r": normal("H", "K")},
        lambda x: [x.q, x.r, x.k, x.v],
        lambda f, x: f(x.q, x.r, x.k, x.v),
    ),
    Oracle(
        "stick-breaking attention",
        library("weights", "stick_breaking_core"),
        fla("stickbreaking_attn/naive.py", "naive_stickbreaking_attn"),
        SIZES,
        QKV,
        _plain,
        lambda f, x: first(f(x.q, x.k, x.v)),
    ),
    Oracle(
        "Wall attention",
        library("weights", "wall_core"),
        fla(
            "wall_attn/naive.py",
            "naive_wall_attn",
            **{
                "fla.ops.utils.constant": {"RCP_LN2": 1 / math.log(2)},
                "fla.ops.utils.cumsum": {"chunk_global_cumsum": _global_cumsum},
            },
        ),
        SIZES,
        {**QKV, "g": log_decay("H", "K")},
        lambda x: [x.q, x.k, x.v, x.g.exp()],
        _wall,
    ),
    Oracle(
        "Based",
        library("features", "based_core"),
        fla("based/naive.py", "naive_parallel_based"),
        SIZES,
        QKV,
        qkv,
        lambda f, x: f(*heads_first(x.q, x.k, x.v)).transpose(1, 2),
    ),
    Oracle(
        "ReBased",
        REBASED,
        fla("rebased/naive.py", "naive_parallel_rebased"),
        SIZES,
        QKV,
        qkv,
        lambda f, x: f(*heads_first(x.q, x.k, x.v)).transpose(1, 2),
    ),
    Oracle(
        "log-linear attention",
        library("log_linear", "log_linear_core"),
        fla("log_linear_attn/naive.py", "naive_log_linear_attn"),
        {**SIZES, "L": 6},
        {**QKV, "g": log_decay("H"), "w": normal("H", "L")},
        lambda x: [x.q, x.k, x.v, x.g.exp(), x.w.transpose(2, 3)],
        lambda f, x: f(x.q, x.k, x.v, x.g, x.w),
    ),
    Oracle(
        "sparse attention with an indexer",
        DSA,
        fla("dsa/naive.py", "naive_dsa"),
        {**SIZES, "V": 4, "I": 6, "J": 3, "N": 3},
        {**QKV, "qi": normal("I", "J"), "ki": normal("J"), "w": normal("I")},
        lambda x: [x.q, x.k, x.v, x.qi, x.ki, x.w],
        lambda f, x: f(x.q, x.k, x.v, x.qi, x.ki, x.w, topk=3),
        chooses=frozenset({3, 4, 5}),
    ),
)
