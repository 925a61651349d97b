"""The screen says what the checker says, knows what it saw, and names what is in the library."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from asiarch.analysis.report import check
from asiarch.fuzz import draw
from asiarch.fuzz.edit import KINDS, Place
from asiarch.fuzz.policy import NON_CAUSAL
from asiarch.language.parser import parse
from asiarch.search.checked import Checker
from asiarch.search.library import Entry, entries
from asiarch.search.screen import Bounds, Screen

LINEAR = """op mixer[D](x: Seq[D]) -> Seq[D] where causal {
  state S[D]
  S = 0.9 * S[t-1] + linear[D](x)
  return S * x
}
"""


def entry(name: str) -> Entry:
    return next(e for e in entries() if e.name == name)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("linear[D](x)", "linear[D](y)", "type"),
        ("linear[D](x)", "linear[D](x", "type"),
        ("linear[D](x)", "sum[D](x)", "type"),
        ("linear[D](x)", "linear[D](x[t+1])", "causal"),
        ("S * x", "S * expand[D](softmax[time](mean[D](x)))", "causal"),
        ("0.9 * S[t-1]", "0.9 * S", "type"),
        ("0.9 * S[t-1]", "0.9 * S[t+1]", "causal"),
        ("S * x", "attend j where j <= t { score: x[t] @ x[j]  value: S[j] }", "cost"),
        ("-> Seq[D]", "-> Seq[D], Seq[D]", "type"),
    ],
)
def test_what_is_rejected_and_why(old: str, new: str, reason: str) -> None:
    assert old in LINEAR
    text = LINEAR.replace(old, new, 1)
    if "-> Seq[D], " in text:
        text = text.replace("return S * x", "return S * x, S")
    verdict = Screen().judge(text, "mixer")
    assert (verdict.status, verdict.reason) == ("rejected", reason), verdict
    assert verdict.said
    assert Screen().judge(LINEAR, "mixer").status == "new"


def test_what_does_not_claim_to_be_causal_must_be_causal_all_the_same() -> None:
    ahead = LINEAR.replace("where causal ", "").replace("S * x", "S * x[t+1]")
    assert Screen().judge(ahead, "mixer").reason == "causal"
    assert Screen().judge(LINEAR.replace("where causal ", ""), "mixer").status == "new"


def test_bounds_are_the_protocols() -> None:
    full = entry("attention.full")
    assert Screen().judge(full.text, full.op).reason == "cost"
    assert Screen(Bounds(work=2, state=1)).judge(full.text, full.op).status == "new"
    few = Bounds(parameters=100)
    assert Screen(few).judge(LINEAR, "mixer", {"D": 64}).reason == "cost"
    assert Screen(few).judge(LINEAR, "mixer", {"D": 8}).status == "new"
    assert Screen(Bounds(state_floats=8)).judge(LINEAR, "mixer", {"D": 9}).reason == "cost"


def test_sizes_are_whole_at_the_width_of_the_model() -> None:
    text = entry("delta_net.delta_net").text
    for heads, said in ((4, "new"), (3, "rejected")):
        verdict = Screen().judge(text, "delta_net", {"H": heads})
        assert verdict.status == said, verdict
    assert "64/3" in Screen().judge(text, "delta_net", {"H": 3}).said
    assert Screen(Bounds(width=96)).judge(text, "delta_net", {"H": 3}).status == "new"


def test_what_was_seen_is_seen_under_any_name() -> None:
    screen = Screen()
    assert screen.judge(LINEAR, "mixer", name="first").status == "new"
    renamed = re.sub(r"\bS\b", "memory", LINEAR.replace("mixer", "other"))
    dead = renamed.replace("return", "unread = x * x\n  return")
    for text in (LINEAR, renamed, dead):
        verdict = screen.judge(text, "mixer" if "mixer" in text else "other")
        assert (verdict.status, verdict.known) == ("seen", "first")
    assert screen.judge(LINEAR.replace("0.9", "0.8"), "mixer").status == "new"


@pytest.mark.parametrize("name", ["gated_delta_net.gated_delta_net", "mamba2.mamba2",
                                  "hier_gate_mem.hier_gate_mem"])  # fmt: skip
def test_a_rediscovery_has_the_name_of_what_it_is(name: str) -> None:
    found = entry(name)
    text = re.sub(r"\b([vby])\b", r"\1_", found.text).replace(f"op {found.op}", "op mine")
    verdict = Screen().judge(text, "mine")
    assert verdict.rediscovery, verdict
    assert verdict.known == name
    other = Screen().judge(text.replace("silu", "relu", 1), "mine")
    assert other.status == "new"
    assert not other.rediscovery


def test_the_library_is_accepted_and_no_two_are_one() -> None:
    screen = Screen(Bounds(work=2, state=1, width=1024))
    for each in entries():
        verdict = screen.judge(each.text, each.op, name=each.name)
        assert verdict.status == "new", (each.name, verdict)
        assert verdict.known == each.name


def test_the_screen_says_what_the_checker_says() -> None:
    """Raw edits, of which many do not check."""
    rng = random.Random(0)
    screen = Screen(Bounds(work=9, state=9, width=1024))
    wrong = right = 0
    parents = [entry(n) for n in ("gated_delta_net.gated_delta_net", "gla.gla", "mamba2.mamba2",
                                  "attention.sinks", "hgrn2.hgrn2", "ttt.ttt_linear")]  # fmt: skip
    while wrong < 20 or right < 20:
        parent = rng.choice(parents)
        root = parse(parent.text).program
        place = Place(parent.text, root, rng, None)
        found = rng.choice(list(KINDS.values()))(place)
        if found is None:
            continue
        start, old, new = found
        text = parent.text[:start] + new + parent.text[start + len(old) :]
        ok = check(text).ok
        verdict = screen.judge(text, parent.op)
        if verdict.status == "seen":
            continue
        assert (verdict.status == "new") == ok, (text, verdict)
        wrong, right = wrong + (not ok), right + ok


def test_what_behaves_like_something_seen_is_named() -> None:
    screen = Screen(behaviour=True)
    one = LINEAR.replace("linear[D](x)", "tanh(linear[D](x))")
    other = LINEAR.replace("linear[D](x)", "(2 * sigmoid(2 * linear[D](x)) - 1)")
    assert screen.judge(one, "mixer", name="one").alike == ""
    verdict = screen.judge(other, "mixer", name="other")
    assert (verdict.status, verdict.alike) == ("new", "one")
    assert screen.judge(LINEAR, "mixer").alike == ""


def test_errors_are_the_same_without_warnings() -> None:
    """`Checker` against `check`, codes and all, on programs that read the future or are broken."""
    checker = Checker()
    wrong = 0
    for seed in range(60):
        program = draw(random.Random(seed), replace(NON_CAUSAL, wild=seed % 4 == 0))
        found = {(d.code, d.message) for d in checker.check(program.text).errors}
        report = check(program.text)
        wrong += not report.ok
        assert bool(found) == (not report.ok), program.text
        assert found <= {(d.code, d.message) for d in report.diagnostics}, program.text
    assert wrong >= 15
