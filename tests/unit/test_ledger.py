"""The ledger: every claim proved, refuted or undecided, by whom, and the report that says so."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from asiarch.analysis.ledger import Entry
from asiarch.analysis.report import Report, check
from asiarch.analysis.stability import stable
from asiarch.analysis.witness import find
from asiarch.language.parser import parse

GATED_DELTA = """op gated[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D]
  where causal, stable, a in (0, 1], work <= O(T), state <= O(H * K * V), params <= 100000
{
  q = x |> linear[H, K] |> conv[4] |> silu |> l2norm[K]
  k = x |> linear[H, K] |> conv[4] |> silu |> l2norm[K]
  v = x |> linear[H, V] |> conv[4] |> silu
  b = x |> linear[H] |> sigmoid
  param rate[H] ~ log(uniform(1, 16))
  a = exp(-exp(rate) * softplus(linear[H](x)))
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  return linear[H, V -> D](q @ S)
}
"""


def op(body: str, claims: str = "", header: str = "D") -> str:
    where = f" where {claims}" if claims else ""
    return f"op f[{header}](x: Seq[D]) -> Seq[D]{where} {{\n{body}\n}}"


def errors(report: Report) -> list[str]:
    return [d.code for d in report.diagnostics if d.severity == "error"]


def verdict(text: str, claim: str, name: str = "f") -> str:
    return next(e.verdict for e in check(text).ops[name].ledger if e.claim == claim)


# -- claims ----------------------------------------------------------------------------------------


def test_every_claim_of_a_good_program_is_proved() -> None:
    report = check(GATED_DELTA.replace(", params <= 100000", ""))
    assert report.ok
    assert not report.diagnostics
    entries = {e.claim: (e.verdict, e.by) for e in report.ops["gated"].ledger}
    assert entries["causal"] == ("proved", "intervals")
    assert entries["stable"][0] == "proved"
    assert entries["a in (0, 1]"] == ("proved", "range (0, 1]")
    assert entries["work <= O(T)"][0] == "proved"
    assert entries["state <= O(H * K * V)"][0] == "proved"


def test_parameters_with_sizes_that_are_not_known_are_undecided() -> None:
    assert errors(check(GATED_DELTA)) == ["E0407"]
    assert check(GATED_DELTA.replace("[D, H,", "[D = 64, H = 2,")).ok
    assert errors(check(GATED_DELTA.replace("[D, H,", "[D = 640, H = 2,"))) == ["E0404"]


def test_what_is_not_claimed_is_inferred() -> None:
    entries = check(op("return cumsum[time](x)")).ops["f"].ledger
    assert entries == (
        Entry("causal", "inferred", "intervals"),
        Entry("work O(T) in T", "inferred", "polynomial"),
        Entry("state O(1) in T", "inferred", "polynomial"),
    )


CLAIMS = {
    ("return x[t-1]", "causal"): [],
    ("return mean[time](x)", "causal"): ["E0301"],
    ("return x + x[t+1]", "lookahead(1)"): [],
    ("return x + conv[3](x[t+1])[t+1]", "lookahead(1)"): ["E0303"],
    ("return attend j where j <= t { score: x[t] @ x[j]  value: x[j] }", "work <= O(T)"): ["E0402"],
    ("return attend j where j <= t { score: x[t] @ x[j]  value: x[j] }", "work <= O(T^2)"): [],
    ("return attend j where t - 9 < j <= t { score: x[t] @ x[j]  value: x[j] }", "work <= O(T)"):
        [],
    ("return attend j where j <= t { score: x[t] @ x[j]  value: x[j] }", "state <= O(D)"):
        ["E0403"],
    ("state S[D]\nS = 0.5 * S[t-1] + x\nreturn S", "stable"): [],
    ("state S[D]\nS = 2 * S[t-1] + x\nreturn S", "stable"): ["E0405"],
    ("state S[D]\nS = S[t-1] * S[t-1] + x\nreturn S", "stable"): ["E0405"],
    ("for n in 3 {\nstate S[D]\nS = 0.5 * S[t-1] + x\nx = S\n}\nreturn x", "stable"): [],
    ("for n in 3 {\nstate S[D]\nS = 1.5 * S[t-1] + x\nx = S\n}\nreturn x", "stable"): ["E0405"],
    ("if D > 4 {\nstate S[D]\nS = 1.5 * S[t-1] + x\nx = S\n}\nreturn x", "stable"): ["E0405"],
    ("return ema(x, sigmoid(x))", "stable"): [],
    ("return ema(x, 1.5)", "stable"): ["E0405"],
    ("y = sigmoid(x)\nreturn y", "y in (0, 1]"): [],
    ("y = sigmoid(x)\nreturn y", "y in [2, 3]"): ["E0406"],
    ("y = 2 * sigmoid(x)\nreturn y", "y in (0, 1]"): ["E0407"],
    ("return x", "causal, quick"): ["E0401"],
}  # fmt: skip


@pytest.mark.parametrize(("body", "claim"), CLAIMS)
def test_claims(body: str, claim: str) -> None:
    report = check(op(body, claim))
    assert errors(report) == CLAIMS[body, claim]
    assert report.ok == (not CLAIMS[body, claim])
    assert ("f" in report.ops) == report.ok


def delta(decay: str, rate: str, key: str = "l2norm[K](linear[H, K](x))") -> str:
    return f"""op f[D, H, K = D / H](x: Seq[D]) -> Seq[D] where stable {{
  k = {key}
  v = linear[H, K -> H, V](k)
  b = {rate}
  a = {decay}
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  return linear[H, V -> D](k @ S)
}}""".replace("op f[D, H, K = D / H]", "op f[D, H, K = D / H, V = K]")


STABLE = {
    ("sigmoid(linear[H](x))", "sigmoid(linear[H](x))"): True,
    ("sigmoid(linear[H](x))", "2 * sigmoid(linear[H](x))"): True,
    ("sigmoid(linear[H, K](x))", "sigmoid(linear[H](x))"): True,
    ("tanh(linear[H](x))", "sigmoid(linear[H](x))"): True,
    ("sigmoid(linear[H](x))", "3 * sigmoid(linear[H](x))"): False,
    ("sigmoid(linear[H](x))", "linear[H](x)"): False,
    ("2 * sigmoid(linear[H](x))", "sigmoid(linear[H](x))"): False,
}


@pytest.mark.parametrize(("decay", "rate"), STABLE)
def test_stability_of_the_delta_rule(decay: str, rate: str) -> None:
    assert errors(check(delta(decay, rate))) == ([] if STABLE[decay, rate] else ["E0405"])


def test_a_key_that_is_no_unit_vector_is_not_stable() -> None:
    text = delta("sigmoid(linear[H](x))", "sigmoid(linear[H](x))", "silu(linear[H, K](x))")
    (found,) = check(text).diagnostics
    assert "unit vector" in found.message


def updated(*lines: str) -> str:
    """The delta rule's definition with another update: k, p unit keys, a and b in (0, 1)."""
    head = delta("sigmoid(linear[H](x))", "sigmoid(linear[H](x))").replace(f"  {RULE}\n", "")
    more = ["p = l2norm[K](linear[H, K](x))", "w = linear[H, K](x)",
            "c = sigmoid(linear[H, K](x))", "e = tanh(linear[H, K, V](x))"]  # fmt: skip
    body = "\n  ".join([*more, "state S[H, K, V]", *lines])
    return head.replace("state S[H, K, V]", body)


RULE = "S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))"
UPDATES = {
    (RULE, "S = S - 2 * b * p * (p @ S)"): True,
    (RULE, "S = S - 3 * b * p * (p @ S)"): False,
    (RULE, "S = S - b * w * (w @ S)"): False,
    (RULE, "S = S - b * p * (k @ S)"): False,
    ("S = a * S[t-1] + b * k * (v - k @ S[t-1])",): True,
    ("S = a * S[t-1] + 2 * b * k * (v - k @ S[t-1])",): False,
    ("S = c * S[t-1] + b * k * (v - k @ S[t-1])",): True,
    ("S = c * S[t-1] - c * k * (k @ S[t-1]) + k * v",): False,
    ("S = e * S[t-1] + k * v",): True,
    ("S = 2 * e * S[t-1] + k * v",): False,
    ("state M[H, K, V]", "M = a * M[t-1] + k * (v - k @ S[t-1])", "S = a * S[t-1] + M"): False,
}


@pytest.mark.parametrize("lines", UPDATES, ids=" ; ".join)
def test_stability_of_other_updates(lines: tuple[str, ...]) -> None:
    assert errors(check(updated(*lines))) == ([] if UPDATES[lines] else ["E0405"])


def test_stability_is_what_norms_say() -> None:
    """Where it is proved, no product of transitions on the reference grows."""
    import numpy as np

    rng = np.random.default_rng(0)
    for _ in range(200):
        k = rng.standard_normal(4)
        k /= np.sqrt(k @ k + 1e-6)
        b, a = rng.uniform(0, 2), rng.uniform(-1, 1, 4)
        transition = (np.eye(4) - b * np.outer(k, k)) @ np.diag(a)
        assert np.linalg.norm(transition, 2) <= 1 + 1e-9
        d = rng.uniform(0, 1, 4)
        undecayed = np.diag(d) - rng.uniform(0, 1 + d.min()) * np.outer(k, k)
        assert np.linalg.norm(undecayed, 2) <= 1 + 1e-9
    assert stable.__module__ == "asiarch.analysis.stability"


# -- rejections ------------------------------------------------------------------------------------


def test_a_rejection_names_the_way_and_a_witness() -> None:
    text = """op f[D](x: Seq[D]) -> Seq[D] where causal {
  m = mean[time](x)
  w = 2 * m
  o = w * x
  return o
}"""
    (found,) = check(text).diagnostics
    assert found.code == "E0301"
    assert found.message == "`o` reads the future"
    assert text[found.span.start : found.span.end] == "mean[time](x)"
    said = [(text[s.span.start : s.span.end], s.text) for s in found.secondary]
    assert said == [
        ("2 * m", "flows into `w`"),
        ("w * x", "and flows into `o` here"),
        ("causal", "claimed here"),
    ]
    assert found.witness == {"T": 2, "changed_token": 1, "affected_token": 0}
    assert found.help is not None
    assert "cummean" in found.help


def test_a_rule_that_is_conservative_says_so() -> None:
    (found,) = check(op("return 0 * mean[time](x)", "causal")).diagnostics
    assert found.witness is None
    assert found.note is not None
    assert "conservative" in found.note


def test_the_future_inside_of_a_callee_and_of_blocks() -> None:
    text = """op g[D](x: Seq[D]) -> Seq[D] { return softmax[time](x) }
op f[D](x: Seq[D]) -> Seq[D] where causal {
  for n in 2 {
    if n == 1 { x = g(x) }
  }
  return x
}"""
    (found,) = check(text).diagnostics
    assert text[found.span.start : found.span.end] == "g(x)"
    assert found.label == "`g` reads every token of the sequence"
    assert "softmax[time](x)" in [text[s.span.start : s.span.end] for s in found.secondary]


@pytest.mark.parametrize("leak", ["x[t+1] - x[t+1]", "0 * x[t+1]"])
def test_no_witness_where_no_value_shows_it(leak: str) -> None:
    text = op(f"return {leak}", "lookahead(1)")
    assert find({"<text>": parse(text)}, "<text>", "f")[0] is None


def test_a_witness_is_what_the_reference_does() -> None:
    import numpy as np

    import asiarch

    text = op("return x + mean[time](x)", "causal")
    (found,) = check(text).diagnostics
    assert found.witness is not None
    module = asiarch.compile(text.replace(" where causal", ""), sizes={"D": 2},
                             backend="reference")  # fmt: skip
    x = np.random.default_rng(0).standard_normal((1, found.witness["T"], 2))
    y = x.copy()
    y[:, found.witness["changed_token"]] += 1
    moved = np.abs(module(x) - module(y))[0].max(axis=-1)
    assert moved[found.witness["affected_token"]] > 0
    assert found.witness["affected_token"] < found.witness["changed_token"]


def test_a_state_is_read_at_earlier_tokens_only() -> None:
    text = """op f[D](x: Seq[D]) -> Seq[D] {
  state S[D]
  S = x + attend j where j < t { score: 0 * (t - j)  value: S[j] }
  return S
}"""
    assert check(text).ok
    assert errors(check(text.replace("j < t {", "j <= t {"))) == ["E0302"]
    assert errors(check(text.replace("j < t {", "j < t + 0.5 {"))) == ["E0302"]


LOOPS = {
    "y[t+1]": "lookahead(5)",
    "y[t+3]": "lookahead(5)",
    "mean[time](y)": "",
    "g(y)": "",
    "attend j where j <= t + 1 { score: 0 * t  value: y[j] }": "",
}


@pytest.mark.parametrize("value", LOOPS)
@pytest.mark.parametrize("head", ["op f[D](x: Seq[D]) -> Seq[D]", "op h(x: Seq[D...]) -> x"])
def test_a_state_is_made_of_earlier_tokens_only(value: str, head: str) -> None:
    """Otherwise no token could be the first to be computed."""
    where = f" where {LOOPS[value]}" if LOOPS[value] else ""
    axes = "D..." if "..." in head else "D"
    text = f"""{head}{where} {{
  state S[{axes}]
  y = S[t-1]
  S = x + {value}
  return S
}}
op g(x) {{ return mean[time](x) }}
op top[D](x: Seq[D]) -> Seq[D] {{ return {"h" if "..." in head else "f"}(x) }}"""
    assert set(errors(check(text))) & {"E0302"}
    good = check(text.replace(value, "0.5 * y[t-1]"))
    assert good.ok, good.diagnostics


def test_sizes_of_calls_are_whole_numbers() -> None:
    text = """op g[D, s](x: Seq[D]) -> Seq[D] where causal {
  return attend j where j <= t - s { score: 0 * (t - j)  value: x[j] }
}
op f[D](x: Seq[D]) -> Seq[D] where causal { return g[s = 0 - 3](x) }"""
    assert errors(check(text)) == ["E0502"]
    assert check(text.replace("0 - 3", "3")).ok


# -- warnings --------------------------------------------------------------------------------------


def test_what_reaches_no_result_is_warned_of_in_blocks_too() -> None:
    body = """for n in L {
  param p[D] ~ const(0)
  x = silu(x)
}
y = 2 * x
return x"""
    report = check(op(body, header="D, L"))
    assert report.ok
    assert sorted(d.code for d in report.diagnostics) == ["W0101", "W0102"]


# -- the report ------------------------------------------------------------------------------------


def test_json_is_as_documented() -> None:
    text = GATED_DELTA.replace(", params <= 100000", "") + op("return mean[time](x)", "causal")
    data: dict[str, Any] = json.loads(json.dumps(check(text, "x.asi").as_json()))
    assert set(data) == {"ok", "diagnostics", "ops"}
    assert data["ok"] is False
    (found,) = data["diagnostics"]
    assert {"code", "severity", "message", "file", "line", "column", "end_line", "end_column",
            "help", "witness"} <= set(found)  # fmt: skip
    assert (found["code"], found["severity"], found["file"]) == ("E0301", "error", "x.asi")
    assert set(data["ops"]) == {"gated"}
    gated = data["ops"]["gated"]
    assert gated["causal"] is True
    assert gated["grade"] == ["-inf", 0]
    assert gated["recurrences"] == [{"states": ["S"], "class": "scalar+rank1"}]
    assert {"claim": "causal", "verdict": "proved", "by": "intervals"} in gated["ledger"]
    assert all(isinstance(gated[key], str) for key in ("work", "state", "params"))


def test_recurrences_of_models_are_those_of_their_layers() -> None:
    text = (
        GATED_DELTA.replace(", params <= 100000", "")
        + """
model lm[D = 16, H = 2, L = 4, vocab = 8] {
  x = embed[D](tokens)
  for layer in L {
    if layer % 2 == 0 { x = x + gated(x) }
    state m[D]
    m = 0.5 * m[t-1] + x
    x = m
  }
  return unembed[vocab](x)
}"""
    )
    found = check(text).ops["lm"].recurrences
    assert {r["class"] for r in found} == {"scalar+rank1", "scalar"}


@pytest.mark.parametrize("text", ["", "op", "op f[D](x: Seq[D]) -> Seq[D] {", "\x00", "é" * 50,
                                  "op f[D](x: Seq[D]) -> Seq[D] { return y }"])  # fmt: skip
def test_a_bad_program_never_raises(text: str) -> None:
    report = check(text)
    assert not report.ops
    json.dumps(report.as_json())


def test_a_verdict_executes_no_program() -> None:
    """A good program is checked without numpy and without torch."""
    script = (
        "import sys, asiarch\n"
        f"report = asiarch.check({GATED_DELTA.replace(', params <= 100000', '')!r})\n"
        "assert report.ok, report.diagnostics\n"
        "print([m for m in ('numpy', 'torch', 'sympy', 'islpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_verdict_that_trusts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every grade empty, the wrong programs above would pass."""
    from asiarch.ir.domains import grade

    monkeypatch.setattr(grade.Grades, "whole", lambda self, node, x: grade.Grade())
    assert errors(check(op("return mean[time](x)", "causal"))) == []
