"""Linear attention and what only decays: no erase term."""

from __future__ import annotations

from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import log_decay, normal, once
from asiarch.laws.oracles.oracle import Oracle, library
from asiarch.laws.oracles.references import fla

ORACLES = (
    Oracle(
        "linear attention, chunks",
        library("linear_attention", "linear_core"),
        fla("linear_attn/naive.py", "naive_chunk_linear_attn"),
        SIZES,
        QKV,
        qkv,
        lambda f, x: f(x.q, x.k, x.v),
        time=128,
    ),
    Oracle(
        "linear attention, normalised",
        library("linear_attention", "linear_attention_core"),
        fla("linear_attn/naive.py", "naive_recurrent_linear_attn"),
        SIZES,
        QKV,
        lambda x: [scaled(x.q.exp()) * 1e4, x.k.exp(), x.v],  # their 1e-10 is our 1e-6
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
        library("simple_gla", "simple_gla_core"),
        fla("simple_gla/naive.py", "naive_recurrent_simple_gla"),
        SIZES,
        {**QKV, "g": log_decay("H")},
        lambda x: [*qkv(x), x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.g)),
    ),
    Oracle(
        "simple GLA, parallel",
        library("simple_gla", "simple_gla_core"),
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
        library("rwkv6", "rwkv6_core"),
        fla("rwkv6/recurrent_naive.py", "naive_recurrent_rwkv6"),
        SIZES,
        {**QKV, "w": log_decay("H", "K"), "u": once(normal("H", "K"))},
        lambda x: [*qkv(x), x.w.exp()],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.w), x.u)).transpose(1, 2),
        lambda x: {"u": x.u},
    ),
    Oracle(
        "HGRN",
        library("hgrn", "hgrn_core"),
        fla("hgrn/naive.py", "naive_recurrent_hgrn"),
        {"D": 5},
        {"x": normal("D"), "g": log_decay("D")},
        lambda x: [x.x, x.g.exp()],
        lambda f, x: first(f(x.x, x.g)),
    ),
)
