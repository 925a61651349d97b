"""The edit-effect table: what each kind of edit did, over all the pairs of parent and child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asiarch.search.stats.shrink import shrink
from asiarch.search.stats.special import Array


@dataclass(frozen=True, slots=True)
class EditEffect:
    """One edit: the mean paired difference child less parent (positive is better), its standard
    error, and the lineage that it belongs to.
    """

    kind: str
    effect: float
    error: float
    lineage: str


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of edit. `raw`: the mean over lineages of their means; `mean`, `low`, `high`: shrunk
    towards the other kinds; `better`: the posterior probability that such edits help on average.
    """

    kind: str
    edits: int
    lineages: int
    raw: float
    error: float
    mean: float
    low: float
    high: float
    better: float


def table(edits: Sequence[EditEffect], level: float = 0.95) -> list[Row]:
    """The kinds, best first. One lineage is one vote: forty edits of one lucky family say little of
    the kind. The spread between lineages is pooled over kinds; noise of the runs is in it. Raises
    ValueError where no kind has two lineages: then nothing is known of that spread.
    """
    kinds = sorted({e.kind for e in edits})
    votes = [_votes([e for e in edits if e.kind == k]) for k in kinds]
    df = sum(len(v) - 1 for v in votes)
    if df < 1:
        raise ValueError("no kind of edit was made in two lineages: there is nothing to compare")
    spread = float(np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in votes) / df))
    runs = [float(np.mean([e.error**2 for e in edits if e.kind == k])) for k in kinds]
    raw = np.array([v.mean() for v in votes])
    least = np.sqrt(np.array(runs) / [sum(e.kind == k for e in edits) for k in kinds])
    error = np.maximum(spread / np.sqrt([len(v) for v in votes]), least)
    error = np.maximum(error, 1e-12)
    posterior = shrink(raw, error, prior="robust")
    low, high = posterior.interval(level)
    rows = [
        Row(k, sum(e.kind == k for e in edits), len(votes[i]), float(raw[i]), float(error[i]),
            float(posterior.mean[i]), float(low[i]), float(high[i]),
            float(posterior.above()[i]))
        for i, k in enumerate(kinds)
    ]  # fmt: skip
    return sorted(rows, key=lambda r: -r.mean)


def _votes(edits: Sequence[EditEffect]) -> Array:
    """The mean effect of each lineage."""
    by: dict[str, list[float]] = {}
    for e in edits:
        by.setdefault(e.lineage, []).append(e.effect)
    return np.array([float(np.mean(v)) for v in by.values()])
