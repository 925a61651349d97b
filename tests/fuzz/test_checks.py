"""A small part of what `make fuzz` does with fresh seeds; each checker is seen to fail."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from asiarch.cli import main
from asiarch.fuzz import CAUSAL, NON_CAUSAL, draw
from asiarch.fuzz.campaign import run
from asiarch.fuzz.checks import EVERY, STATIC, Case, judged
from asiarch.fuzz.program import Program
from asiarch.ir.domains.grade import Grades


def test_a_few_programs_against_everything() -> None:
    outcome = run(7_000_000, 8, checks=EVERY, shrinking=20)
    assert not outcome.failures, outcome.failures


@pytest.mark.parametrize("policy", [CAUSAL, NON_CAUSAL], ids=lambda p: p.name)
def test_no_program_that_is_accepted_as_causal_leaks(policy: object) -> None:
    chosen = CAUSAL if policy is CAUSAL else NON_CAUSAL
    checks = STATIC if policy is CAUSAL else ("grade", "causal")
    outcome = run(7_100_000, 30, policy=chosen, checks=checks, shrinking=20)
    assert not outcome.failures, outcome.failures


def test_a_grade_that_forgets_delays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = ("grade", "causal")
    with monkeypatch.context() as planted:
        planted.setattr(Grades, "delay", lambda self, node, x: x)
        outcome = run(0, 60, policy=NON_CAUSAL, checks=checks, shrinking=5)
    assert outcome.failures
    for failure in outcome.failures:  # of the fault alone: the sound grade passes the program
        assert judged(Case(failure.program, failure.seed), checks)[0] is None


LEAK = "op main[D](x: Seq[D]) -> Seq[D] where causal { return x + mean[time](x) }\n"


def test_other_values_of_later_tokens_show_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """An analysis that takes everything as causal is refuted by values alone, and by taint."""
    text = "op main[D](x: Seq[D]) -> Seq[D] where lookahead(1) { return x + 0.1 * x[t+1] }\n"
    program = Program(text, "main", (("D", 2),))
    assert judged(Case(program), ("grade", "causal")) == (None, {})
    monkeypatch.setattr(Case, "causal", lambda self: True)
    failure, _ = judged(Case(program), ("causal",))
    assert failure == ("causal", "changing tokens from 1 on changes an output before it")
    failure, _ = judged(Case(program), ("grade",))
    assert failure == ("grade", "a later token is read by what is taken as causal")


def test_most_programs_that_may_read_ahead_are_judged() -> None:
    outcome = run(7_200_000, 60, policy=NON_CAUSAL, checks=("grade", "causal"), shrinking=5)
    assert not outcome.failures, outcome.failures
    assert outcome.not_judged["causal"] < 10


def test_a_program_that_leaks_is_not_accepted() -> None:
    failure, _ = judged(Case(Program(LEAK, "main", (("D", 2),))), ("accepted",))
    assert failure is not None
    assert "E0301" in failure[1]
    assert judged(Case(Program(LEAK.replace("mean", "cummean"), "main", (("D", 2),))))[0] is None


def test_a_run_writes_what_fails_and_one_line_of_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    words = ["fuzz", "--programs", "3", "--laws", "accepted,format", "--ledger", str(ledger)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    (line,) = ledger.read_text().splitlines()
    assert '"programs": 3' in line
    assert '"seeds": [0, 3]' in line
    assert "no failure" in capsys.readouterr().out
    monkeypatch.setattr("asiarch.fuzz.checks.format", lambda text, name="": text + " ")
    assert main([*words, "--out", str(tmp_path / "out")]) == 1
    (file,) = (tmp_path / "out").iterdir()
    shown = capsys.readouterr().out
    assert f"asiarch fuzz --replay {file}" in shown
    assert len(file.read_text().splitlines()) < 15
    assert main(["fuzz", "--replay", str(file), "--laws", "format"]) == 1


def test_a_drawn_program_is_judged_by_all_of_it() -> None:
    _, left = judged(Case(draw(random.Random(3)), 3), ("ring",))
    assert not left
