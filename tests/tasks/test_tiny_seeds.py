"""Six seeds beside six: what is read, and when it says no."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import tiny_seeds, tiny_tasks

KNOWN = tiny_seeds.reference()


def test_the_reference_is_that_of_the_other_table() -> None:
    """Its deviations of areas are those by which the other table judges."""
    assert len(KNOWN) == 18
    other = tiny_tasks.reference()
    for row in KNOWN:
        assert other[f"sd.{row.mixer}"][row.task].auc == row.area.deviation
        assert other[f"sd.{row.mixer}"][row.task].loss == row.loss.deviation


def ours(mean: float, deviation: float) -> tiny_seeds.Ours:
    areas = [mean + deviation * x for x in (-1.3, -0.9, -0.3, 0.3, 0.9, 1.3)]
    return tiny_seeds.Ours([0.0] * 6, areas, 6.0)


def test_the_same_agrees_and_another_does_not() -> None:
    same = [(row, ours(row.area.mean, row.area.deviation)) for row in KNOWN]
    lines, wrong = tiny_seeds.table(same)
    assert (len(lines), wrong) == (20, 0)
    theirs = KNOWN[0]
    far = theirs.area.mean + 4 * theirs.area.deviation
    _, wrong = tiny_seeds.table([(theirs, ours(far, theirs.area.deviation)), *same[1:]])
    assert wrong == 1
