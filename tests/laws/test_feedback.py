"""States that attend to their own past: a token loop equals the program, every law holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.interface import load_source
from asiarch.laws.program import exact, real, single
from asiarch.laws.subject import Subject

from .programs import Program, compiled, flat, inputs, of, streams

WINDOW = """
op recall[H, K](q: Seq[H, K], x: Seq[H, K]) -> Seq[H, K] where causal, state <= O(H * K) {
  state m[H, K]
  o = attend j where t - 5 < j and j < t { score: q[t] @ m[j] / sqrt(K)  value: m[j] + x[j] }
  m = tanh(x + o)
  return m
}
"""

MANY = """
op many[D, H, K = D / H](x: Seq[D]) -> Seq[D], Seq[H, K] where causal {
  state y[D]
  state k[H, K]
  q = linear[H, K](x) + linear[H, K](y[t-1])
  s = sum[K](q)
  o = attend j where j < t { score: q[t] @ k[j] + s[t] * (t - j)  value: k[j]  sink: s[t] }
  u = linear[H, K](y[t-1]) + o
  p = attend j where t - 4 < j and j <= t and (t - j) % 2 == 0 {
    weight: sigmoid
    score: q[t] @ u[j]
    value: u[j] * o[t]
  }
  r = attend j where j <= t and (j < 2 or t - 3 < j) {
    weight: stickbreaking
    score: tanh(q[t] + u[j]) @ u[j]
    value: u[j]
    keep: top[2](q[t] @ u[j])
  }
  k = tanh(u + p + r)
  y = x + linear[H, K -> D](o + p) + y[t-2]
  return y, k
}
"""

PROGRAMS = [
    of("feedback", "feedback_transformer", D=6, H=2),
    Program("recall", {"H": 2, "K": 3}, WINDOW),
    Program("many", {"D": 6, "H": 2}, MANY),
]
ALL = pytest.mark.parametrize("program", PROGRAMS, ids=str)
LAWS = {"prefix", "gradient", "length", "batch", "streaming", "stepping", "packing"}


@ALL
def test_exact(program: Program) -> None:
    verdict = exact(flat(program), compiled(program), time=9)
    assert verdict.ok, str(verdict)


@ALL
def test_floats(program: Program) -> None:
    given = streams(program, 2, 24)
    given[0][1] *= 1e3
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program), given)
        assert verdict.ok, str(verdict)


@ALL
def test_laws(program: Program) -> None:
    report = laws.check(compiled(program), inputs(program, 9), chunk=4)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= LAWS


def test_memory_is_linear_in_the_tokens() -> None:
    """What a token leaves is held once, not once for each later token."""
    program = PROGRAMS[0]
    verdict = laws.memory(Subject(compiled(program)), inputs(program, 16), (32, 64, 128))
    assert verdict.ok, str(verdict)


def test_a_window_keeps_a_window() -> None:
    module, given = compiled(PROGRAMS[1]), inputs(PROGRAMS[1], 11)
    _, state = module(*given, return_state=True)
    assert state["o.m"].shape == (2, 4, 2, 3)
    torch.testing.assert_close(state["o.m"][:, -1], state["m"])


def test_layers_share_one_memory() -> None:
    state = compiled(PROGRAMS[0]).initial_state(1)
    assert sorted(k for k, x in state.items() if x.dim() == 4) == ["o.k", "o.v"]


@ALL
def test_the_bare_form_says_the_same(program: Program) -> None:
    text = asiarch.emit(program.text, program.op, program.sizes, bare=True)
    whole: Any = compiled(program)
    bare = load_source(text, type(whole).__name__)
    bare.load_state_dict(whole.state_dict())
    given = inputs(program, 7)
    torch.testing.assert_close(bare(*given), whole(*given))


@pytest.mark.parametrize(("right", "wrong"), [
    ("return self.t, j, j >= 0", "return self.t, j, j >= 1"),
    ("place[:, None] + offsets", "place[:, None] + offsets - 1"),
    ("grad[:, -1].to(token)", "0 * grad[:, -1].to(token)"),
])  # fmt: skip
def test_planted_faults_are_found(right: str, wrong: str) -> None:
    program = PROGRAMS[1]
    module: Any = compiled(program)
    source = module.emitted_source
    assert right in source
    faulty = load_source(source.replace(right, wrong), type(module).__name__)
    assert not exact(flat(program), faulty, time=9).ok
