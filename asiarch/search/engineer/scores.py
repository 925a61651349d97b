"""Scores of designs by task and seed; a run that failed is missing, with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asiarch.search.job import Outcome
from asiarch.search.stats.paired import differences

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """`value`: the metric of a run, lower is better; nan where it failed, for `reason`."""

    value: float
    reason: str = ""
    said: str = ""
    seconds: float = 0.0
    flops: float = 0.0
    solved: float = math.nan


def score(outcome: Outcome, metric: str) -> Score:
    """Of a training run's outcome."""
    if outcome.status == "failed":
        said = str(outcome.values.get("message", ""))
        return Score(math.nan, outcome.reason or "", said, outcome.seconds, outcome.flops)
    metrics = outcome.values.get("metrics")
    solved = metrics.get("solved") if isinstance(metrics, Mapping) else None
    return Score(
        _number(outcome.values.get(metric)), "", "", outcome.seconds, outcome.flops, _number(solved)
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


@dataclass(slots=True)
class Scores:
    """Rows [seeds] by (design's id, task), all on the same seeds in the same order."""

    rows: dict[tuple[str, str], list[Score]] = field(
        default_factory=dict[tuple[str, str], list[Score]]
    )

    def values(self, id: str, task: str) -> Array:
        """The metric by seed [S]; nan where a run failed."""
        return np.array([s.value for s in self.rows[id, task]], dtype=float)

    def paired(self, ids: Sequence[str], baseline: str, task: str) -> Array:
        """Baseline less design, seed by seed [N, S]: positive is better."""
        base = self.values(baseline, task)
        return np.stack([differences(self.values(id, task), base) for id in ids])

    def failure(self, id: str, tasks: Sequence[str]) -> Score | None:
        """The first run of a design that failed."""
        return next((s for t in tasks for s in self.rows[id, t] if s.reason), None)

    def flops(self, id: str, tasks: Sequence[str]) -> float:
        return sum(s.flops for t in tasks for s in self.rows[id, t])
