"""Confirmation: a frozen shortlist on seeds that nothing has seen, and what it can find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats.multiple import holm
from asiarch.search.stats.special import Array, t_above, t_cdf, t_quantile

LEAST = 5


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Arrays over the shortlist. `p`: one-sided, of an effect at most the margin; `adjusted`: by
    Holm; `low`, `high`: a simultaneous interval (Bonferroni); `confirmed`: the claim stands.
    """

    effect: Array
    p: Array
    adjusted: Array
    low: Array
    high: Array
    confirmed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def confirm(values: ArrayLike, margin: float = 0.0, alpha: float = 0.05) -> Confirmation:
    """Paired differences [candidates, seeds] from the bar, each on the same fresh seeds.

    A t test of each row by its own spread: confirmation borrows nothing from the search. A row with
    a missing run is not confirmed: what fails on a seed is not better on it. Raises ValueError for
    fewer than five seeds.
    """
    x = np.atleast_2d(np.asarray(values, dtype=float))
    if x.shape[-1] < LEAST:
        raise ValueError(
            f"a claim needs {LEAST} confirmation seeds at least, not {x.shape[-1]}: a t test on "
            "two or three has no power and trusts a spread that it does not know"
        )
    effect, error = x.mean(-1), spread(x) / np.sqrt(x.shape[-1])
    p = tail(x, margin)
    adjusted = holm(p)
    reach = float(t_quantile(1 - alpha / (2 * x.shape[-2]), x.shape[-1] - 1))
    return Confirmation(effect, p, adjusted, effect - reach * error, effect + reach * error,
                        adjusted <= alpha)  # fmt: skip


def spread(values: Array) -> Array:
    return values.std(-1, ddof=1)


def tail(values: Array, margin: float = 0.0) -> Array:
    """One-sided p values of differences [..., S]: 1 where a run is missing or nothing differs."""
    n = values.shape[-1]
    error = spread(values) / np.sqrt(n)
    known = np.isfinite(error) & (error > 0)
    t = (values.mean(-1) - margin) / np.where(known, error, 1.0)
    return np.where(known, 1 - t_cdf(np.where(known, t, 0.0), n - 1), 1.0)


def power(effect: float, seeds: int, alpha: float = 0.05, claims: int = 10) -> float:
    """The chance to confirm an effect (in sds of the paired difference, above the margin) as the
    hardest of so many claims: a noncentral t against alpha / claims.
    """
    critical = t_quantile(1 - alpha / claims, seeds - 1)
    return float(t_above(critical, seeds - 1, effect * np.sqrt(seeds)))


def seeds_for(effect: float, chance: float = 0.8, alpha: float = 0.05, claims: int = 10) -> int:
    """The fewest seeds that give this power. Raises ValueError above 10,000."""
    for seeds in range(LEAST, 10_001):
        if power(effect, seeds, alpha, claims) >= chance:
            return seeds
    raise ValueError(f"an effect of {effect} sds needs more than 10,000 seeds")
