"""The race of paired seeds: who is promoted, who is stopped, who gets more seeds.

Promotion is by the lower bound of the shrunk effect: the posterior probability of no effect must be
below the tail that the look is allowed. That probability is never below the p value of the raw
effect while the population's centre is not above 0 (each part of the posterior shrinks the mean by
w and the sd by sqrt(w) alone), so what holds of the raw effect's type-I error holds here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asiarch.search.stats.looks import Spending, factors
from asiarch.search.stats.paired import Pooled
from asiarch.search.stats.shrink import Shrunk, shrink
from asiarch.search.stats.special import Array, normal_cdf

Verdict = Literal["promoted", "stopped", "more", "measured"]
USES = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class Race:
    """`seeds`: paired seeds at each look. `alpha`: chance to promote a candidate without effect.
    `futility`: it is stopped where the posterior probability of an effect above the margin falls
    below this; stopping only lowers the type-I error. `margin`: in units of the effect.
    """

    seeds: tuple[int, ...] = (2, 3, 8)
    alpha: float = 0.05
    spending: Spending = "pocock"
    futility: float = 0.05
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Arrays over the candidates; `verdict` of strings, `lower` the corrected bound."""

    verdict: NDArray[np.str_]
    lower: Array
    posterior: Shrunk


def judge(
    effects: ArrayLike,
    spread: Pooled,
    look: int,
    race: Race,
    *,
    crowd: tuple[ArrayLike, ArrayLike] | None = None,
) -> Judged:
    """What the look (0 for the first) says of mean paired differences [N] over `race.seeds[look]`
    seeds. `crowd`: effects and errors of earlier candidates, which the prior is estimated with.
    """
    y = np.asarray(effects, dtype=float) - race.margin
    errors = np.full(y.shape, float(spread.error(race.seeds[look])))
    everybody, their_errors = y, errors
    if crowd is not None:
        others, more = (np.asarray(v, dtype=float) for v in crowd)
        everybody = np.concatenate([y, others - race.margin])
        their_errors = np.concatenate([errors, more])
    posterior = part(shrink(everybody, their_errors, prior="robust", skeptical=True), len(y))
    allowed = tails(race, spread.df)[look]
    verdict = decided(posterior.above(), allowed, race, look)
    return Judged(verdict, posterior.quantile(allowed) + race.margin, posterior)


def tails(race: Race, df: float) -> tuple[float, ...]:
    """What the posterior probability of no effect must be below at each look.

    The bounds for looks, as Student quantiles where sigma is estimated with `df` degrees of
    freedom, turned back into tails of the normal that the posterior takes the effect for.
    """
    return tuple(float(normal_cdf(-f)) for f in factors(race.seeds, race.alpha, race.spending, df))


def decided(above: Array, allowed: float, race: Race, look: int) -> NDArray[np.str_]:
    """The verdicts on candidates with these posterior probabilities of an effect, of any shape."""
    last = look == len(race.seeds) - 1
    other = np.where(above < race.futility, "stopped", "measured" if last else "more")
    return np.where(1 - above < allowed, "promoted", other)


def part(posterior: Shrunk, count: int) -> Shrunk:
    """The posterior of the first effects of a population."""
    weight, mean, sd = (m[..., :count, :] for m in posterior.mixture)
    return Shrunk(posterior.mean[..., :count], posterior.sd[..., :count], posterior.centre,
                  posterior.spread, (weight, mean, sd))  # fmt: skip


def seeds_due(uses: int, first: int) -> int:
    """How many seeds an elite must have that was a parent so often: one more at 2, 4, 8 uses and at
    every doubling after. Its score is over all of them, so a lucky elite regresses as it is used.
    """
    if uses < 0 or first < 1:
        raise ValueError(f"{uses} uses and {first} seeds make no sense")
    return first + (int(np.log2(uses)) if uses >= USES[0] else 0)
