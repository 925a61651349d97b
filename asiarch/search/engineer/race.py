"""The race of a tier: paired seeds look by look, until a design is promoted, stopped or measured.

A design with a run that failed is out of the race, with the reason: it has no effect, and no
middling one stands in for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asiarch.search.engineer.design import Design
from asiarch.search.engineer.engineer import Engineer
from asiarch.search.engineer.scores import Array, Score, Scores
from asiarch.search.engineer.yardstick import Yardstick
from asiarch.search.lab import OutOfBudget
from asiarch.search.protocol import Tier
from asiarch.search.stats.race import judge
from asiarch.search.stats.shrink import shrink

PROMOTED, FAILED = "promoted", "failed"
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Raced:
    """`verdict`: promoted, stopped, measured or failed (for `reason`). `effect`: the mean over
    seeds and tasks, in sds of a task's paired difference; `error`: its standard error; `mean`,
    `sd`: of the shrunk effect, `low` and `high` its interval; all nan where it failed.
    """

    design: Design
    verdict: str
    n: int
    effect: float = math.nan
    error: float = math.nan
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = ""
    said: str = ""
    flops: float = 0.0

    @property
    def known(self) -> bool:
        return math.isfinite(self.effect)


def race(
    engineer: Engineer,
    yardstick: Yardstick,
    designs: Sequence[Design],
    tier: Tier,
    crowd: Sequence[tuple[float, float]] = (),
) -> list[Raced]:
    """The verdicts on designs, in their order. `crowd`: effects and errors of earlier ones, which
    the prior is estimated with.

    Where the budget ends after the first look, whoever would have had more seeds is `measured`.
    Raises OutOfBudget where it ends before.
    """
    rules = replace(tier.race, margin=0.0)
    found = {d.id: Raced(d, "more", 0) for d in designs}
    for look, seeds in enumerate(rules.seeds):
        racing = [d for d in designs if found[d.id].verdict == "more"]
        if not racing:
            break
        try:
            scores = engineer.scores(
                [yardstick.bar, *racing], tier.tasks, range(seeds), tier=tier.name, steps=tier.steps
            )
        except OutOfBudget:
            if look == 0:
                raise
            found |= {d.id: replace(found[d.id], verdict="measured") for d in racing}
            break
        found |= _measured(yardstick, scores, racing, seeds)
        left = [found[d.id] for d in racing if found[d.id].known]
        if not left:
            continue
        judging = {r.design.id for r in left}
        others = list(crowd)
        others += [(r.effect, r.error) for id, r in found.items() if r.known and id not in judging]
        judged = judge(
            [r.effect for r in left], yardstick.spread, look, rules,
            crowd=([e for e, _ in others], [s for _, s in others]) if others else None,
        )  # fmt: skip
        low, high = judged.posterior.interval(LEVEL)
        for i, r in enumerate(left):
            found[r.design.id] = replace(
                r, verdict=str(judged.verdict[i]), mean=float(judged.posterior.mean[i]),
                sd=float(judged.posterior.sd[i]), low=float(low[i]), high=float(high[i]),
            )  # fmt: skip
    return [found[d.id] for d in designs]


def _measured(
    yardstick: Yardstick, scores: Scores, designs: Sequence[Design], seeds: int
) -> dict[str, Raced]:
    """What seeds say of designs, before any verdict."""
    effects = yardstick.effects(scores, [d.id for d in designs])
    error = float(yardstick.spread.error(seeds))
    out: dict[str, Raced] = {}
    for place, design in enumerate(designs):
        row: Array = effects[place]
        flops = scores.flops(design.id, yardstick.tasks)
        lost = scores.failure(design.id, yardstick.tasks)
        if lost is not None:
            out[design.id] = Raced(
                design, FAILED, seeds, reason=lost.reason, said=lost.said, flops=flops
            )
        else:
            mean = float(row.mean())
            out[design.id] = Raced(design, "more", seeds, mean, error, flops=flops)
    return out


def further(
    engineer: Engineer, yardstick: Yardstick, design: Design, tier: Tier, seeds: int
) -> tuple[float, float, Score | None]:
    """The effect of a design that has become a parent over more seeds, its error, and the run of
    it that failed; without one an effect of nan is the bar's failure.
    """
    scores = engineer.scores(
        [yardstick.bar, design], tier.tasks, range(seeds), tier=tier.name, steps=tier.steps
    )
    effect = float(np.mean(yardstick.effects(scores, [design.id])))
    lost = scores.failure(design.id, tier.tasks)
    return effect, float(yardstick.spread.error(seeds)), lost


def posteriors(
    effects: Sequence[float], errors: Sequence[float]
) -> tuple[Array, Array, Array, Array]:
    """Mean, sd and interval of each effect of a whole search, shrunk by all of them."""
    found = shrink(effects, errors, prior="robust", skeptical=True)
    low, high = found.interval(LEVEL)
    return found.mean, found.sd, low, high
