"""Linear attention and what only decays: no erase term."""

from __future__ import annotations

from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import log_decay, normal, once
from asiarch.laws.oracles.oracle import Oracle, library, written
from asiarch.laws.oracles.references import fla

LINEAR = library("linear_attention", "linear_core")

NORMALISED = written(
    "normalised_linear_attention",
    """
op normalised_linear_attention[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]
) -> Seq[H, V] {
  state S[H, K, V]
  S = S[t-1] + k * v
  state z[H, K]
  z = z[t-1] + k
  return q @ S / (q @ z + 1e-10)
}
""",
)
SCALAR = library("simple_gla", "simple_gla_core")
RWKV6 = library("rwkv6", "rwkv6_core")
HGRN = library("hgrn", "hgrn_core")


ORACLES = (
    Oracle(
        "linear attention, chunks",
        LINEAR,
        fla("linear_attn/naive.py", "naive_chunk_linear_attn"),
        SIZES,
        QKV,
        qkv,
        lambda f, x: f(x.q, x.k, x.v),
        time=128,
    ),
    Oracle(
        "linear attention, normalised",
        NORMALISED,
        fla("linear_attn/naive.py", "naive_recurrent_linear_attn"),
        SIZES,
        {**QKV, "q": normal("H", "K"), "k": normal("H", "K")},
        lambda x: [scaled(x.q.exp()), x.k.exp(), x.v],
        lambda f, x: first(f(x.q.exp(), x.k.exp(), x.v, normalize=True)),
    ),
    Oracle(
        "retention",
        library("retention", "retention_core"),
        fla("retention/naive.py", "naive_retention"),
        SIZES,
        QKV,
        qkv,
        lambda f, x: f(*heads_first(x.q, x.k, x.v)).transpose(1, 2),
    ),
    Oracle(
        "simple GLA, recurrent",
        SCALAR,
        fla("simple_gla/naive.py", "naive_recurrent_simple_gla"),
        SIZES,
        {**QKV, "g": log_decay("H")},
        lambda x: [*qkv(x), x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.g)),
    ),
    Oracle(
        "simple GLA, parallel",
        SCALAR,
        fla("simple_gla/naive.py", "naive_parallel_simple_gla"),
        SIZES,
        {**QKV, "g": log_decay("H")},
        lambda x: [*qkv(x), x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.g)),
    ),
    Oracle(
        "gated linear attention",
        library("gla", "gla_core"),
        fla("gla/naive.py", "naive_recurrent_gla"),
        SIZES,
        {**QKV, "g": log_decay("H", "K")},
        lambda x: [*qkv(x), x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.g)),
    ),
    Oracle(
        "RWKV-6",
        RWKV6,
        fla("rwkv6/recurrent_naive.py", "naive_recurrent_rwkv6"),
        SIZES,
        {**QKV, "w": log_decay("H", "K"), "u": once(normal("H", "K"))},
        lambda x: [*qkv(x), x.w.exp()],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.w), x.u)).transpose(1, 2),
        lambda x: {"u": x.u},
    ),
    Oracle(
        "HGRN",
        HGRN,
        fla("hgrn/naive.py", "naive_recurrent_hgrn"),
        {"D": 5},
        {"x": normal("D"), "g": log_decay("D")},
        lambda x: [x.x, x.g.exp()],
        lambda f, x: first(f(x.x, x.g)),
    ),
)
