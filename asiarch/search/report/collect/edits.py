"""Edits: where they came from, and what one did to the child beside its parent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from asiarch.search.report import data as d
from asiarch.search.report.collect.effects import Effects, differences
from asiarch.search.report.lineages import first_parents
from asiarch.search.stats import cluster
from asiarch.search.stats.solved import wilson
from asiarch.search.store.knowledge import Edit

MIXED = "mixed"


def edit(found: Edit) -> d.Edit:
    """An edit with its source: what it cites, `original` if it says so, `mixed` for both."""
    given: Mapping[str, Any] = found.provenance
    cited = {name: _texts(given.get(name)) for name in d.CLASSES[:2]}
    sources = [name for name, ids in cited.items() if ids]
    if not sources and given.get("original") is True:
        sources = [d.CLASSES[2]]
    source = "" if not sources else sources[0] if len(sources) == 1 else MIXED
    cites = tuple(i for ids in cited.values() for i in ids)
    return d.Edit(found.operator, found.where, found.what, source, cites)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, cast("list[object]", value))) if isinstance(value, list) else ()


def share(group: str, rows: Iterable[d.Candidate]) -> d.Share:
    """Counts of the edits of some candidates."""
    sources = [e.source for c in rows for e in c.edits]
    counts = tuple(sources.count(name) for name in d.CLASSES)
    first, second, third = counts
    return d.Share(group, (first, second, third), len(sources) - sum(counts))


def edit_effects(candidates: Sequence[d.Candidate], effects: Effects) -> Iterator[d.EditEffect]:
    """By operator, of children that one operator made: mean effect over lineages, in sds."""
    roots = _roots(candidates)
    found: dict[str, list[tuple[float, str]]] = {}
    for c in candidates:
        operators = {e.operator for e in c.edits}
        if len(operators) == 1 and c.parents:
            value = _against(c.id, c.parents[0], effects)
            if math.isfinite(value):
                found.setdefault(operators.pop(), []).append((value, roots[c.id]))
    for operator, rows in sorted(found.items()):
        values, lineages = [v for v, _ in rows], [r for _, r in rows]
        mean = cluster.mean(values, lineages, np.random.default_rng(0), level=effects.level)
        better = sum(v > 0 for v in values)
        low, high = (float(v) for v in wilson(better, len(values), effects.level))
        yield d.EditEffect(
            operator, "", len(values), mean.clusters, d.Estimate(mean.value, mean.low, mean.high),
            d.Estimate(better / len(values), low, high),
        )  # fmt: skip


def _against(child: str, parent: str, effects: Effects) -> float:
    """The child's effect on its parent's seeds, in sds, the mean over tasks."""
    values: list[float] = []
    for task, unit in effects.units.items():
        of = effects.scores.of
        pairs = differences(of(child, task, False), of(parent, task, False))
        if pairs:
            values.append(sum(pairs.values()) / len(pairs) / unit.sigma)
    return sum(values) / len(values) if values else math.nan


def _roots(candidates: Sequence[d.Candidate]) -> dict[str, str]:
    parents = first_parents(candidates)
    found: dict[str, str] = {}
    for c in candidates:
        at = c.id
        while at in parents:
            at = parents[at]
        found[c.id] = at
    return found
