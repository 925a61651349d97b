"""Two passes over slots, a solve in every token, a loss inside of the recurrence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import drawn, log_decay, normal, once, positive, rate, unit
from asiarch.laws.oracles.oracle import Leaves, Oracle, library
from asiarch.laws.oracles.references import fla


def _large(generator: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """Queries beside which the 1e-12 of our solve is nothing: the result is linear in them."""
    return 1e6 * torch.randn(shape, generator=generator, dtype=torch.float64)


TRAINED = {
    **QKV,
    "k": unit("H", "K"),
    "e": rate("H"),
    "w": once(normal("H", "V")),
    "b": once(normal("H", "V")),
}


def _trained(f: Any, x: Leaves, rates: Tensor, size: int) -> Tensor:
    """Their queries are scaled in place, so they get a copy."""
    y = f(x.q * 1, x.k, x.v, x.w, x.b, rates.unsqueeze(-1), mini_batch_size=size)
    return first(y)


def _even(rates: Tensor) -> Tensor:
    """One rate for a mini-batch of four. Theirs takes the reading token's, ours the written one's,
    as the paper does; they are one function where a mini-batch has one rate.
    """
    return rates[:, ::4].repeat_interleave(4, 1)


ORACLES = (
    Oracle(
        "gated slot attention",
        library("gsa", "gsa_core"),
        fla("gsa/naive.py", "naive_recurrent_gsa"),
        {**SIZES, "M": 5},
        {**QKV, "s": rate("H", "M"), "g": log_decay("H", "M")},
        lambda x: [*qkv(x), x.s, x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.s, x.g)),
    ),
    Oracle(
        "ABC",
        library("abc", "abc_core"),
        fla("abc/naive.py", "naive_recurrent_abc"),
        {**SIZES, "M": 5},
        {**QKV, "s": normal("H", "M")},
        lambda x: [*qkv(x), x.s],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.s))).transpose(1, 2),
    ),
    Oracle(
        "ABC, running means",
        library("abc", "abc_core"),
        fla("abc/naive.py", "naive_cumsum_abc"),
        {**SIZES, "M": 5},
        {**QKV, "s": normal("H", "M")},
        lambda x: [*qkv(x), x.s],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.s))).transpose(1, 2),
    ),
    Oracle(
        "MesaNet",
        library("mesa", "mesa_core"),
        fla("mesa_net/naive.py", "naive_mesa_net_exact"),
        {**SIZES, "V": 4, "I": 8},
        {
            **QKV,
            "q": drawn(_large, "H", "K"),
            "k": unit("H", "K"),
            "g": log_decay("H"),
            "b": rate("H"),
            "lam": once(positive("H", "K")),
        },
        lambda x: [x.q, x.k, x.v, x.g.exp(), x.b, x.lam],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.lam, x.b)),
    ),
    Oracle(
        "test-time training, every token",
        library("ttt", "ttt_core"),
        fla("ttt/naive.py", "chunk_ttt_linear_ref"),
        {**SIZES, "V": 4, "C": 1},
        TRAINED,
        lambda x: [scaled(x.q), x.k, x.v - x.k, x.e],
        lambda f, x: _trained(f, x, x.e, 1),
        lambda x: {"weight": x.w, "bias": x.b},
    ),
    Oracle(
        "test-time training, mini-batches",
        library("ttt", "ttt_core"),
        fla("ttt/naive.py", "chunk_ttt_linear_ref"),
        {**SIZES, "V": 4, "C": 4},
        TRAINED,
        lambda x: [scaled(x.q), x.k, x.v - x.k, _even(x.e)],
        lambda f, x: _trained(f, x, _even(x.e), 4),
        lambda x: {"weight": x.w, "bias": x.b},
    ),
)
