"""Programs that look a known number of tokens ahead: exact, and bound by the tokens they claim."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.interface import BackendError, load_source
from asiarch.laws.program import exact, real, single
from asiarch.train.errors import ModelError
from asiarch.train.evaluate import check_model

from .programs import Program, compiled, flat, inputs, streams

CONV = """
op taps[D, V](x: Seq[D]) -> Seq[V] where lookahead(3) {
  state s[V]
  y = silu(linear[V](x) + linear[V](x[t+2]))
  s = sigmoid(linear[V](x)) * s[t-1] + y
  return s + y[t+1]
}
"""

WINDOW = """
op near[D, H, K = D / H](x: Seq[D]) -> Seq[D] where lookahead(3) {
  q = linear[H, K](x)
  k = linear[H, K](x)
  o = attend j where t - 5 < j and j <= t + 3 { score: q[t] @ k[j]  value: k[j] }
  return linear[H, K -> D](o)
}
"""

WIDE = """
op wide[D, H, K = D / H](x: Seq[D]) -> Seq[D], Seq[H, K] where lookahead(5) {
  q = linear[H, K](x)
  k = linear[H, K](x)
  s = sum[K](q)
  o = attend j where j <= t + 2 { score: tanh(q[t] + k[j]) @ k[j]  value: k[j] * q[t]  sink: s[t] }
  p = attend j where j < 2 or (t - 3 < j and j < t + 4) {
    weight: stickbreaking
    score: q[t] @ k[j] + s[t] * (t - j)
    value: o[j]
  }
  r = attend j where j <= t and (t - j) % 2 == 0 {
    weight: sigmoid
    score: q[t] @ k[j]
    value: p[j]
  }
  u = attend j where t < j and j < t + 3 {
    score: q[t] @ k[j]
    value: k[j]
    keep: top[1](q[t] @ k[j])
  }
  return linear[H, K -> D](r + u), o
}
"""

LAYERS = """
op part[D](x: Seq[D]) -> Seq[D] where lookahead(1) {
  share f = linear[D]
  return x + conv[3](silu(f(x[t+1]))) + f(x)
}
op stacked[D, L = 2](x: Seq[D]) -> Seq[D] where lookahead(3) {
  y = part(x)
  for n in L { y = y + part(y) }
  return y
}
"""

PROGRAMS = [
    Program("taps", {"D": 3, "V": 4}, CONV),
    Program("near", {"D": 6, "H": 2}, WINDOW),
    Program("wide", {"D": 4, "H": 2}, WIDE),
    Program("stacked", {"D": 4}, LAYERS),
]
AHEAD = dict(zip(("taps", "near", "wide", "stacked"), (3, 3, 5, 3), strict=True))
ALL = pytest.mark.parametrize("program", PROGRAMS, ids=str)
WHOLE_ROWS = {"prefix", "gradient", "length", "batch", "packing"}
LONG = 150
"""More tokens than a block of queries."""


@ALL
def test_exact(program: Program) -> None:
    verdict = exact(flat(program), compiled(program), batch=1, time=40)
    assert verdict.ok, str(verdict)


@ALL
def test_floats(program: Program) -> None:
    given = streams(program, 2, LONG)
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program), given)
        assert verdict.ok, str(verdict)


@ALL
@pytest.mark.parametrize("chunk", [4, 128])
def test_laws(program: Program, chunk: int) -> None:
    module = compiled(program)
    report = laws.check(module, inputs(program, LONG), chunk=chunk, ahead=AHEAD[program.op])
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= WHOLE_ROWS
    assert {v.law for v in report.verdicts if v.status == "not applicable"} == {
        "streaming", "stepping"}  # fmt: skip


@ALL
def test_one_token_less_is_refuted(program: Program) -> None:
    module = compiled(program)
    report = laws.check(module, inputs(program, 40), chunk=8, ahead=AHEAD[program.op] - 1)
    assert {v.law for v in report.failures} == {"prefix", "gradient", "length"}
    witness = next(v.witness for v in report.failures if v.law == "prefix")
    assert witness is not None
    assert witness.affected_token is not None
    assert witness.changed_token == witness.affected_token + AHEAD[program.op]


@ALL
def test_the_bare_form_says_the_same(program: Program) -> None:
    text = asiarch.emit(program.text, program.op, program.sizes, bare=True)
    whole: Any = compiled(program)
    bare = load_source(text, type(whole).__name__)
    bare.load_state_dict(whole.state_dict())
    given = inputs(program, LONG)
    torch.testing.assert_close(bare(*given), whole(*given))


@pytest.mark.parametrize(("program", "right", "wrong", "found"), [
    (PROGRAMS[1], "j <= (t + 3)", "j <= (t + 4)", {"prefix", "gradient", "length"}),
    (PROGRAMS[1], "(self.rows.doc[None, t0:t1, None] == doc)", "(doc >= 0)", {"packing"}),
    (PROGRAMS[0], ", 2, rows)", ", 3, rows)", {"prefix", "gradient", "length"}),
    (PROGRAMS[0], "later == rows.pos + steps", "later >= 0", {"packing"}),
])  # fmt: skip
def test_planted_faults_are_found(
    program: Program, right: str, wrong: str, found: set[str]
) -> None:
    """Keys one further ahead than claimed, and tokens of other documents."""
    module: Any = compiled(program)
    source = module.emitted_source
    assert right in source
    faulty = load_source(source.replace(right, wrong), type(module).__name__)
    report = laws.check(faulty, inputs(program, LONG), chunk=128, ahead=AHEAD[program.op])
    assert found <= {v.law for v in report.failures}, str(report)


def test_keys_that_a_block_of_queries_forgets_are_found() -> None:
    program = PROGRAMS[1]
    module: Any = compiled(program)
    right = "end + self.ahead, "
    assert right in module.emitted_source
    source = module.emitted_source.replace(right, "end, ")
    verdict = real(flat(program), load_source(source, type(module).__name__),
                   streams(program, 2, LONG))  # fmt: skip
    assert not verdict.ok


def test_what_goes_token_by_token_is_refused_by_name() -> None:
    program = PROGRAMS[0]
    module, (x,) = compiled(program), inputs(program, 8)
    said = "taps looks 3 tokens ahead: run whole rows, it has no decode state"
    for ask in ("step", "initial_state"):
        with pytest.raises(AttributeError, match=said):
            getattr(module, ask)
    for more in ({"state": {}}, {"return_state": True}):
        with pytest.raises(TypeError, match=said):
            module(x, **more)


@pytest.mark.parametrize(("body", "said"), [
    ("o = attend j where j <= 2 * t { score: x[t] @ x[j]  value: x[j] }", "without bound"),
    ("state o[D]\n  y = tanh(o[t-1])\n  z = y[t+1]\n  o = x + z[t-2]", "the past alone"),
])  # fmt: skip
def test_what_no_backend_runs_is_refused_by_name(body: str, said: str) -> None:
    text = f"op f[D](x: Seq[D]) -> Seq[D] where lookahead(1) {{\n  {body}\n  return o\n}}"
    with pytest.raises(BackendError, match=said):
        asiarch.compile(text.replace("where lookahead(1) ", "") if "2 * t" in body else text, "f",
                        {"D": 2})  # fmt: skip


def test_a_model_that_looks_ahead_is_not_trained() -> None:
    """Its bits per byte would be read from the byte that is to be told."""
    text = (
        "model m[D, vocab] where {0} {{\n  param E[vocab, D] ~ normal(0.02)\n"
        "  x = E[vocab = tokens]\n  return (x + x[{1}]) @ E\n}}"
    )
    sizes = {"D": 4, "vocab": 256}
    check_model(asiarch.compile(text.format("causal", "t-1"), "m", sizes))
    with pytest.raises(ModelError, match="looks 1 token ahead"):
        check_model(asiarch.compile(text.format("lookahead(1)", "t+1"), "m", sizes))
