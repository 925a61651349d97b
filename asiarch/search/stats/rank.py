"""Does one tier rank designs as the next one does? A tier gates only while that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.special import Array

Kind = Literal["kendall", "spearman"]
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Correlation:
    """`value` with a bootstrap interval over designs, and the exact-by-permutation chance `p` of a
    value at least as high were the two ranks unrelated.
    """

    value: float
    low: float
    high: float
    p: float
    designs: int
    level: float

    @property
    def gates(self) -> bool:
        """May the tier gate? Only where zero is excluded both ways: by the interval, whose error is
        known for many designs, and by the permutations, whose error is known for any number.
        """
        return self.low > 0 and self.p <= (1 - self.level) / 2


def correlation(
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    *,
    kind: Kind = "kendall",
    level: float = 0.95,
    draws: int = DRAWS,
) -> Correlation:
    """Of two scores [D] of the same designs, or [D, S] over seeds: then seeds are resampled within
    each design too, so that noise of the runs widens the interval. Ties count half (tau-b).
    Raises ValueError for fewer than five designs.
    """
    a, b = _columns(first), _columns(second)
    designs = len(a)
    if len(b) != designs or designs < 5:
        raise ValueError(f"a rank correlation needs the same five designs or more, not {designs} "
                         f"and {len(b)}")  # fmt: skip
    measure = _kendall if kind == "kendall" else _spearman
    x, y = np.nanmean(a, axis=1), np.nanmean(b, axis=1)
    value = float(measure(x[None], y[None])[0])
    picks = rng.integers(designs, size=(draws, designs))
    boot = measure(_resampled(a, picks, rng), _resampled(b, picks, rng))
    boot = boot[~np.isnan(boot)]
    low, high = np.quantile(boot, [(1 - level) / 2, (1 + level) / 2])
    shuffled = rng.permuted(np.broadcast_to(y, (draws, designs)), axis=1)
    by_chance = measure(np.broadcast_to(x, (draws, designs)), shuffled)
    p = (1 + int((by_chance >= value - 1e-12).sum())) / (1 + draws)
    return Correlation(value, float(low), float(high), p, designs, level)


def _columns(values: ArrayLike) -> Array:
    x = np.asarray(values, dtype=float)
    return x[:, None] if x.ndim == 1 else x


def _resampled(values: Array, picks: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
               rng: np.random.Generator) -> Array:  # fmt: skip
    """Means [draws, D] of the picked designs, over seeds drawn anew."""
    seeds = values.shape[1]
    if seeds == 1:
        return values[picks, 0]
    chosen = rng.integers(seeds, size=(*picks.shape, seeds))
    return np.nanmean(values[picks[..., None], chosen], axis=-1)


def _kendall(x: Array, y: Array) -> Array:
    """tau-b of rows [B, D]; nan where a row is constant."""
    up = np.sign(x[:, :, None] - x[:, None, :])
    right = np.sign(y[:, :, None] - y[:, None, :])
    return _ratio((up * right).sum((1, 2)), (up**2).sum((1, 2)) * (right**2).sum((1, 2)))


def _spearman(x: Array, y: Array) -> Array:
    p, q = _ranks(x), _ranks(y)
    return _ratio((p * q).sum(1), (p**2).sum(1) * (q**2).sum(1))


def _ranks(x: Array) -> Array:
    """Centred ranks of rows, the mean rank for ties."""
    return np.sign(x[:, :, None] - x[:, None, :]).sum(2) / 2


def _ratio(above: Array, square: Array) -> Array:
    return np.where(square > 0, above / np.sqrt(np.where(square > 0, square, 1.0)), np.nan)
