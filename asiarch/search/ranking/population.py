"""What a store's candidates say of components: associations, which come after what was retrained.

A component is looked up by a motif that goes with it: of those that lineages differ in, the one
that most of them do, whatever came of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asiarch.language.diagnostics import SpecError
from asiarch.search.analyst.attribution import Evidence
from asiarch.search.analyst.model import Forest, importances
from asiarch.search.analyst.motifs import features, lifts
from asiarch.search.engineer import Design
from asiarch.search.ranking.attribute import counted
from asiarch.search.report.data import Candidate
from asiarch.search.stats.cluster import LEAST
from asiarch.search.stats.special import t_quantile

LEVEL = 0.95
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Member:
    """A candidate with an effect; `lineage`: the oldest ancestor that its first parents lead to."""

    motifs: Counter[str]
    effect: float
    lineage: str


def members(candidates: Sequence[Candidate]) -> list[Member]:
    """Those with an effect over all tasks, whose program the compiler still reads."""
    first = {c.id: c.parents[0] for c in candidates if c.parents}
    out: list[Member] = []
    for c in candidates:
        if c.overall.known:
            try:
                found = counted(Design(c.id, c.name, c.text, c.op, tuple(c.sizes.items())))
            except (SpecError, ValueError):
                continue
            out.append(Member(found, c.overall.value, _root(c.id, first)))
    return out


def _root(id: str, first: Mapping[str, str]) -> str:
    seen = {id}
    while id in first and first[id] not in seen:
        id = first[id]
        seen.add(id)
    return id


def associated(
    people: Sequence[Member], motifs_of: Mapping[str, Sequence[str]], seed: int = 0
) -> list[Evidence]:
    """A model's and a count's rows for components, by their motifs; none where too few lineages
    have it or lack it.
    """
    lineages = [m.lineage for m in people]
    if len(set(lineages)) < 2 * LEAST:
        return []
    modelled = _modelled(people, lineages, motifs_of, seed)
    return [*modelled, *_counted(people, lineages, motifs_of, seed)]


def _counted(
    people: Sequence[Member],
    lineages: Sequence[str],
    motifs_of: Mapping[str, Sequence[str]],
    seed: int,
) -> Iterator[Evidence]:
    passed = [m.effect > 0 for m in people]
    found = lifts([m.motifs for m in people], passed, lineages, np.random.default_rng(seed))
    by = {x.motif: x for x in found}
    for component, motifs in motifs_of.items():
        known = [by[m] for m in motifs if m in by]
        if known:
            x = max(known, key=lambda k: (k.lineages, -len(k.motif), k.motif))
            yield Evidence(component, "lift", x.lift, x.low, x.high, x.lineages, "ratio")


def _modelled(
    people: Sequence[Member],
    lineages: Sequence[str],
    motifs_of: Mapping[str, Sequence[str]],
    seed: int,
) -> Iterator[Evidence]:
    columns, names = features([m.motifs for m in people], lineages)
    if not names:
        return
    forest: Forest = importances(
        columns, [m.effect for m in people], lineages, names, seed, folds=FOLDS
    )
    if not forest.usable:
        return
    by = {x.feature: x for x in forest.importances}
    for component, motifs in motifs_of.items():
        known = [by[m] for m in motifs if m in by]
        if known:
            x = min(known, key=lambda k: (len(k.feature), k.feature))
            reach = float(t_quantile((1 + LEVEL) / 2, FOLDS - 1)) * x.spread / FOLDS**0.5
            yield Evidence(
                component, "model", x.value, x.value - reach, x.value + reach, forest.lineages,
                "share of variance",
            )  # fmt: skip
