"""Intervals for what comes in families: the children of a lineage are no independent evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asiarch.search.stats.special import Array, t_quantile

DRAWS = 1000
LEAST = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; `clusters`: the independent families behind it. The interval is
    unbounded below five families: so few say nothing of the rest.
    """

    value: float
    low: float
    high: float
    error: float
    clusters: int


def sums(values: ArrayLike, clusters: Sequence[object]) -> Array:
    """Rows [n, ...] summed by family [C, ...], families in order of appearance."""
    x = np.asarray(values, dtype=float)
    number = numbers(clusters)
    out = np.zeros((int(number.max(initial=-1)) + 1, *x.shape[1:]))
    np.add.at(out, number, x)
    return out


def numbers(clusters: Sequence[object]) -> NDArray[np.int64]:
    """The families as 0, 1, ... in order of appearance."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(c, len(known)) for c in clusters], dtype=np.int64)


def resampled(
    by_cluster: Array,
    statistic: Callable[[Array], Array],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> Array:
    """The statistic over families drawn with replacement: [draws, ...].

    by_cluster: what each family adds up to [C, k]; `statistic` takes totals [..., k].
    """
    count = len(by_cluster)
    weight = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(float)
    return statistic(weight @ by_cluster)


def estimate(
    by_cluster: Array,
    statistic: Callable[[Array], Array],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    families: int | None = None,
) -> Estimate:
    """A smooth statistic of totals with an interval: its bootstrap error over families times a
    Student quantile with one degree less than there are families (percentiles of so few are too
    narrow). `families`: how many of them carry the evidence, where that is fewer.
    """
    count = len(by_cluster) if families is None else families
    value = float(statistic(by_cluster.sum(0)))
    drawn = resampled(by_cluster, statistic, rng, draws=draws)
    known = drawn[np.isfinite(drawn)]
    error = float(known.std()) if len(known) else np.nan
    if count < LEAST:
        return Estimate(value, -np.inf, np.inf, error, count)
    reach = float(t_quantile((1 + level) / 2, count - 1)) * error
    return Estimate(value, value - reach, value + reach, error, count)


def mean(
    values: ArrayLike,
    clusters: Sequence[object],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> Estimate:
    """The mean of values [n], families resampled whole."""
    x = np.asarray(values, dtype=float)
    totals = sums(np.stack([x, np.ones_like(x)], 1), clusters)

    def ratio(t: Array) -> Array:
        return t[..., 0] / np.where(t[..., 1] > 0, t[..., 1], np.nan)

    return estimate(totals, ratio, rng, level=level)
