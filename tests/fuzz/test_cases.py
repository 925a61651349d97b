"""Programs that once showed a bug: each passes every check that applies to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asiarch.fuzz import read
from asiarch.fuzz.checks import EVERY, Case, judged

CASES = sorted((Path(__file__).parents[1] / "fuzz_cases").glob("*.asi"))


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_a_case_that_once_failed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# cause: "), "the first line says what was wrong"
    for name in EVERY:
        failure, _ = judged(Case(read(text)), (name,))
        assert failure is None, failure
