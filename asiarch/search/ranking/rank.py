"""A ranking: what was measured of operators under one protocol, as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from asiarch.search.engineer import Design
from asiarch.search.job import Outcome
from asiarch.search.protocol import Protocol
from asiarch.search.ranking.effects import UNMEASURED, Effect, Effects, best, effects
from asiarch.search.ranking.measure import LeftOut, Measured
from asiarch.search.stats.estimate import Estimate
from asiarch.search.stats.solved import chance


@dataclass(frozen=True, slots=True)
class Cell:
    """One operator on one task, means over its scoring seeds. `metric`: the protocol's, nats;
    `loss`: of the test rows; `accuracy_long`: beyond the training length, nan where the task has no
    such part; `edge`: the best learning rate is the grid's first or last; `sensitivity`: the mean
    over the grid above the best, nats; `seconds`: wall time of a run on its core.
    """

    task: str
    seeds: int
    metric: float
    loss: float
    accuracy: float
    effect: Effect
    solved: Estimate
    accuracy_long: float
    solved_long: Estimate
    learning_rate: float
    edge: bool
    sensitivity: float
    parameters: float
    hidden: float
    state_floats: float
    flops_per_token: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """`overall`: over all tasks, in sds of a paired difference. `pareto`: nobody is as good on
    effect, FLOPs per token and state floats and better on one of them. `apart`: it has no
    convolution of its own and its host has none.
    """

    design: Design
    cells: tuple[Cell, ...]
    overall: Effect = UNMEASURED
    pareto: bool = False
    apart: bool = False

    def cell(self, task: str) -> Cell | None:
        return next((c for c in self.cells if c.task == task), None)

    def mean(self, name: str) -> float:
        values = [float(getattr(c, name)) for c in self.cells]
        return sum(values) / len(values) if values else math.nan


@dataclass(frozen=True, slots=True)
class Ranking:
    """`rows`: best first; those without all tasks last."""

    protocol: Protocol
    bar: str
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    parameters: Mapping[str, int]

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.protocol.tiers[0].tasks

    def as_json(self) -> dict[str, Any]:
        """Plain data; a number that was not measured is null."""
        made = {
            "protocol": self.protocol.to_json(),
            "hash": self.protocol.hash,
            "bar": self.bar,
            "parameters": dict(self.parameters),
            "rows": [asdict(row) for row in self.rows],
            "left_out": [asdict(x) for x in self.left_out],
        }
        return cast("dict[str, Any]", _plain(made))


def ranking(
    measured: Measured,
    designs: Sequence[Design],
    panel: Sequence[Design],
    *,
    bar: Design | None = None,
    parameters: Mapping[str, int] | None = None,
    apart: Iterable[str] = (),
) -> Ranking:
    """Of designs, the panel's among them or not. `apart`: ids that are listed by themselves.

    Raises ValueError where there is nobody to compare with.
    """
    bar = bar or best(measured, panel)
    found = effects(measured, bar)
    alone = set(apart)
    rows = [
        Row(d, tuple(_cells(measured, d, found)), found.overall.get(d.id, UNMEASURED),
            apart=d.id in alone)
        for d in designs
    ]  # fmt: skip
    rows.sort(key=lambda r: (not r.overall.raw.known, -_value(r.overall.raw), r.design.name))
    return Ranking(
        measured.protocol, bar.name, tuple(_marked(rows)), tuple(measured.left_out),
        dict(parameters or {}),
    )  # fmt: skip


def _cells(measured: Measured, design: Design, found: Effects) -> Iterable[Cell]:
    for task, designs in measured.designs.items():
        if design in designs:
            yield _cell(measured, design, task, found)


def _cell(measured: Measured, design: Design, task: str, found: Effects) -> Cell:
    runs = measured.outcomes(design, task)
    rate = measured.rates[design.id, task]
    whole = rate.value is not None
    metrics = [_metrics(o) for o in runs]
    return Cell(
        task,
        len(runs),
        float(measured.scores.values(design.id, task).mean()),
        _mean(_number(o.values.get("final_loss")) for o in runs),
        _mean(_number(m.get("accuracy")) for m in metrics),
        found.by.get((design.id, task), UNMEASURED),
        chance([_number(m.get("solved")) for m in metrics]),
        _mean(_number(m.get("accuracy_long")) for m in metrics),
        chance([_number(m.get("solved_long")) for m in metrics]),
        rate.value if rate.value is not None else math.nan,
        whole and rate.edge,
        max(0.0, rate.sensitivity) if math.isfinite(rate.sensitivity) else math.nan,
        _of_check(measured, design, task, "parameters"),
        _of_check(measured, design, task, "hidden"),
        _of_check(measured, design, task, "state_floats"),
        _of_check(measured, design, task, "flops_per_token"),
        _mean(o.seconds for o in runs),
    )


def _marked(rows: Sequence[Row]) -> list[Row]:
    known = [r for r in rows if r.overall.raw.known]
    points = {r.design.id: _point(r) for r in known}
    return [
        replace(r, pareto=r.design.id in points and not _beaten(points, r.design.id))
        for r in rows
    ]  # fmt: skip


def _point(row: Row) -> tuple[float, float, float]:
    return -row.overall.raw.value, row.mean("flops_per_token"), row.mean("state_floats")


def _beaten(points: Mapping[str, tuple[float, float, float]], id: str) -> bool:
    own = points[id]
    return any(
        all(a <= b for a, b in zip(p, own, strict=True)) and p != own
        for other, p in points.items()
        if other != id
    )


def _of_check(measured: Measured, design: Design, task: str, name: str) -> float:
    return _number(measured.checked[design.id, task].values.get(name))


def _metrics(outcome: Outcome) -> Mapping[str, Any]:
    found = outcome.values.get("metrics")
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else math.nan


def _value(interval: Estimate) -> float:
    return interval.value if interval.known else -math.inf


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in cast("Sequence[object]", value)]
    return value
