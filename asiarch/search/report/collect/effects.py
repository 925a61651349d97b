"""Effects of candidates: paired differences to the baseline, by task and over tasks.

One task's effect is in the metric's own unit. Over tasks they are added in units of the sd of one
paired difference of each task, since a nat of one task is not a nat of another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from asiarch.search.report.collect.scores import Result, Scores, number
from asiarch.search.report.data import CONFIRMATION, SELECTION, UNKNOWN, Effect, Estimate
from asiarch.search.stats.confirm import LEAST, confirm
from asiarch.search.stats.paired import Pooled, pooled
from asiarch.search.stats.shrink import shrink
from asiarch.search.stats.solved import chance
from asiarch.search.stats.special import Array, t_quantile

FEWEST = 3  # effects that say how large effects are


@dataclass(slots=True)
class Measured:
    """What a candidate's effects are."""

    effects: list[Effect] = field(default_factory=list[Effect])
    overall: Estimate = UNKNOWN
    shrunk: float = math.nan
    confirmed: Estimate = UNKNOWN
    p: float = math.nan  # Holm's, of the confirmation
    seeds: int = 0


def differences(found: Mapping[str, Result], against: Mapping[str, Result]) -> dict[str, float]:
    """Baseline less candidate by seed, of the seeds that both finished."""
    pairs = {s: against[s].value - found[s].value for s in found if s in against}
    return {s: v for s, v in pairs.items() if math.isfinite(v)}


@dataclass(slots=True)
class Effects:
    """Of all candidates against one baseline. `units`: the sd of a paired difference by task, of
    the panel where it can tell (the engineer's yardstick), else pooled over all; `worth`: their
    degrees of freedom; `spreads`: pooled.
    `first`: tasks of the first tier, all unless given: an effect over tasks is over these, of who
    has every one, so that nobody is better for what it failed on or was tried on besides.
    `cost_task`: the first of them, whose network's costs are everybody's.
    """

    scores: Scores
    baseline: str
    level: float
    grid: Sequence[float] = ()
    panel: Sequence[str] = ()
    first: Sequence[str] = ()
    cost_task: str = ""
    units: dict[str, float] = field(default_factory=dict[str, float])
    worth: dict[str, float] = field(default_factory=dict[str, float])
    spreads: dict[str, Pooled] = field(default_factory=dict[str, Pooled])
    found: dict[str, Measured] = field(default_factory=dict[str, Measured])

    def __post_init__(self) -> None:
        self.found = {c: Measured() for c in self.scores.candidates()}
        known = self.scores.tasks(False)
        self.cost_task = next((t for t in (*self.first, *known) if t in known), "")
        self.first = [t for t in known if not self.first or t in self.first]
        for confirmed in (False, True):
            for task in self.scores.tasks(confirmed):
                self._task(task, confirmed)
        for candidate in self.found:
            self._overall(candidate)
        self._shrink()
        self._confirm()

    def pairs(self, candidate: str, task: str, confirmed: bool) -> dict[str, float]:
        """By seed; none of who failed on one that chooses: the others do not stand in for it."""
        of = self.scores.of
        if not confirmed and self._failed(candidate, task):
            return {}
        return differences(of(candidate, task, confirmed), of(self.baseline, task, confirmed))

    def _failed(self, candidate: str, task: str) -> bool:
        return any(
            not math.isfinite(r.value) for r in self.scores.of(candidate, task, False).values()
        )

    def _whole(self, candidate: str) -> bool:
        """Has it runs on every task of the first tier, and none that failed?"""
        return all(
            self.scores.of(candidate, t, False) and not self._failed(candidate, t)
            for t in self.first
        )

    def _task(self, task: str, confirmed: bool) -> None:
        rows = {c: self.pairs(c, task, confirmed) for c in self.found}
        rest = [
            list(v.values())
            for c, v in rows.items()
            if c != self.baseline and len(v) > 1 and (confirmed or self._whole(c))
        ]
        if not rest:
            return
        spread = pooled(_table(rest))
        if spread.sigma > 0 and not (confirmed and task in self.units):
            self.spreads[task] = spread
            noise, df = self._noise(task)
            self.units[task], self.worth[task] = (noise, df) if noise else (spread.sigma, spread.df)
        reach = _reach(self.level, spread.df)
        for candidate, pairs in rows.items():
            if pairs:
                half = math.nan if candidate == self.baseline else reach * spread.sigma
                effect = self._effect(candidate, task, confirmed, list(pairs.values()), half)
                self.found[candidate].effects.append(effect)

    def _noise(self, task: str) -> tuple[float, float]:
        """sqrt(2) of what is left of the panel's runs without each member's and each seed's mean,
        and its degrees of freedom; 0 where there are too few.
        """
        whole = [c for c in self.panel if self._whole(c)]
        rows = [r for c in whole if (r := self.scores.of(c, task, False))]
        seeds = [s for s in rows[0] if all(s in r for r in rows)] if rows else []
        x = np.array([[r[s].value for s in seeds] for r in rows])
        if x.ndim != 2 or min(x.shape) < 2:
            return 0.0, 0.0
        x = x[np.isfinite(x).all(1)]
        free = (x.shape[0] - 1) * (x.shape[1] - 1)
        left = x - x.mean(1, keepdims=True) - x.mean(0, keepdims=True) + x.mean() if free > 0 else x
        return (math.sqrt(2 * float((left**2).sum()) / free), free) if free > 0 else (0.0, 0.0)

    def _effect(
        self, candidate: str, task: str, confirmed: bool, pairs: Sequence[float], half: float
    ) -> Effect:
        results = list(self.scores.of(candidate, task, confirmed).values())
        value, half = float(np.mean(pairs)), half / math.sqrt(len(pairs))
        rate = results[0].rate
        return Effect(
            task,
            CONFIRMATION if confirmed else SELECTION,
            len(pairs),
            Estimate(value, value - half, value + half),
            baseline=self.baseline,
            learning_rate=rate,
            edge=len(self.grid) > 2 and rate in (self.grid[0], self.grid[-1]),
            solved=_solved(results, self.level),
        )

    def _overall(self, candidate: str) -> None:
        """The mean over tasks in sds; tasks have runs of their own, so errors add in squares."""
        measured = self.found[candidate]
        known = {
            e.task: e for e in measured.effects if e.stage == SELECTION and e.task in self.units
        }
        rows = [known[t] for t in self.first if t in known]
        if not rows or len(rows) < len(self.first):
            return
        measured.seeds = max(e.seeds for e in rows)
        sizes = [e.estimate.value / self.units[e.task] for e in rows]
        value = float(np.mean(sizes))
        if candidate == self.baseline:
            measured.overall = Estimate(value)
            return
        own = [self.spreads[e.task].sigma / self.units[e.task] for e in rows]
        squares = [s**2 / e.seeds for s, e in zip(own, rows, strict=True)]
        # A unit is an estimate too (`ranking.effects`): large effects are known less well by it.
        squares += [d**2 / (2 * self.worth[e.task]) for d, e in zip(sizes, rows, strict=True)]
        error = math.sqrt(sum(squares)) / len(rows)
        half = _reach(self.level, min(self.spreads[e.task].df for e in rows)) * error
        measured.overall = Estimate(value, value - half, value + half)

    def _shrink(self) -> None:
        rows = [m for c, m in self.found.items() if m.overall.bounded and c != self.baseline]
        if len(rows) >= FEWEST:
            errors = [(m.overall.high - m.overall.low) / 4 for m in rows]
            means = shrink([m.overall.value for m in rows], errors, skeptical=True).mean
            for row, mean in zip(rows, means, strict=True):
                row.shrunk = float(mean)

    def _confirm(self) -> None:
        """By the rule of claims: each by its own spread, intervals that hold for all at once."""
        tasks = [t for t in self.scores.tasks(True) if t in self.units]
        rows = {c: self._by_seed(c, tasks) for c in self.found if c != self.baseline}
        rows = {c: v for c, v in rows.items() if len(v)}
        counts = {len(v) for v in rows.values()}
        if len(counts) == 1 and min(counts) >= LEAST:
            done = confirm(np.stack(list(rows.values())))
            for i, candidate in enumerate(rows):
                ends = (float(a[i]) for a in (done.effect, done.low, done.high))
                self._set(candidate, Estimate(*ends), len(rows[candidate]), float(done.adjusted[i]))
        else:
            for candidate, values in rows.items():
                self._set(candidate, Estimate(float(values.mean())), len(values), math.nan)

    def spread(self) -> float:
        """The sd of one paired difference over tasks, in the unit of effects: of what was
        confirmed, else of what chose, as if tasks were independent; nan where neither is known.
        """
        tasks = [t for t in self.scores.tasks(True) if t in self.units]
        rows = [self._by_seed(c, tasks) for c in self.found if c != self.baseline]
        squares = [float(v.var(ddof=1)) for v in rows if len(v) > 1]
        if squares:
            return math.sqrt(sum(squares) / len(squares))
        own = [self.spreads[t].sigma / self.units[t] for t in self.first if t in self.spreads]
        return math.sqrt(sum(s**2 for s in own)) / len(own) if own else math.nan

    def _set(self, candidate: str, estimate: Estimate, seeds: int, p: float) -> None:
        measured = self.found[candidate]
        measured.confirmed, measured.seeds, measured.p = estimate, seeds, p

    def _by_seed(self, candidate: str, tasks: Sequence[str]) -> Array:
        """Mean over tasks in sds by seed number; empty unless every task has as many seeds."""
        columns = [list(self.pairs(candidate, t, True).values()) for t in tasks]
        if not columns or len({len(c) for c in columns}) != 1:
            return np.zeros(0)
        units = [self.units[t] for t in tasks]
        return np.mean([np.asarray(c) / u for c, u in zip(columns, units, strict=True)], axis=0)


def _table(rows: Sequence[Sequence[float]]) -> Array:
    """Rows of unequal length, `nan` behind the short ones."""
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def _reach(level: float, df: float) -> float:
    return float(t_quantile((1 + level) / 2, df))


def _solved(results: Sequence[Result], level: float) -> Estimate:
    metrics = [r.values.get("metrics") for r in results]
    known = [cast("Mapping[str, object]", m) for m in metrics if isinstance(m, dict)]
    return chance([number(m.get("solved")) for m in known], level)


def best_of_panel(scores: Scores, panel: Sequence[str]) -> str:
    """The bar where none was named: the least mean rank over tasks, on selection seeds."""
    ranks: dict[str, list[float]] = {}
    for task in scores.tasks(False):
        means = {c: _mean(scores.of(c, task, False)) for c in panel}
        known = sorted((v, c) for c, v in means.items() if math.isfinite(v))
        for place, (_, candidate) in enumerate(known):
            ranks.setdefault(candidate, []).append(place)
    if not ranks:
        return ""
    most = max(map(len, ranks.values()))
    return min((sum(r), c) for c, r in ranks.items() if len(r) == most)[1]


def _mean(results: Mapping[str, Result]) -> float:
    values = [r.value for r in results.values() if math.isfinite(r.value)]
    return sum(values) / len(values) if values else math.nan
