"""Drawn programs are programs: they check, they print, and a seed gives the same one again."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from asiarch.analysis.report import check
from asiarch.cli import main
from asiarch.fuzz import NON_CAUSAL, WILD, draw, read
from asiarch.fuzz.checks import Case, judged
from asiarch.fuzz.shrink import shrink

SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_program_checks_and_is_causal(seed: int) -> None:
    program = draw(random.Random(seed))
    assert judged(Case(program, seed), ("accepted",))[0] is None, program.file


def test_a_seed_gives_the_same_program_and_its_file_is_read_back() -> None:
    for seed in SEEDS:
        program = draw(random.Random(seed))
        assert draw(random.Random(seed)) == program
        assert read(program.file) == program


def test_other_policies_draw_what_is_no_causal_program() -> None:
    verdicts = [check(draw(random.Random(s), NON_CAUSAL).text) for s in SEEDS]
    ahead = {"E0301", "E0302", "E0303"}
    assert any(ahead & {d.code for d in r.diagnostics} for r in verdicts)
    assert not all(check(draw(random.Random(s), WILD).text).ok for s in SEEDS)


def test_shrinking_keeps_what_fails_and_nothing_else() -> None:
    drawn = [p for s in SEEDS if "attend" in (p := draw(random.Random(s))).text]
    program = min(drawn, key=lambda p: len(p.text))

    def fails(candidate: object) -> bool:
        text = candidate.text  # type: ignore[attr-defined]
        return "attend" in text and check(text).ok

    small = shrink(program, fails, seconds=20)
    assert fails(small)
    assert sum(map(bool, small.text.split("\n"))) <= 12, small.text


def test_replay_tells_a_wrong_program_from_a_right_one(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    program = draw(random.Random(0))
    file = tmp_path / "p.asi"  # type: ignore[operator]
    file.write_text(program.file)
    assert main(["fuzz", "--replay", str(file), "--laws", "accepted,format"]) == 0
    file.write_text(replace(program, text=program.text.replace("return", "return nothing +")).file)
    assert main(["fuzz", "--replay", str(file), "--laws", "accepted"]) == 1
    assert "E0101" in capsys.readouterr().out
