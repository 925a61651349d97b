"""Pairs that a condition leaves out send no NaN into a gradient, whatever their score would be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import asiarch
from asiarch.codegen import attend_terms
from asiarch.ir.function import Function

SCORES = {
    "log": "-abs(p) * log(1 + abs(r) * (t - j))",
    "exp": "p * sum[K](q[t] * k[j] * exp(P[t] - P[j]))",
    "power": "p * (1 + abs(r) * (t - j)) ^ 0.5",
    "quotient": "p / (t - j + 1)",
}

TEXT = """
op scored[K](x: Seq[K]) -> Seq[K] where causal {{
  param p[] ~ const(1)
  param r[] ~ const(0.9)
  q = linear[K](x)
  k = linear[K](x)
  P = cumsum[time](0 - abs(x))
  return attend j where {condition} {{ score: {score} + q[t] @ k[j]  value: x[j] }}
}}
"""
CONDITIONS = ("j <= t", "t - 5 < j <= t", "(j < 2 or t - 5 < j) and j <= t")


def _gradients(score: str, condition: str, packed: bool) -> list[Tensor]:
    text = TEXT.format(score=score, condition=condition)
    module = asiarch.compile(text, sizes={"K": 3})
    x = 30 * torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    cuts = torch.tensor([0, 30, 40]) if packed else None
    module(x, cu_seqlens=cuts).square().sum().backward()
    return [g for y in (x, *module.parameters()) if (g := y.grad) is not None]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("name", SCORES)
def test_gradients_are_finite(name: str, condition: str, packed: bool) -> None:
    assert all(bool(g.isfinite().all()) for g in _gradients(SCORES[name], condition, packed))


@pytest.mark.parametrize("name", SCORES)
def test_without_the_guard_they_are_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(body: Function) -> Function:
        return body

    monkeypatch.setattr(attend_terms, "_guarded", bare)
    assert not all(bool(g.isfinite().all()) for g in _gradients(SCORES[name], "j <= t", True))


def test_what_is_finite_for_every_pair_is_not_guarded() -> None:
    text = """
op plain[K](q: Seq[K], k: Seq[K]) -> Seq[K] where causal {
  return attend j where j <= t { score: q[t] @ k[j] / sqrt(K)  value: k[j]  keep: top[2](j % 3) }
}
"""
    emitted = asiarch.emit(text, sizes={"K": 4}, bare=True)
    weigh = emitted[emitted.index("def weigh") :].partition("return score")[0]
    assert "torch.where" not in weigh
    assert "/ 2.0" in weigh or "/ 2" in weigh
