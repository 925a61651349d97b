"""Recurrences with an erase term: the delta rule and what grew from it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asiarch.laws.oracles.common import DELTA, QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import log_decay, normal, rate, unit
from asiarch.laws.oracles.oracle import Leaves, Oracle, library, written
from asiarch.laws.oracles.references import fla, transformers

PRODUCT = written(
    "gated_delta_product",
    """
op gated_delta_product[H, K, V](
  q: Seq[H, K], k1: Seq[H, K], k2: Seq[H, K], v1: Seq[H, V], v2: Seq[H, V],
  a: Seq[H], b1: Seq[H], b2: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1]
  S = S + b1 * k1 * (v1 - k1 @ S)
  S = S + b2 * k2 * (v2 - k2 @ S)
  return q @ S
}
""",
)
GDN2 = library("gdn2", "gdn2_core")
COMBA = library("comba", "comba_core")
IPLR = library("dplr", "iplr_core")

PRECONDITIONED = """
op NAME[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], c: Seq[H], e: Seq[H], a: Seq[DECAY], b: Seq[H]
) -> Seq[H, V] {
  state A[H, K]
  A = c * A[t-1] + e * k ^ 2
  r = log(A + 1e-6) + 0.2
  m = exp(-log(1.5) * r / (1 + abs(r)))
  state S[H, K, V]
  S = a * S[t-1] + b * k * m * (v - k @ (a * S[t-1]))
  return q @ S
}
"""


def _preconditioned(name: str, decay: str) -> str:
    return PRECONDITIONED.replace("NAME", name).replace("DECAY", decay)


PRECONDITIONED_GDN = written("preconditioned_gdn", _preconditioned("preconditioned_gdn", "H"))
PRECONDITIONED_KDA = written("preconditioned_kda", _preconditioned("preconditioned_kda", "H, K"))
MOMENTUM = library("momentum", "momentum_delta_core")

GATED = {**DELTA, "g": log_decay("H")}
DIAGONAL = {**DELTA, "g": log_decay("H", "K")}
LOW_RANK = {**QKV, "z": unit("H", "K"), "b": unit("H", "K")}
PRODUCTS = {
    "q": normal("H", "K"),
    **{f"k{n}": unit("H", "K") for n in (1, 2)},
    **{f"v{n}": normal("H", "V") for n in (1, 2)},
    **{f"b{n}": rate("H") for n in (1, 2)},
    "g": log_decay("H"),
}


def _gated(x: Leaves) -> list[Tensor]:
    return [*qkv(x), x.g.exp(), x.b]


def _low_rank(x: Leaves) -> list[Tensor]:
    return [x.q, x.k, x.v, x.z, -x.b / 2]


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _interleaved(first: Tensor, second: Tensor) -> Tensor:
    """Two streams as one of twice the length: both of token 0, both of token 1, ..."""
    return torch.stack([first, second], 2).flatten(1, 2)


ORACLES = (
    Oracle(
        "delta rule, recurrent",
        library("delta_net", "delta_core"),
        fla("delta_rule/naive.py", "delta_rule_recurrence"),
        SIZES,
        DELTA,
        lambda x: [*qkv(x), x.b],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.b))).transpose(1, 2),
    ),
    Oracle(
        "delta rule, chunks",
        library("delta_net", "delta_core"),
        fla("delta_rule/naive.py", "delta_rule_chunkwise"),
        SIZES,
        DELTA,
        lambda x: [*qkv(x), x.b],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.b), chunk_size=8)).transpose(1, 2),
        time=24,
    ),
    Oracle(
        "gated delta rule, recurrent",
        library("gated_delta_net", "gated_delta_core"),
        fla("gated_delta_rule/naive.py", "naive_recurrent_gated_delta_rule"),
        SIZES,
        GATED,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.b, x.g)),
    ),
    Oracle(
        "gated delta rule, chunks",
        library("gated_delta_net", "gated_delta_core"),
        fla("gated_delta_rule/naive.py", "naive_chunk_gated_delta_rule"),
        SIZES,
        GATED,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, chunk_size=8)),
    ),
    Oracle(
        "gated delta rule (Qwen3-Next)",
        library("gated_delta_net", "gated_delta_core"),
        transformers("qwen3_next", "torch_chunk_gated_delta_rule"),
        SIZES,
        GATED,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, chunk_size=8)),
    ),
    Oracle(
        "gated delta product",
        PRODUCT,
        fla("gated_delta_product/naive.py", "naive_recurrent_gated_delta_product"),
        SIZES,
        PRODUCTS,
        lambda x: [scaled(x.q), x.k1, x.k2, x.v1, x.v2, x.g.exp(), x.b1, x.b2],
        lambda f, x: first(
            f(
                x.q,
                _interleaved(x.k1, x.k2),
                _interleaved(x.v1, x.v2),
                x.g,
                _interleaved(x.b1, x.b2),
                x.q.shape[-1] ** -0.5,
                num_householder=2,
            )
        ),
    ),
    Oracle(
        "Kimi delta attention, recurrent",
        library("kda", "kda_core"),
        fla("kda/naive.py", "naive_recurrent_kda"),
        SIZES,
        DIAGONAL,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b)),
    ),
    Oracle(
        "Kimi delta attention, chunks",
        library("kda", "kda_core"),
        fla("kda/naive.py", "naive_chunk_kda"),
        SIZES,
        DIAGONAL,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, chunk_size=8)),
        time=24,
    ),
    Oracle(
        "Kimi delta attention (Kimi Linear)",
        library("kda", "kda_core"),
        transformers("kimi_linear", "chunk_kimi_delta_attention"),
        SIZES,
        DIAGONAL,
        _gated,
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, chunk_size=8)),
        time=24,
    ),
    Oracle(
        "gated DeltaNet 2",
        GDN2,
        fla("gdn2/naive.py", "naive_recurrent_gdn2"),
        SIZES,
        {
            **QKV,
            "k": unit("H", "K"),
            "g": log_decay("H", "K"),
            "b": rate("H", "K"),
            "w": rate("H", "V"),
        },
        lambda x: [*qkv(x), x.g.exp(), x.b, x.w],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, x.w)),
    ),
    Oracle(
        "Comba",
        COMBA,
        fla("comba/naive.py", "naive_chunk_comba"),
        SIZES,
        {**GATED, "p": unit("H", "K")},
        lambda x: [*qkv(x), x.p, x.g.exp(), x.b],
        lambda f, x: first(f(x.q, x.k, x.v, x.p, x.g, x.b, chunk_size=8)),
    ),
    Oracle(
        "preconditioned gated delta rule",
        PRECONDITIONED_GDN,
        fla("precond_gated_delta_rule/naive.py", "naive_recurrent_precond_gated_delta_rule"),
        SIZES,
        {**GATED, "c": log_decay("H"), "e": rate("H")},
        lambda x: [scaled(_unit(x.q)), _unit(x.k), x.v, x.c.exp(), x.e, x.g.exp(), x.b],
        lambda f, x: first(f(x.q, x.k, x.v, x.c, x.g, x.e, x.b)),
    ),
    Oracle(
        "preconditioned Kimi delta attention",
        PRECONDITIONED_KDA,
        fla("precond_kda/naive.py", "naive_recurrent_precond_kda"),
        SIZES,
        {**DIAGONAL, "c": log_decay("H"), "e": rate("H")},
        lambda x: [*qkv(x), x.c.exp(), x.e, x.g.exp(), x.b],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.c, x.e, x.b)),
    ),
    Oracle(
        "identity plus low rank, recurrent",
        IPLR,
        fla("generalized_delta_rule/iplr/naive.py", "iplr_recurrence"),
        SIZES,
        LOW_RANK,
        lambda x: [*qkv(x), x.z, -x.b / 2],
        lambda f, x: first(f(*heads_first(*_low_rank(x)))).transpose(1, 2),
    ),
    Oracle(
        "identity plus low rank, chunks",
        IPLR,
        fla("generalized_delta_rule/iplr/naive.py", "iplr_chunkwise"),
        SIZES,
        LOW_RANK,
        lambda x: [*qkv(x), x.z, -x.b / 2],
        lambda f, x: first(f(*heads_first(*_low_rank(x)), chunk_size=8)).transpose(1, 2),
        time=24,
    ),
    Oracle(
        "diagonal plus low rank (RWKV-7), recurrent",
        library("rwkv7", "rwkv7_core"),
        fla("generalized_delta_rule/dplr/naive.py", "dplr_recurrence"),
        SIZES,
        {**LOW_RANK, "g": log_decay("H", "K")},
        lambda x: [*qkv(x), x.g.exp(), x.z, -x.b / 2],
        lambda f, x: first(f(*heads_first(*_low_rank(x), x.g))).transpose(1, 2),
    ),
    Oracle(
        "diagonal plus low rank (RWKV-7), chunks",
        library("rwkv7", "rwkv7_core"),
        fla("generalized_delta_rule/dplr/naive.py", "dplr_chunkwise"),
        SIZES,
        {**LOW_RANK, "g": log_decay("H", "K")},
        lambda x: [*qkv(x), x.g.exp(), x.z, -x.b / 2],
        lambda f, x: first(f(*heads_first(*_low_rank(x), x.g), chunk_size=8)).transpose(1, 2),
        time=24,
    ),
    Oracle(
        "momentum delta rule",
        MOMENTUM,
        fla("momentum_delta_rule/naive.py", "recurrent_momentum_delta_rule_ref"),
        SIZES,
        {**GATED, "p": unit("H", "K"), "mu": log_decay("H"), "e": rate("H")},
        lambda x: [*qkv(x), x.p, x.g.exp(), x.mu.exp(), x.b, x.e],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.mu, x.p, x.b, x.e)),
    ),
)
