"""The curve of discovery N(compute): its band over runs, and which law of growth it follows.

A constant chance per candidate gives a straight line; so laws are compared by the likelihood of the
times at which discoveries came, never by how well a line fits a sum. Compute counts everything:
failures, races, baselines, confirmation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.special import (  # fmt: skip
    Array,
    beta_quantile,
    binomial_above,
    chi2_quantile,
    t_quantile,
)

SHAPES = 160


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an arm: the compute spent when each distinct discovery was confirmed, and when the
    run ended. Discoveries later than the end, or at no cost, are refused.
    """

    events: tuple[float, ...]
    total: float

    def __post_init__(self) -> None:
        if not self.total > 0 or any(not 0 < e <= self.total for e in self.events):
            raise ValueError(f"discoveries come after the start and by the end at {self.total}: "
                             f"{self.events}")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """`count` [G] is the mean over runs at each amount of compute, with a band for that mean over
    runs like these: a Student interval over runs (of at least two; `nan` for one run).
    """

    compute: Array
    count: Array
    low: Array
    high: Array
    runs: int


def curve(runs: Sequence[Run], compute: ArrayLike, level: float = 0.95) -> Curve:
    """Raises ValueError beyond the end of the shortest run, or without runs."""
    at = np.asarray(compute, dtype=float)
    if not runs or at.max(initial=0) > min(r.total for r in runs) * (1 + 1e-12):
        raise ValueError("a curve needs runs, and goes no further than the shortest of them")
    each = np.array([[sum(e <= c for e in r.events) for c in at] for r in runs], dtype=float)
    mean, n = each.mean(0), len(runs)
    if n == 1:
        return Curve(at, mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan), 1)
    reach = float(t_quantile((1 + level) / 2, n - 1)) * each.std(0, ddof=1) / np.sqrt(n)
    return Curve(at, mean, np.maximum(mean - reach, 0), mean + reach, n)


@dataclass(frozen=True, slots=True)
class Fit:
    """`expected(c)` discoveries in one run by compute c: `scale` times the law's shape. `p`: the
    chance of a worse fit were the law true (Cramer-von Mises, parametric bootstrap).
    """

    law: str
    scale: float
    shape: float
    log_likelihood: float
    aic: float
    p: float

    def expected(self, compute: ArrayLike) -> Array:
        return self.scale * LAWS[self.law].mean(np.asarray(compute, dtype=float), self.shape)


@dataclass(frozen=True, slots=True)
class Law:
    """The mean measure up to a scale, the log of its rate, its inverse; all of (compute, shape)."""

    mean: Callable[[Array, ArrayLike], Array]
    log_rate: Callable[[Array, ArrayLike], Array]
    inverse: Callable[[Array, ArrayLike], Array]
    shapes: Array  # to search among; in units of the longest run for `saturating`
    parameters: int


def _power(c: Array, b: ArrayLike) -> Array:
    return np.power(c, np.asarray(b, dtype=float))


def _power_rate(c: Array, b: ArrayLike) -> Array:
    exponent = np.asarray(b, dtype=float)
    return np.log(exponent) + (exponent - 1) * np.log(c)


def _power_inverse(m: Array, b: ArrayLike) -> Array:
    return np.power(m, 1 / np.asarray(b, dtype=float))


def _pool(c: Array, s: ArrayLike) -> Array:
    return -np.expm1(-c / np.asarray(s, dtype=float))


def _pool_rate(c: Array, s: ArrayLike) -> Array:
    size = np.asarray(s, dtype=float)
    return -np.log(size) - c / size


def _pool_inverse(m: Array, s: ArrayLike) -> Array:
    return -np.log1p(-m) * np.asarray(s, dtype=float)


LAWS = {
    "poisson": Law(_power, _power_rate, _power_inverse, np.ones(1), 1),
    "power": Law(_power, _power_rate, _power_inverse, np.geomspace(0.1, 10, SHAPES), 2),
    "saturating": Law(_pool, _pool_rate, _pool_inverse, np.geomspace(0.03, 30, SHAPES), 2),
}


def fits(runs: Sequence[Run], rng: np.random.Generator, *, draws: int = 199) -> tuple[Fit, ...]:
    """The three laws, best AIC first.

    poisson: a constant rate. power: N ~ c^shape (Crow 1974), above 1 accelerating. saturating: a
    pool of `scale` designs, each found at rate 1 / shape: N = scale (1 - exp(-c / shape)).
    Compute is in units of the longest run inside, so that shapes are searched where they matter.
    Raises ValueError for fewer than three discoveries: two points tell no laws apart.
    """
    unit = max(r.total for r in runs)
    times = [np.asarray(r.events, dtype=float) / unit for r in runs]
    ends = np.array([r.total / unit for r in runs])
    if sum(map(len, times)) < 3:
        raise ValueError("growth laws are told apart by three discoveries at least")
    found = [_fit(name, times, ends, unit, rng, draws) for name in LAWS]
    return tuple(sorted(found, key=lambda f: f.aic))


def _fit(name: str, times: list[Array], ends: Array, unit: float, rng: np.random.Generator,
         draws: int) -> Fit:  # fmt: skip
    law = LAWS[name]
    count = sum(map(len, times))
    shape, log = _best(law, times, ends)
    scale = count / float(law.mean(ends, shape).sum())
    log -= count * np.log(unit)  # a density per unit of compute
    p = _goodness(law, shape, times, ends, rng, draws)
    if name != "saturating":
        scale /= unit**shape
    return Fit(name, scale, shape * unit if name == "saturating" else shape, log,
               2 * law.parameters - 2 * log, p)  # fmt: skip


def _best(law: Law, times: list[Array], ends: Array) -> tuple[float, float]:
    """The shape of the highest likelihood, the scale being what it is at each, and the log."""
    every = np.concatenate(times)
    shapes = law.shapes[:, None]
    mass = law.mean(ends, shapes).sum(1)
    count = len(every)
    log = law.log_rate(every, shapes).sum(1) + count * (np.log(count) - np.log(mass)) - count
    best = int(np.argmax(log))
    return float(law.shapes[best]), float(log[best])


def _goodness(law: Law, shape: float, times: list[Array], ends: Array, rng: np.random.Generator,
              draws: int) -> float:  # fmt: skip
    """Given their number, the times of a run are a sample of the law: u = mean(t) / mean(T)."""
    tops = law.mean(ends, shape)
    seen = _misfit(law, shape, times, ends)
    worse = 0
    for _ in range(draws):
        made = [
            law.inverse(rng.random(len(t)) * top, shape) for t, top in zip(times, tops, strict=True)
        ]
        again, _ = _best(law, made, ends)
        worse += _misfit(law, again, made, ends) >= seen
    return (1 + worse) / (1 + draws)


def _misfit(law: Law, shape: float, times: list[Array], ends: Array) -> float:
    """Cramer-von Mises of the pooled u against the uniform."""
    tops = law.mean(ends, shape)
    u = np.sort(np.concatenate([law.mean(t, shape) / m for t, m in zip(times, tops, strict=True)]))
    n = len(u)
    return float(((u - (2 * np.arange(1, n + 1) - 1) / (2 * n)) ** 2).sum() + 1 / (12 * n))


@dataclass(frozen=True, slots=True)
class Growth:
    """The exponent of the power law with its exact interval; 1 is a constant rate."""

    value: float
    low: float
    high: float


def growth(runs: Sequence[Run], level: float = 0.95) -> Growth:
    """n / sum ln(T / t): given the number of events, 2 n b / b^ is chi-squared with 2 n degrees of
    freedom (Crow 1974). Of these runs: other runs may grow otherwise.
    """
    logs = [float(np.log(r.total / e)) for r in runs for e in r.events]
    n, total = len(logs), sum(logs)
    if n < 3 or total <= 0:
        raise ValueError("an exponent needs three discoveries at least")
    tail = (1 - level) / 2
    low, high = (float(chi2_quantile(q, 2 * n)) / (2 * total) for q in (tail, 1 - tail))
    return Growth(n / total, low, high)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster the first arm discovers; `p`: one-sided, that it is no faster."""

    value: float
    low: float
    high: float
    p: float


def rate_ratio(first: Sequence[Run], second: Sequence[Run], level: float = 0.95) -> Ratio:
    """Of constant rates, exact: given their sum, the first count is binomial. `inf` or `nan` where
    the second arm found nothing.
    """
    counts = [sum(len(r.events) for r in arm) for arm in (first, second)]
    spent = [sum(r.total for r in arm) for arm in (first, second)]
    a, n, times = counts[0], sum(counts), spent[1] / spent[0]
    tail = (1 - level) / 2
    low = float(beta_quantile(tail, a, n - a + 1)) if a else 0.0
    high = float(beta_quantile(1 - tail, a + 1, n - a)) if a < n else 1.0
    share = spent[0] / sum(spent)
    p = float(binomial_above(a, n, share)) if a else 1.0
    value = counts[0] / counts[1] * times if counts[1] else (np.inf if a else np.nan)
    return Ratio(value, low / (1 - low) * times, high / (1 - high) * times if high < 1 else np.inf, p)  # fmt: skip # noqa: E501
