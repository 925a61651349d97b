"""Wrong programs and exactly what is said about them: `grammar/invalid/*.md`.

Each program is an `asi` fence followed by a `text` fence with the rendered diagnostics. With
UPDATE=1 in the environment the expected texts are written anew, to be read before committing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest

import asiarch
from asiarch.language.diagnostics import render

FOLDER = Path(str(resources.files("asiarch.grammar"))) / "invalid"
_CASE = re.compile(
    r"^## ([^\n]*)\n\n```asi\n(.*?)```\n\n```text\n(.*?)```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Case:
    file: Path
    title: str
    program: str
    expected: str


def cases(file: Path) -> list[Case]:
    text = file.read_text(encoding="utf-8")
    found = [Case(file, *m.groups()) for m in _CASE.finditer(text)]
    assert len(found) == text.count("```asi\n"), f"{file.name}: a program without its text"
    return found


FILES = sorted(FOLDER.glob("*.md"))
CASES = [c for f in FILES for c in cases(f)]


def said(case: Case) -> str:
    report = asiarch.check(case.program, f"{case.file.stem}.asi")
    shown = [render(d, report.sources.get(d.file or "", report.source)) for d in report.diagnostics]
    return "\n\n".join(shown) + "\n"


if os.environ.get("UPDATE") == "1":
    for _file in FILES:
        _text = _file.read_text(encoding="utf-8")
        for _case in cases(_file):
            _old = f"```asi\n{_case.program}```\n\n```text\n{_case.expected}```"
            _new = f"```asi\n{_case.program}```\n\n```text\n{said(_case)}```"
            _text = _text.replace(_old, _new)
        _file.write_text(_text, encoding="utf-8")
    CASES = [c for f in FILES for c in cases(f)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.file.stem}: {c.title[:40]}")
def test_says_exactly(case: Case) -> None:
    assert said(case) == case.expected
    assert "error[" in case.expected


def test_there_are_many_and_one_with_five() -> None:
    assert len(CASES) >= 40
    assert max(c.expected.count("error[") for c in CASES) >= 5


def test_a_changed_message_is_noticed() -> None:
    case = CASES[0]
    assert said(Case(case.file, case.title, case.program + "\n# x", "")) == case.expected
    other = case.program.replace("op f", "op long_name_of_another_column", 1)
    assert said(Case(case.file, case.title, other.replace("  return", " return"), "")) != said(case)
