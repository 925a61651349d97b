"""Reading what was retrained, and the order of evidence: causal, then a model's, then a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.confirm import spread
from asiarch.search.stats.multiple import holm
from asiarch.search.stats.special import Array, t_cdf, t_quantile

Level = Literal["causal", "model", "lift"]
LEVELS: tuple[Level, ...] = ("causal", "model", "lift")
HOSTS = 3


@dataclass(frozen=True, slots=True)
class Removed:
    """A winner without a component: `loss` in the metric (positive: the component helped), with a
    simultaneous interval over the winner's components. `verdict`: needed, harmful, or open.
    """

    component: str
    loss: float
    low: float
    high: float
    adjusted: float

    @property
    def verdict(self) -> Literal["needed", "harmful", "open"]:
        if self.adjusted > 0.05:
            return "open"
        return "needed" if self.loss > 0 else "harmful"


def removals(
    winner: ArrayLike, without: Mapping[str, ArrayLike], level: float = 0.95
) -> list[Removed]:
    """Losses of the winner [S] and of it without each component [S], on the same seeds, parameters
    matched again; largest loss first. Two-sided t tests, by Holm. Raises ValueError below three
    seeds; a deletion that failed to train on a seed is left out and must be told apart by its
    status.
    """
    names = list(without)
    x = np.array([np.asarray(without[n], dtype=float) for n in names])
    x = x - np.asarray(winner, dtype=float)
    if x.ndim != 2 or x.shape[1] < 3:
        raise ValueError(f"a deletion is read from three paired seeds at least, not {x.shape}")
    mean, low, high, p = _tested(x, level, len(names))
    adjusted = holm(p)
    rows = [
        Removed(n, float(mean[i]), float(low[i]), float(high[i]), float(adjusted[i]))
        for i, n in enumerate(names)
        if np.isfinite(mean[i])
    ]
    return sorted(rows, key=lambda r: -r.loss)


def _tested(x: Array, level: float, many: int) -> tuple[Array, Array, Array, Array]:
    n = x.shape[1]
    mean, error = x.mean(1), spread(x) / np.sqrt(n)
    reach = float(t_quantile(1 - (1 - level) / (2 * many), n - 1)) * error
    t = np.abs(mean) / np.where(error > 0, error, np.inf)
    p = np.where(np.isfinite(t), 2 * t_cdf(-np.where(np.isfinite(t), t, 0), n - 1), 1.0)
    return mean, mean - reach, mean + reach, p


@dataclass(frozen=True, slots=True)
class Transfer:
    """A component on other operators: the mean gain over hosts with an interval over hosts.
    `verdict`: a mechanism that transfers, one that harms, open, or too few hosts to say.
    """

    component: str
    gain: float
    low: float
    high: float
    hosts: int

    @property
    def verdict(self) -> Literal["transfers", "harms", "open", "too few hosts"]:
        if self.hosts < HOSTS:
            return "too few hosts"
        if self.low > 0:
            return "transfers"
        return "harms" if self.high < 0 else "open"


def transfer(component: str, gains: Mapping[str, ArrayLike], level: float = 0.95) -> Transfer:
    """`gains`: for each host, host less graft by seed (positive: the graft is better). Hosts are
    the sample: seeds within a host do not make it wider.
    """
    means = np.array([np.nanmean(np.asarray(g, dtype=float)) for g in gains.values()])
    n = len(means)
    if n < 2:
        return Transfer(component, float(means.mean()) if n else np.nan, -np.inf, np.inf, n)
    reach = float(t_quantile((1 + level) / 2, n - 1)) * float(means.std(ddof=1)) / np.sqrt(n)
    gain = float(means.mean())
    return Transfer(component, gain, gain - reach, gain + reach, n)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding on a component; `lineages`: independent ones behind it (of what was grafted:
    hosts). `unit`: of value. `winner`: whose component, where there are several.
    """

    component: str
    level: Level
    value: float
    low: float
    high: float
    lineages: int
    unit: str
    grafted: bool = False
    winner: str = ""


def ordered(evidence: Sequence[Evidence]) -> list[tuple[str, list[Evidence]]]:
    """By component, causal (taken out before put into others) before model before lift; components
    with the best kind of evidence first, then by how far from nothing it is in units of its
    interval.
    """
    by: dict[tuple[str, str], list[Evidence]] = {}
    for e in evidence:
        by.setdefault((e.winner, e.component), []).append(e)
    for rows in by.values():
        rows.sort(key=lambda e: (LEVELS.index(e.level), e.grafted, -e.lineages))

    def place(rows: list[Evidence]) -> tuple[int, bool, float, str, str]:
        first = rows[0]
        level = LEVELS.index(first.level)
        return level, first.grafted, -_clear(first), first.winner, first.component

    return [(rows[0].component, rows) for rows in sorted(by.values(), key=place)]


def _clear(e: Evidence) -> float:
    width = e.high - e.low
    nothing = 1.0 if e.level == "lift" else 0.0
    return abs(e.value - nothing) / width if 0 < width < np.inf else 0.0
