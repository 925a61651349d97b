"""How a tier ranks the panel beside the tier before it: as the search judged it, else by ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

import numpy as np

from asiarch.search.report import data as d
from asiarch.search.report.collect.scores import Result, number
from asiarch.search.stats.rank import correlation
from asiarch.search.store import Event

DESIGNS = 5  # of a panel, for a rank correlation


def tiers(
    scored: Sequence[Result], panel: Sequence[str], log: Sequence[Event], level: float
) -> Iterator[d.TierPair]:
    """Rank correlations over the panel. What the search decided by stands as it was told; where it
    told nothing, each tier ranks by its mean rank over tasks. `scored`: results that count as
    scores; seeds that chose learning rates rank nobody.
    """
    told = {e.subject: cast("Mapping[str, Any]", e.data) for e in log if e.kind == "gate"}
    names = sorted({r.tier for r in scored}, key=lambda t: (t not in d.TIERS, t))
    ranks = {name: _ranks([r for r in scored if r.tier == name], panel) for name in names}
    for first, second in combinations(names, 2):
        both = [c for c in panel if c in ranks[first] and c in ranks[second]]
        next_one = names.index(second) == names.index(first) + 1
        if next_one and second in told:
            said = told[second]
            rho = d.Estimate(*(number(said.get(n)) for n in ("value", "low", "high")))
            yield d.TierPair(first, second, rho, len(both))
        elif len(both) >= DESIGNS:
            a, b = ([ranks[t][c] for c in both] for t in (first, second))
            found = correlation(a, b, np.random.default_rng(0), kind="spearman", level=level)
            estimate = d.Estimate(found.value, found.low, found.high)
            yield d.TierPair(first, second, estimate, found.designs, found.p)


def _ranks(found: Sequence[Result], panel: Sequence[str]) -> dict[str, float]:
    """Mean rank over tasks, of the members that have every task."""
    losses: dict[str, dict[str, list[float]]] = {}
    for r in found:
        if r.candidate in panel and math.isfinite(r.value):
            losses.setdefault(r.task, {}).setdefault(r.candidate, []).append(r.value)
    places: dict[str, list[int]] = {}
    for by_candidate in losses.values():
        means = {c: sum(v) / len(v) for c, v in by_candidate.items()}
        for place, candidate in enumerate(sorted(means, key=lambda c: (means[c], c))):
            places.setdefault(candidate, []).append(place)
    return {c: sum(p) / len(p) for c, p in places.items() if len(p) == len(losses)}
