"""Paired differences, and the spread that all candidates of a task share.

Knows nothing of how a run was made; a run that failed is `nan`, never a middling number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.special import Array, f_quantile


def differences(candidate: ArrayLike, baseline: ArrayLike) -> Array:
    """Baseline less candidate, seed by seed: losses [..., S] and [S], the same seeds in the same
    order. Positive is better. Raises ValueError where the seeds do not match.
    """
    left, right = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    if left.shape[-1:] != right.shape[-1:]:
        raise ValueError(
            f"a paired difference needs the same seeds on both sides; the candidate has "
            f"{left.shape[-1:]}, the baseline {right.shape[-1:]}: train the missing ones"
        )
    return right - left


@dataclass(frozen=True, slots=True)
class Intraclass:
    """`value` with its interval: the share of the variance over seeds that all rows have in
    common.
    """

    value: float
    low: float
    high: float


def intraclass(values: ArrayLike, level: float = 0.95) -> Intraclass:
    """Correlation over seeds of the rows of [designs, seeds], a constant of each row apart.

    ICC(3, 1) of Shrout and Fleiss (1979) with its exact F interval; for two designs it is the
    correlation that pairing uses. Seeds with a missing value are left out; needs two designs and
    three seeds.
    """
    x = np.asarray(values, dtype=float)
    x = x[:, ~np.isnan(x).any(0)]
    rows, seeds = x.shape
    if rows < 2 or seeds < 3:
        raise ValueError(f"a correlation over seeds needs 2 designs and 3 seeds, not {x.shape}")
    centred = x - x.mean(1, keepdims=True)
    between = rows * float((centred.mean(0) ** 2).sum()) / (seeds - 1)
    within = float(((centred - centred.mean(0)) ** 2).sum()) / ((rows - 1) * (seeds - 1))
    if within == 0:
        return Intraclass(1.0, 1.0, 1.0)
    tail, a, b = (1 - level) / 2, seeds - 1, (rows - 1) * (seeds - 1)
    ratio = between / within
    bounds = (ratio, ratio / float(f_quantile(1 - tail, a, b)), ratio / float(f_quantile(tail, a, b)))  # fmt: skip # noqa: E501
    return Intraclass(*((r - 1) / (r - 1 + rows) for r in bounds))


@dataclass(frozen=True, slots=True)
class Pooled:
    """`sigma`: the sd of one paired difference. `df`: what its square is worth; `residual`: what it
    would be worth were the candidates' differences independent.
    """

    sigma: float
    df: float
    residual: int

    def error(self, seeds: ArrayLike) -> Array:
        """The standard error of a mean over so many seeds."""
        return self.sigma / np.sqrt(np.asarray(seeds, dtype=float))


def pooled(values: ArrayLike) -> Pooled:
    """The sd over seeds of differences [candidates, seeds], each candidate about its own mean.

    All candidates are compared with the same runs of the baseline, so their differences go up and
    down together; with correlation r, the squares correlate by r^2 and the degrees of freedom
    shrink by 1 + (C - 1) r^2 (Satterthwaite). `nan`: not run.
    """
    x = np.atleast_2d(np.asarray(values, dtype=float))
    seeds = (~np.isnan(x)).sum(1)
    x = x[seeds >= 2]
    residual = int((seeds[seeds >= 2] - 1).sum())
    if residual < 1:
        raise ValueError("a spread needs one candidate with two seeds at least")
    centred = x - np.nanmean(x, axis=1, keepdims=True)
    sigma = float(np.sqrt(np.nansum(centred**2) / residual))
    whole = centred[:, ~np.isnan(centred).any(0)]
    common = intraclass(whole).value if min(whole.shape) >= 2 and whole.shape[1] >= 3 else 0.0
    worth = residual / (1 + (len(x) - 1) * max(common, 0.0) ** 2)
    return Pooled(sigma, max(worth, 1.0), residual)


def composite(tasks: Mapping[str, ArrayLike], spreads: Mapping[str, float]) -> Array:
    """One number per candidate and seed from differences [..., S] of several tasks: their mean in
    units of each task's own sd (`pooled` on panel and candidates, frozen before it is used).

    What is compared over tasks is compared seed by seed, so that what tasks share is in the spread.
    A run that is missing on a task is missing in the result. Raises ValueError for a task without
    a spread.
    """
    if not tasks:
        raise ValueError("a comparison needs one task at least")
    for task in tasks:
        if not spreads.get(task, 0.0) > 0:
            raise ValueError(f"{task}: no sd of a paired difference is known, or it is 0")
    parts = [np.asarray(values, dtype=float) / spreads[task] for task, values in tasks.items()]
    return np.asarray(sum(parts), dtype=float) / len(parts)


@dataclass(frozen=True, slots=True)
class Noise:
    """What `noise-floor` prints of a task. `sigma`: sd of one run over seeds; `rho`: correlation
    of two designs over the same seeds; `paired`: sd of their difference; `bimodal`: Sarle's
    coefficient of the runs about their designs' means, suspicious above 5/9.
    """

    sigma: float
    rho: Intraclass
    paired: float
    bimodal: float

    @property
    def ratio(self) -> float:
        """The sd of a paired difference over that of an unpaired one: below 1 pairing pays."""
        return self.paired / (self.sigma * np.sqrt(2)) if self.sigma else 1.0


def noise(values: ArrayLike) -> Noise:
    """Of the results [designs, seeds] of like designs trained on the same seeds."""
    x = np.asarray(values, dtype=float)
    centred = x - np.nanmean(x, axis=1, keepdims=True)
    df = int((~np.isnan(x)).sum() - len(x))
    sigma = float(np.sqrt(np.nansum(centred**2) / df))
    rho = intraclass(x)
    paired = sigma * float(np.sqrt(2 * (1 - min(rho.value, 1.0))))
    return Noise(sigma, rho, paired, bimodality(centred[~np.isnan(centred)]))


def bimodality(values: ArrayLike) -> float:
    """Sarle's coefficient (skewness^2 + 1) / kurtosis: 1/3 for a normal, 5/9 for a uniform, 1 for
    two points. 0 for a constant.
    """
    x = np.asarray(values, dtype=float)
    spread = x.std()
    if spread == 0:
        return 0.0
    z = (x - x.mean()) / spread
    return float(((z**3).mean() ** 2 + 1) / (z**4).mean())
