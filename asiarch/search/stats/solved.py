"""Tasks that a run solves or does not: probabilities with intervals, never a mean accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.estimate import UNKNOWN, Estimate
from asiarch.search.stats.special import Array, beta_quantile, binomial_above, normal_quantile


def jeffreys(solved: ArrayLike, seeds: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Interval of P(solved): quantiles of Beta(k + 1/2, n - k + 1/2), closed at 0 and at 1 (Brown,
    Cai and DasGupta 2001).
    """
    k, n = _counts(solved, seeds)
    tail = (1 - level) / 2
    low = np.where(k == 0, 0.0, beta_quantile(tail, k + 0.5, n - k + 0.5))
    high = np.where(k == n, 1.0, beta_quantile(1 - tail, k + 0.5, n - k + 0.5))
    return low, high


def chance(marks: Sequence[float], level: float = 0.95) -> Estimate:
    """P(solved) of marks 0 and 1, by Jeffreys; unknown where there are none."""
    known = [m for m in marks if math.isfinite(m)]
    if not known:
        return UNKNOWN
    low, high = jeffreys(sum(known), len(known), level)
    return Estimate(sum(known) / len(known), float(low), float(high))


def wilson(solved: ArrayLike, seeds: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Interval of P(solved) by inverting the score test (Wilson 1927)."""
    k, n = _counts(solved, seeds)
    z = float(normal_quantile((1 + level) / 2))
    middle = (k + z**2 / 2) / (n + z**2)
    reach = z * np.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2)
    return np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)


def _counts(solved: ArrayLike, seeds: ArrayLike) -> tuple[Array, Array]:
    k, n = np.asarray(solved, dtype=float), np.asarray(seeds, dtype=float)
    if not ((k >= 0) & (k <= n) & (n > 0)).all():
        raise ValueError(f"{solved} solved of {seeds} seeds makes no sense")
    return k, n


@dataclass(frozen=True, slots=True)
class Compared:
    """`difference`: P(candidate solves) less P(baseline solves), with interval; `p`: one-sided,
    that the candidate solves no more often; `only`, `lost`: seeds that one of them solves alone.
    """

    difference: float
    low: float
    high: float
    p: float
    only: int
    lost: int


def compare(candidate: ArrayLike, baseline: ArrayLike, level: float = 0.95) -> Compared:
    """Outcomes 0 or 1 over the same seeds.

    p: McNemar's exact test: seeds that both or neither solve say nothing, the others are a fair
    coin. Interval: Wald's with half a seed in each of the four cells (Agresti and Min 2005).
    """
    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"outcomes of the same seeds are needed, not {a.shape} and {b.shape}")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("an outcome is 1 (solved) or 0; a mean accuracy is neither")
    only, lost = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    n, up, down = a.size + 2, only + 0.5, lost + 0.5
    middle = (up - down) / n
    reach = float(normal_quantile((1 + level) / 2)) * np.sqrt(up + down - (up - down) ** 2 / n) / n
    p = float(binomial_above(only, only + lost, 0.5)) if only + lost else 1.0
    return Compared((only - lost) / a.size, max(middle - reach, -1.0), min(middle + reach, 1.0),
                    p, only, lost)  # fmt: skip
