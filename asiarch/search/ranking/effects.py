"""Effects of operators against a bar, by task and over tasks, each with its interval.

One task's effect is in nats of the metric. Over tasks they are added in units of each task's sd of
one paired difference, since a nat of one task is not a nat of another. That sd is an estimate too:
an effect of d sds has an error of d / sqrt(2 df) for it (the delta method), which widens intervals
of large effects and leaves the question of any effect at all as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asiarch.search.engineer import Design
from asiarch.search.ranking.measure import Measured
from asiarch.search.stats.estimate import UNKNOWN, Estimate
from asiarch.search.stats.paired import composite, intraclass, pooled
from asiarch.search.stats.shrink import shrink
from asiarch.search.stats.special import Array, normal_quantile, t_quantile

LEVEL = 0.95
LEAST = 1e-9
"""An sd below which seeds make no difference."""
SHARED, MOST_SHARED = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Effect:
    """Baseline less design, positive is better; `shrunk`: the posterior mean with its interval."""

    raw: Estimate = UNKNOWN
    shrunk: Estimate = UNKNOWN


UNMEASURED = Effect()


@dataclass(slots=True)
class Effects:
    """`by`: effects by (id, task); `overall`: by id, in sds, of those with every task. `sigma`: by
    task. The bar's own effect is 0 without an interval.
    """

    bar: Design
    by: dict[tuple[str, str], Effect] = field(default_factory=dict[tuple[str, str], Effect])
    overall: dict[str, Effect] = field(default_factory=dict[str, Effect])
    sigma: dict[str, float] = field(default_factory=dict[str, float])


def effects(measured: Measured, bar: Design) -> Effects:
    """Of all designs against the bar. A task that the bar failed on has none."""
    out = Effects(bar)
    zero = Effect(Estimate(0.0), Estimate(0.0))
    paired: dict[str, dict[str, Array]] = {}
    worth: dict[str, float] = {}
    for task, designs in measured.designs.items():
        others = [d.id for d in designs if d.id != bar.id]
        if not others or len(others) == len(designs):
            continue
        values = measured.scores.paired(others, bar.id, task)
        spread = pooled(values)
        out.sigma[task], worth[task] = max(spread.sigma, LEAST), spread.df
        out.by |= {(i, task): e for i, e in zip(others, estimated(values), strict=True)}
        out.by[bar.id, task] = zero
        paired[task] = dict(zip(others, values, strict=True))
    if paired:
        out.overall = _overall(paired, out.sigma, worth)
        out.overall[bar.id] = zero
    return out


def _overall(
    paired: Mapping[str, Mapping[str, Array]], sigma: Mapping[str, float],
    worth: Mapping[str, float],
) -> dict[str, Effect]:  # fmt: skip
    first, *rest = paired.values()
    ids = [i for i in first if all(i in other for other in rest)]
    if not ids:
        return {}
    tables = {t: np.stack([rows[i] for i in ids]) for t, rows in paired.items()}
    units = {t: x.mean(1) / sigma[t] for t, x in tables.items()}
    doubts = [units[t] ** 2 / (2 * worth[t]) for t in tables]
    found = estimated(composite(tables, sigma), np.sqrt(sum(doubts)) / len(tables))
    return dict(zip(ids, found, strict=True))


def estimated(values: Array, doubt: Array | float = 0.0) -> list[Effect]:
    """Of paired differences [N, S] without gaps: by the pooled spread, raw and shrunk by all.
    doubt: a further standard error of each, of the unit that they are in.
    """
    spread = pooled(values)
    error = max(float(spread.error(values.shape[1])), LEAST)
    means = values.mean(1)
    errors = np.hypot(np.full(len(means), error), doubt)
    reach: Array = float(t_quantile((1 + LEVEL) / 2, spread.df)) * errors
    low, high, middle = _shrunk(means, reach, _shared(values))
    return [
        Effect(
            Estimate(float(m), float(m - reach[i]), float(m + reach[i])),
            Estimate(float(middle[i]), float(low[i]), float(high[i])),
        )
        for i, m in enumerate(means)
    ]


def _shrunk(means: Array, reach: Array, shared: float) -> tuple[Array, Array, Array]:
    """Lower and upper ends and means of posteriors.

    What the bar's own runs add to all differences moves their centre along: shrinking cannot take
    it out, so each effect is shrunk by the rest of its error, and that part is added after it.
    """
    # A prior takes errors for those of a normal: what the sd's own doubt adds is in them.
    wide = reach / float(normal_quantile((1 + LEVEL) / 2))
    found = shrink(means, wide * math.sqrt(1 - shared), prior="robust")
    low, high = found.interval(LEVEL)
    sd = np.maximum(found.sd, LEAST)
    wider = np.sqrt(sd**2 + shared * wide**2) / sd
    return (
        found.mean + (low - found.mean) * wider,
        found.mean + (high - found.mean) * wider,
        found.mean,
    )


def _shared(values: Array) -> float:
    """The share of differences' variance that the bar's runs are, half of it at least: that much
    it is where all runs vary alike.
    """
    if len(values) < 2 or values.shape[1] < 3:
        return SHARED
    return min(max(intraclass(values).value, SHARED), MOST_SHARED)


def best(measured: Measured, panel: Sequence[Design]) -> Design:
    """The bar: the member of the panel with the least mean rank over tasks of its best selection
    loss. Without selection seeds nothing can be chosen that is not scored too: then the last.

    Raises ValueError where no member has all tasks.
    """
    tasks = measured.tasks
    whole = [d for d in panel if all(d in measured.designs[t] for t in tasks)]
    if not whole:
        raise ValueError("no member of the panel could be measured on every task")
    if not measured.protocol.select_seeds:
        return whole[-1]
    ranks = dict.fromkeys((d.id for d in whole), 0)
    for task in tasks:
        loss = {d.id: _least(measured.rates[d.id, task].losses) for d in whole}
        for place, id in enumerate(sorted(loss, key=lambda i: (loss[i], i))):
            ranks[id] += place
    return min(whole, key=lambda d: (ranks[d.id], d.id))


def _least(losses: Sequence[float]) -> float:
    return min((x for x in losses if math.isfinite(x)), default=math.inf)
