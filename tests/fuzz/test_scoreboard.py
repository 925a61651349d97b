"""The scoreboard is what its command makes of the ledgers, and counts honestly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "scoreboard.py"


@pytest.fixture(scope="module")
def scoreboard() -> Any:
    spec = importlib.util.spec_from_file_location("scoreboard", PATH)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_board_is_what_the_ledgers_say(scoreboard: Any) -> None:
    text = scoreboard.BOARD.read_text(encoding="utf-8")
    assert text == scoreboard.board(), "run python benchmarks/scoreboard.py"


def test_every_find_has_a_cause(scoreboard: Any) -> None:
    for row in scoreboard.finds():
        assert row.strip("|").split("|")[1].strip(), row


def test_a_seed_counts_once(scoreboard: Any) -> None:
    assert scoreboard.union([(0, 10), (5, 20), (30, 31)]) == 21
    assert scoreboard.union([(0, 10), (0, 10), (2, 3)]) == 10


def _entry(seeds: tuple[int, int], **failures: int) -> dict[str, Any]:
    return {"policy": "causal", "checks": ["accepted"], "seeds": seeds, "failures": failures,
            "not_judged": {}, "commit": "c", "date": "d"}  # fmt: skip


def test_a_bound_is_claimed_without_failures_alone(scoreboard: Any) -> None:
    clean = [_entry((0, 100)), _entry((50, 300))]
    assert "| 300 | 0 | 0.01 |" in scoreboard.fuzzed("C2", clean)
    failed = [*clean, _entry((300, 400), accepted=2)]
    assert "| 400 | 2 of 400: 99.500% pass |  |" in scoreboard.fuzzed("C2", failed)
