"""What the whole protocol does to noise: its family-wise error and its power, by simulation.

Candidates are copies of one design whose runs are drawn from real A/A runs, bimodal ones as they
are; each goes through the races, the shortlist and the confirmation as `protocol` says. Nothing is
assumed normal here, and nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from asiarch.search.stats.confirm import tail
from asiarch.search.stats.multiple import holm
from asiarch.search.stats.race import decided, tails
from asiarch.search.stats.shrink import shrink
from asiarch.search.stats.special import Array, beta_quantile

if TYPE_CHECKING:
    from asiarch.search.protocol import Protocol, Tier

Pools = Mapping[str, Array]
AT_ONCE = 25
SHARED = 0.5  # correlation of differences from one baseline, for runs that are exchangeable


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `trials`; `low` and `high` are one-sided exact 95 % limits each."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        return self.hits / self.trials if self.trials else float("nan")

    @property
    def low(self) -> float:
        if self.hits == 0:
            return 0.0
        return float(beta_quantile(0.05, self.hits, self.trials - self.hits + 1))

    @property
    def high(self) -> float:
        if self.hits == self.trials:
            return 1.0
        return float(beta_quantile(0.95, self.hits + 1, self.trials - self.hits))


@dataclass(frozen=True, slots=True)
class Rates:
    """`family`: runs with a false claim. `found`: planted candidates that were claimed.
    `screened`: candidates without effect that passed all tiers; `fooled`: runs with such a one,
    which is what claims without confirmation would be. `shortlist`: mean length.
    """

    family: Rate
    found: Rate
    screened: Rate
    fooled: Rate
    shortlist: float


def simulate(
    protocol: Protocol,
    pools: Pools,
    rng: np.random.Generator,
    *,
    runs: int = 5000,
    candidates: int = 40,
    planted: int = 0,
    effect: float = 1.6,
    screening: bool = True,
) -> Rates:
    """`pools`: for each task of the protocol, results [seeds, replicas] of one design: replicas
    share a seed's data and differ in their weights. `planted`: so many of the candidates are better
    by `effect` sds of the paired difference of what is compared. `screening` off: nobody races, the
    first candidates fill the shortlist, which is the worst case for the family-wise error.
    Raises ValueError for a missing task or fewer than three replicas.
    """
    _checked(protocol, pools)
    counts = np.zeros(5)
    for size in _portions(runs):
        counts += _Search(protocol, pools, rng, (size, candidates), planted, effect).run(screening)
    false, found, passed, fooled, listed = counts
    return Rates(
        Rate(int(false), runs),
        Rate(int(found), runs * planted),
        Rate(int(passed), runs * (candidates - planted)),
        Rate(int(fooled), runs),
        float(listed) / runs,
    )


def _portions(runs: int) -> Iterator[int]:
    while runs > 0:
        yield min(runs, AT_ONCE)
        runs -= AT_ONCE


def _checked(protocol: Protocol, pools: Pools) -> None:
    wanted = {t for tier in protocol.tiers for t in tier.tasks} | set(protocol.claim_tasks)
    if missing := sorted(wanted - set(pools)):
        raise ValueError(f"no A/A runs of {', '.join(missing)}: `noise-floor` makes them")
    for task in wanted:
        if pools[task].ndim != 2 or pools[task].shape[1] < 3 or pools[task].shape[0] < 2:
            raise ValueError(f"{task}: A/A runs of 2 seeds and 3 replicas at least, not "
                             f"{pools[task].shape}")  # fmt: skip


def spread_of(pool: Array) -> float:
    """The sd of the difference of two replicas of one seed."""
    centred = pool - pool.mean(1, keepdims=True)
    return float(np.sqrt(2 * (centred**2).sum() / (pool.shape[0] * (pool.shape[1] - 1))))


@dataclass(frozen=True, slots=True)
class _Search:
    """A portion of runs. Arrays are [runs, candidates, seeds]."""

    protocol: Protocol
    pools: Pools
    rng: np.random.Generator
    shape: tuple[int, int]
    planted: int
    effect: float

    def run(self, screening: bool) -> Array:
        count = self.shape[1]
        alive, score = np.ones(self.shape, dtype=bool), np.zeros(self.shape)
        for tier in self.protocol.tiers if screening else ():
            passed, score = self._race(tier, alive)
            alive &= passed
        null = np.arange(count) >= self.planted
        passed_null = alive & null
        claimed, listed = self._confirmed(alive, score)
        return np.array([
            (claimed & null).any(1).sum(), (claimed & ~null).sum(), passed_null.sum(),
            passed_null.any(1).sum(), listed,
        ], dtype=float)  # fmt: skip

    def _race(self, tier: Tier, alive: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Array]:
        """Who passes the tier, and the posterior probabilities of an effect.

        Those who are not raced are moved out of the way: only the others shape the prior.
        """
        order = np.argsort(~alive, axis=1, kind="stable")[:, : max(int(alive.sum(1).max()), 1)]
        known = np.take_along_axis(alive, order, 1)
        scale, sigma, df = self._yardstick(tier.tasks, tier.seeds[-1])
        x = self._draw(tier.tasks, scale, order.shape[1], tier.seeds[-1])
        x += (order < self.planted)[..., None] * self._shift(tier.tasks, scale)
        race, allowed = tier.race, tails(tier.race, df)
        racing, promoted = known.copy(), np.zeros_like(known)
        effect, error = np.zeros(known.shape), np.ones(known.shape)
        chance = np.zeros(known.shape)
        for look, n in enumerate(race.seeds):
            fresh = racing | (look == 0)
            effect = np.where(fresh, x[..., :n].mean(-1), effect)
            error = np.where(fresh, sigma / np.sqrt(n), error)
            posterior = shrink(effect - race.margin, error, prior="robust", skeptical=True, known=known)  # fmt: skip # noqa: E501
            chance = np.where(racing, posterior.above(), chance)
            verdict = decided(chance, allowed[look], race, look)
            promoted |= racing & (verdict == "promoted")
            racing &= verdict == "more"
        passed, score = np.zeros_like(alive), np.full(alive.shape, -np.inf)
        np.put_along_axis(passed, order, promoted, 1)
        np.put_along_axis(score, order, np.where(known, chance, -np.inf), 1)
        return passed, score

    def _confirmed(self, alive: NDArray[np.bool_], score: Array) -> tuple[NDArray[np.bool_], int]:
        """Who is claimed, of the best of the living as the last tier saw them; how many were."""
        protocol = self.protocol
        claimed = np.zeros_like(alive)
        if not protocol.claims:
            return claimed, 0
        size = min(protocol.shortlist, self.shape[1])
        order = np.argsort(np.where(alive, -score, np.inf), axis=1, kind="stable")[:, :size]
        listed = np.take_along_axis(alive, order, 1)
        scale, sigma, _ = self._yardstick(protocol.claim_tasks, protocol.confirm_seeds)
        x = self._draw(protocol.claim_tasks, scale, size, protocol.confirm_seeds)
        x += (order < self.planted)[..., None] * self._shift(protocol.claim_tasks, scale)
        p = np.where(listed, tail(x - protocol.margin * sigma[..., None]), 1.0)
        stands = (holm(p, listed.sum(1)) <= protocol.alpha) & listed
        np.put_along_axis(claimed, order, stands, 1)
        return claimed, int(listed.sum())

    def _yardstick(self, tasks: Sequence[str], seeds: int) -> tuple[Array, Array, float]:
        """From a panel of copies trained beside the candidates: each task's sd [runs, tasks], the
        sd of what is compared [runs, 1], and its degrees of freedom.
        """
        panel = len(self.protocol.panel)
        ones = np.ones((self.shape[0], 1))
        each = [self._draw((task,), ones, panel, seeds) for task in tasks]
        scale = np.stack([_residual(x) for x in each], axis=1)
        scale = np.where(scale > 0, scale, 1.0)
        both = sum(x / scale[:, i, None, None] for i, x in enumerate(each)) / len(tasks)
        df = panel * (seeds - 1) / (1 + (panel - 1) * SHARED**2)
        return scale, np.maximum(_residual(np.asarray(both)), 1e-12)[:, None], df

    def _draw(self, tasks: Sequence[str], scale: Array, count: int, seeds: int) -> Array:
        """Mean over tasks of standardised paired differences of copies."""
        total = np.zeros((self.shape[0], count, seeds))
        for i, task in enumerate(tasks):
            pool = self.pools[task]
            row = self.rng.integers(pool.shape[0], size=(self.shape[0], 1, seeds))
            base = self.rng.integers(pool.shape[1], size=row.shape)
            step = self.rng.integers(1, pool.shape[1], size=total.shape, dtype=np.int32)
            other = (base + step) % pool.shape[1]
            total += (pool[row, base] - pool[row, other]) / scale[:, i, None, None]
        return total / len(tasks)

    def _shift(self, tasks: Sequence[str], scale: Array) -> Array:
        """The planted effect in the standardised units of each run [runs, 1, 1]."""
        sigma = np.array([spread_of(self.pools[t]) for t in tasks])
        unit = (sigma / scale).mean(1) / np.sqrt(len(tasks))
        return self.effect * unit[:, None, None]


def _residual(x: Array) -> Array:
    """The pooled sd over seeds of [runs, designs, seeds]."""
    centred = x - x.mean(-1, keepdims=True)
    return np.sqrt((centred**2).sum((1, 2)) / (x.shape[1] * (x.shape[2] - 1)))
