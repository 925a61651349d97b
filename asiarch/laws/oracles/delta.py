"""Recurrences with an erase term: the delta rule and what grew from it."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from asiarch.laws.oracles.common import DELTA, QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import log_decay, normal, once, rate, unit
from asiarch.laws.oracles.oracle import Leaves, Oracle, library
from asiarch.laws.oracles.references import fla, transformers

GATED = {**DELTA, "g": log_decay("H")}
DIAGONAL = {**DELTA, "g": log_decay("H", "K")}
LOW_RANK = {**QKV, "z": unit("H", "K"), "b": unit("H", "K")}
PRODUCTS = {
    "q": normal("H", "K"),
    "k": unit("N", "H", "K"),
    "v": normal("N", "H", "V"),
    "b": rate("N", "H"),
    "g": log_decay("H"),
}


def _gated(x: Leaves) -> list[Tensor]:
    return [*qkv(x), x.g.exp(), x.b]


def _low_rank(x: Leaves) -> list[Tensor]:
    return [x.q, x.k, x.v, x.z, -x.b / 2]


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def _product(f: Any, x: Leaves) -> Tensor:
    """Their keys follow each other in time: all of token 0, all of token 1, ..."""
    k, v, b = (y.flatten(1, 2) for y in (x.k, x.v, x.b))
    return first(f(x.q, k, v, x.g, b, x.q.shape[-1] ** -0.5, num_householder=x.k.shape[2]))


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
        library("delta_product", "gated_delta_product_core"),
        fla("gated_delta_product/naive.py", "naive_recurrent_gated_delta_product"),
        {**SIZES, "N": 3},
        PRODUCTS,
        lambda x: [*qkv(x), x.g.exp(), x.b],
        _product,
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
        library("gdn2", "gdn2_core"),
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
        library("comba", "comba_core"),
        fla("comba/naive.py", "naive_chunk_comba"),
        SIZES,
        {**GATED, "p": unit("H", "K")},
        lambda x: [*qkv(x), x.p, x.g.exp(), x.b],
        lambda f, x: first(f(x.q, x.k, x.v, x.p, x.g, x.b, chunk_size=8)),
    ),
    Oracle(
        "preconditioned gated delta rule",
        library("precond", "precond_gated_delta_core"),
        fla("precond_gated_delta_rule/naive.py", "naive_recurrent_precond_gated_delta_rule"),
        SIZES,
        {**GATED, "c": log_decay("H"), "e": rate("H"), "m": once(normal("H"))},
        lambda x: [scaled(_unit(x.q)), _unit(x.k), x.v, x.g.exp(), x.b, x.c.exp(), x.e],
        lambda f, x: first(f(x.q, x.k, x.v, x.c, x.g, x.e, x.b, log_atk_scale=x.m)),
        lambda x: {"w.preconditioner.center": x.m},
    ),
    Oracle(
        "preconditioned Kimi delta attention",
        library("precond", "precond_kda_core"),
        fla("precond_kda/naive.py", "naive_recurrent_precond_kda"),
        SIZES,
        {**DIAGONAL, "c": log_decay("H"), "e": rate("H"), "m": once(normal("H"))},
        lambda x: [*qkv(x), x.g.exp(), x.b, x.c.exp(), x.e],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.c, x.e, x.b, log_atk_scale=x.m)),
        lambda x: {"w.preconditioner.center": x.m},
    ),
    Oracle(
        "identity plus low rank, recurrent",
        library("dplr", "iplr_core"),
        fla("generalized_delta_rule/iplr/naive.py", "iplr_recurrence"),
        SIZES,
        LOW_RANK,
        lambda x: [*qkv(x), x.z, -x.b / 2],
        lambda f, x: first(f(*heads_first(*_low_rank(x)))).transpose(1, 2),
    ),
    Oracle(
        "identity plus low rank, chunks",
        library("dplr", "iplr_core"),
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
        "diagonal plus low rank, recurrent",
        library("dplr", "dplr_core"),
        fla("generalized_delta_rule/dplr/naive.py", "dplr_recurrence"),
        SIZES,
        {**LOW_RANK, "g": log_decay("H", "K")},
        lambda x: [*qkv(x), x.z, -x.b / 2, x.g.exp()],
        lambda f, x: first(f(*heads_first(*_low_rank(x), x.g))).transpose(1, 2),
    ),
    Oracle(
        "momentum delta rule",
        library("momentum", "momentum_delta_core"),
        fla("momentum_delta_rule/naive.py", "recurrent_momentum_delta_rule_ref"),
        SIZES,
        {**GATED, "p": unit("H", "K"), "mu": log_decay("H"), "e": rate("H")},
        lambda x: [*qkv(x), x.p, x.g.exp(), x.mu.exp(), x.b, x.e],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.mu, x.p, x.b, x.e)),
    ),
)
