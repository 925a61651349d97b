"""Outputs and gradients beside the PyTorch references of flash-linear-attention, if installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from asiarch.kernels.load import load
from asiarch.kernels.rows.torch import Rows

TOLERANCE = 2e-5
"""Of the largest value: both sides compute in float32, in different orders."""


@cache
def reference(path: str) -> ModuleType:
    """A reference by its file: importing the package would need triton."""
    spec = importlib.util.find_spec("fla")
    for root in (spec and spec.submodule_search_locations) or ():
        file = Path(root) / "ops" / path
        if file.exists():
            module = ModuleType(f"fla_{path[:-3].replace('/', '_')}")
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), module.__dict__)
            return module
    pytest.skip("fla-core is not installed (make oracles)")


def inputs(time: int, width: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(time + width)
    shape = 2, time, 3
    x = {n: torch.randn(*shape, width, generator=g) for n in ("q", "k", "v", "gk")}
    x["k"] = F.normalize(x["k"], dim=-1)
    x["gk"] = F.logsigmoid(x["gk"] + 2)
    x["g"] = F.logsigmoid(torch.randn(shape, generator=g) + 2)
    x["b"] = torch.rand(shape, generator=g)
    return {n: t.requires_grad_() for n, t in x.items()}


def time_last(*xs: Tensor) -> list[Tensor]:
    return [x.transpose(1, 2) for x in xs]


CASES: dict[str, tuple[str, str, Callable[..., Any], str, Callable[..., list[Tensor]]]] = {
    "linear, chunk": (
        *("linear_attn", "naive_chunk_linear_attn", lambda f, q, k, v, g, gk, b: f(q, k, v)),
        *("identity", lambda k, v, g, gk, b: [k, v]),
    ),
    "linear, loop": (
        *("linear_attn", "naive_recurrent_linear_attn", lambda f, q, k, v, g, gk, b: f(q, k, v)),
        *("identity", lambda k, v, g, gk, b: [k, v]),
    ),
    "scalar, chunk": (
        *("simple_gla", "naive_chunk_simple_gla", lambda f, q, k, v, g, gk, b: f(q, k, v, g)),
        *("scalar", lambda k, v, g, gk, b: [k, v, g.exp()]),
    ),
    "scalar, loop": (
        *("simple_gla", "naive_recurrent_simple_gla", lambda f, q, k, v, g, gk, b: f(q, k, v, g)),
        *("scalar", lambda k, v, g, gk, b: [k, v, g.exp()]),
    ),
    "diagonal, loop": (
        *("gla", "naive_recurrent_gla", lambda f, q, k, v, g, gk, b: f(q, k, v, gk)),
        *("diagonal", lambda k, v, g, gk, b: [k, v, gk.exp()]),
    ),
    "delta, chunk": (
        "delta_rule",
        "delta_rule_chunkwise",
        lambda f, q, k, v, g, gk, b: f(*time_last(q, k, v, b))[0].transpose(1, 2),
        *("identity_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, k]),
    ),
    "delta, loop": (
        "delta_rule",
        "delta_rule_recurrence",
        lambda f, q, k, v, g, gk, b: f(*time_last(q, k, v, b))[0].transpose(1, 2),
        *("identity_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, k]),
    ),
    "gated delta, chunk": (
        "gated_delta_rule",
        "naive_chunk_gated_delta_rule",
        lambda f, q, k, v, g, gk, b: f(q, k, v, g, b),
        *("scalar_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, g.exp(), k]),
    ),
    "gated delta, loop": (
        "gated_delta_rule",
        "naive_recurrent_gated_delta_rule",
        lambda f, q, k, v, g, gk, b: f(q, k, v, b, g),
        *("scalar_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, g.exp(), k]),
    ),
    "kda, chunk": (
        *("kda", "naive_chunk_kda", lambda f, q, k, v, g, gk, b: f(q, k, v, gk, b)),
        *("diagonal_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, gk.exp(), k]),
    ),
    "kda, loop": (
        *("kda", "naive_recurrent_kda", lambda f, q, k, v, g, gk, b: f(q, k, v, gk, b)),
        *("diagonal_rank1", lambda k, v, g, gk, b: [b.unsqueeze(-1) * k, v, gk.exp(), k]),
    ),
}


def outputs(case: str, x: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Theirs and ours. They scale the queries by width ** -0.5."""
    folder, name, theirs, kernel, terms = CASES[case]
    found = theirs(getattr(reference(f"{folder}/naive.py"), name), **{n: x[n] for n in "qkv"},
                   g=x["g"], gk=x["gk"], b=x["b"])  # fmt: skip
    inner = terms(*(x[n] for n in ("k", "v", "g", "gk", "b")))
    queries = x["q"] * x["q"].shape[-1] ** -0.5
    ours, _ = load(f"{kernel}/torch.py")[kernel](queries, *inner, None, Rows(x["q"]))
    return found[0] if isinstance(found, tuple) else found, ours


def worst(case: str, x: dict[str, Tensor], weight: float = 1.0) -> float:
    """The largest difference of outputs and gradients, in units of the largest value."""
    theirs, ours = outputs(case, x)
    assert theirs.dtype == ours.dtype == torch.float32
    cotangent = torch.cos(torch.arange(ours.numel(), dtype=ours.dtype)).view(ours.shape)
    pairs = [(theirs, weight * ours)]
    slopes = [
        torch.autograd.grad((o * cotangent).sum(), list(x.values()), allow_unused=True)
        for o in (theirs, ours)
    ]
    for a, b in zip(*slopes, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            pairs.append((a, b))
    return max(((a - b).abs().max() / a.abs().max()).item() for a, b in pairs)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [16, 30])
def test_equals_the_reference(case: str, width: int) -> None:
    assert worst(case, inputs(128, width)) < TOLERANCE


def test_a_small_fault_is_seen() -> None:
    assert worst("scalar, chunk", inputs(64, 16), weight=1.001) > TOLERANCE
