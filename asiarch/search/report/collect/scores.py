"""What was measured, by candidate, task and seed, as the store has it.

A training job says its task, seed and learning rate in its spec; its values are those of a
training result: the protocol's metric (lower is better), `metrics`, `curve`, costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from asiarch.search.store.knowledge import Measurement

CONFIRM, TEST = "confirm", "test"


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a candidate on a task. `value`: the metric, nan of a run that failed."""

    candidate: str
    tier: str
    role: str
    task: str
    seed: str
    rate: float
    value: float
    reason: str
    message: str
    seconds: float
    values: Mapping[str, Any]

    def number(self, name: str) -> float:
        return number(self.values.get(name))


def number(value: object) -> float:
    """A finite number of JSON, else nan."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        float(cast("float", value)) if known and math.isfinite(cast("float", value)) else math.nan
    )


def results(measurements: Iterable[Measurement], metric: str) -> Iterator[Result]:
    """What has an outcome, of the jobs that train; of checks those that failed, without a task.
    What is done after a verdict (the role test) is no measurement of a candidate.
    """
    for m in measurements:
        task = m.job.spec.get("task", "")
        if m.outcome is None or m.role == TEST or not isinstance(task, str):
            continue
        if not task and m.outcome.status == "done":
            continue
        values = cast("Mapping[str, Any]", m.outcome.values)
        yield Result(
            m.candidate,
            m.tier,
            m.role,
            task,
            str(m.job.spec.get("seed", m.k)),
            number(m.job.spec.get("learning_rate")),
            number(values.get(metric)) if m.outcome.status == "done" else math.nan,
            m.outcome.reason or "",
            str(values.get("message", values.get("detail", ""))),
            m.outcome.seconds,
            values,
        )


@dataclass(slots=True)
class Scores:
    """Results that count as scores, by (candidate, task, confirmed) and seed, and those of seeds on
    which learning rates were tried, which score nothing.
    """

    scored: dict[tuple[str, str, bool], dict[str, Result]] = field(
        default_factory=dict[tuple[str, str, bool], dict[str, Result]]
    )
    tried: dict[tuple[str, str], dict[float, list[float]]] = field(
        default_factory=dict[tuple[str, str], dict[float, list[float]]]
    )

    def of(self, candidate: str, task: str, confirmed: bool) -> dict[str, Result]:
        return self.scored.get((candidate, task, confirmed), {})

    def tasks(self, confirmed: bool) -> list[str]:
        return sorted({t for _, t, c in self.scored if c == confirmed})

    def candidates(self) -> list[str]:
        return sorted({c for c, _, _ in self.scored})


def scores(found: Iterable[Result]) -> Scores:
    """A seed with several learning rates of one candidate chose among them; others are scores."""
    out = Scores()
    by_seed: dict[tuple[str, str, bool, str], list[Result]] = {}
    for r in (r for r in found if r.task):
        by_seed.setdefault((r.candidate, r.task, r.role == CONFIRM, r.seed), []).append(r)
    for (candidate, task, confirmed, seed), rows in by_seed.items():
        if len({r.rate for r in rows}) > 1:
            for r in rows:
                out.tried.setdefault((candidate, task), {}).setdefault(r.rate, []).append(r.value)
        else:
            out.scored.setdefault((candidate, task, confirmed), {})[seed] = rows[-1]
    return out
