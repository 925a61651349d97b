"""What effects are measured by: a bar, an sd for each task, and the spread of what is compared.

All three come from the panel and are frozen before any candidate is looked at. Over tasks, the
effect is the mean of paired differences in units of each task's sd of one paired difference.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asiarch.search.engineer.design import Design
from asiarch.search.engineer.engineer import Engineer
from asiarch.search.engineer.scores import Array, Scores
from asiarch.search.protocol import Tier
from asiarch.search.stats.paired import Pooled, composite, pooled

LEAST = 1e-9
"""An sd below which seeds make no difference: then every difference is one of designs."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """`sigma`: by task; `spread`: of the mean over tasks; `left_out`: panel members without all
    runs, with the reason; `panel`: the others, the bar among them; `scores`: theirs.
    """

    bar: Design
    tasks: tuple[str, ...]
    sigma: Mapping[str, float]
    spread: Pooled
    panel: tuple[Design, ...]
    scores: Scores
    left_out: tuple[tuple[str, str], ...] = ()

    def effects(self, scores: Scores, ids: Sequence[str]) -> Array:
        """Paired differences to the bar over tasks [N, S], in sds of a task's one; nan: missing."""
        paired = {task: scores.paired(ids, self.bar.id, task) for task in self.tasks}
        return composite(paired, self.sigma)


def measure_panel(
    engineer: Engineer, panel: Sequence[Design], tier: Tier, bar: Design | None = None,
    among: Collection[str] | None = None,
) -> Yardstick:  # fmt: skip
    """Trains the panel on all seeds of a tier. Without a `bar` it is the best of the panel, or of
    those whose ids are `among` it: on the selection seeds where the protocol has some, else on the
    scoring seeds.

    Raises ValueError when fewer than two members can be measured, or the bar cannot.
    """
    scores = engineer.scores(
        panel, tier.tasks, range(tier.seeds[-1]), tier=tier.name, steps=tier.steps
    )
    lost = {d.id: scores.failure(d.id, tier.tasks) for d in panel}
    whole = [d for d in panel if lost[d.id] is None]
    left_out = tuple((d.name, f"{s.reason}: {s.said}") for d in panel if (s := lost[d.id]))
    if len(whole) < 2:
        raise ValueError(f"of the panel, fewer than two could be measured: {left_out}")
    sigma = {task: _noise(scores, whole, task) for task in tier.tasks}
    if bar is None:
        able = [d for d in whole if among is None or d.id in among]
        if not able:
            raise ValueError(f"nobody of the panel can be the bar of {tier.name}: {left_out}")
        bar = _best(engineer, able, tier, sigma, scores)
    elif lost.get(bar.id) is not None:
        raise ValueError(f"the bar {bar.name} could not be measured on {tier.name}: {left_out}")
    bare = Yardstick(bar, tier.tasks, sigma, Pooled(1.0, 1.0, 1), tuple(whole), scores, left_out)
    rest = [d.id for d in whole if d.id != bar.id]
    spread = pooled(bare.effects(scores, rest))
    spread = Pooled(max(spread.sigma, LEAST), spread.df, spread.residual)
    return Yardstick(bar, tier.tasks, sigma, spread, tuple(whole), scores, left_out)


def _noise(scores: Scores, designs: Sequence[Design], task: str) -> float:
    """The sd of a paired difference, whoever it is to: sqrt(2) of what is left of the runs when
    each design's and each seed's mean are taken out.
    """
    x = np.stack([scores.values(d.id, task) for d in designs])
    left = x - x.mean(1, keepdims=True) - x.mean(0, keepdims=True) + x.mean()
    free = max((x.shape[0] - 1) * (x.shape[1] - 1), 1)
    return max(float(np.sqrt(2 * (left**2).sum() / free)), LEAST)


def _best(
    engineer: Engineer, designs: Sequence[Design], tier: Tier, sigma: Mapping[str, float],
    scores: Scores,
) -> Design:  # fmt: skip
    if engineer.protocol.select_seeds:
        rates = engineer.rates(designs, tier.tasks, tier=tier.name, steps=tier.steps)
        loss = {
            d.id: sum(min(_known(rates[d.id, t].losses)) / sigma[t] for t in tier.tasks)
            for d in designs
        }
    else:
        loss = {
            d.id: sum(float(scores.values(d.id, t).mean()) / sigma[t] for t in tier.tasks)
            for d in designs
        }
    return min(designs, key=lambda d: (loss[d.id], d.id))


def _known(losses: Sequence[float]) -> list[float]:
    return [loss for loss in losses if np.isfinite(loss)]
