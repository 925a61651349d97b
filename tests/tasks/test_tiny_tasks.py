"""The benchmark of the small tasks: what it compares with, and when it says no."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import tiny_tasks

from asiarch.train.tasks import TASKS
from asiarch.train.tasks.match import matched, parameter_count

KNOWN = tiny_tasks.reference()
SAME = tiny_tasks.Cell("delta", "update", 0.006, 1.33, 1.0, None, 0.012, 1.0)


def test_the_reference_is_whole() -> None:
    mixers = [name for name in KNOWN if not name.startswith("sd.")]
    assert len(mixers) == 12
    for mixer in mixers:
        assert set(KNOWN[mixer]) == {
            "mqar", "recall", "noisy", "update", "copy", "compression", "memorisation", "parity",
            "s3", "bytes",
        }  # fmt: skip
        assert tiny_tasks.mixer_text(mixer).startswith(f"op {mixer}_mixer[")
        for task, measured in KNOWN[mixer].items():
            assert measured.loss < TASKS[f"{task}.small"].chance + 0.05
            assert tiny_tasks.deviation(mixer, task, KNOWN) > 0


def test_networks_have_as_many_parameters() -> None:
    """Of the reference: 66 to 82 thousand, within 0.15 %; ours within half a column."""
    for mixer in ("gdn", "none"):
        for task in ("update", "compression"):
            run = tiny_tasks.runs_of(mixer, task, 1, [0.1])[0]
            assert run.parameters is not None
            assert 60_000 < run.parameters < 82_000
            hosted = matched(run.hosted, run.parameters)
            assert abs(parameter_count(hosted) - run.parameters) <= 130
    assert matched(run.hosted, run.parameters).hidden > 128


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (SAME, "ok"),
        (replace(SAME, auc=1.9), "ok"),
        (replace(SAME, auc=2.4), "area 1.07 apart, 0.91 allowed"),
        (replace(SAME, loss=3.4), "one is solved, the other not"),
        (replace(SAME, mixer="none", loss=0.1, auc=3.5), "one is solved, the other not"),
        (replace(SAME, mixer="scalar", loss=3.4, auc=3.49), "area 0.56 apart, 0.26 allowed"),
    ],
)
def test_verdicts(cell: tiny_tasks.Cell, says: str) -> None:
    assert tiny_tasks.verdict(cell, KNOWN) == says


def test_what_is_kept_is_shown_by_the_best_of_its_rates() -> None:
    kept = {
        "delta update 1 [0.012]": replace(SAME, loss=0.1, auc=1.3, rate=0.012),
        "delta update 1 [0.005]": replace(SAME, loss=0.05, auc=1.4, rate=0.005),
        "delta update 4 [0.012]": replace(SAME, loss=0.01, auc=1.0),
        "none mqar 1 [0.012]": replace(SAME, mixer="none", task="mqar"),
    }
    first, second = tiny_tasks.merged(kept, 1)
    assert (first.mixer, second.mixer) == ("none", "delta")
    assert second == replace(SAME, loss=0.05, auc=1.3, rate=0.005, seconds=2.0)
