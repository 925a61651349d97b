"""Edits: where they came from, and what one did to the child beside its parent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

import numpy as np

from asiarch.search.analyst.effects import EditEffect as Made
from asiarch.search.analyst.effects import table
from asiarch.search.analyst.provenance import Edit as Cited
from asiarch.search.analyst.provenance import shares
from asiarch.search.report import data as d
from asiarch.search.report.collect.effects import Effects, differences
from asiarch.search.report.lineages import roots
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


def share(group: str, rows: Sequence[d.Candidate], root: Mapping[str, str]) -> d.Share:
    """Counts of the edits of some candidates, and shares with intervals over lineages."""
    sources = [e.source for c in rows for e in c.edits]
    first, second, third = (sources.count(name) for name in d.CLASSES)
    made = [_cited(e.source, root[c.id]) for c in rows for e in c.edits if e.source]
    found = shares(made, {}, np.random.default_rng(0)) if made else []
    return d.Share(
        group, (first, second, third), len(sources) - first - second - third,
        tuple(d.Estimate(s.share.value, s.share.low, s.share.high) for s in found),
        len({m.lineage for m in made}),
    )  # fmt: skip


def _cited(source: str, lineage: str) -> Cited:
    """An edit of the grammar: it cites what it spliced in, which needs no proof."""
    cognition, experience = (
        ("cited",) if source in (name, MIXED) else () for name in d.CLASSES[:2]
    )
    return Cited(frozenset(), cognition, experience, lineage, exact=True)


def edit_effects(candidates: Sequence[d.Candidate], effects: Effects) -> Iterator[d.EditEffect]:
    """By operator, of children that one operator made, in sds: what the analyst says of a kind,
    shrunk towards the others; the plain mean without an interval where no kind has two lineages.
    """
    root = roots(candidates)
    made: list[Made] = []
    for c in candidates:
        operators = {e.operator for e in c.edits}
        found = _against(c.id, c.parents[0], effects) if c.parents else None
        if len(operators) == 1 and found is not None:
            made.append(Made(operators.pop(), *found, root[c.id]))
    known = _shrunk(made, effects.level)
    for kind in sorted({m.kind for m in made}):
        rows = [m for m in made if m.kind == kind]
        better, count = sum(m.effect > 0 for m in rows), len(rows)
        low, high = (float(v) for v in wilson(better, count, effects.level))
        mean = d.Estimate(sum(m.effect for m in rows) / count)
        yield d.EditEffect(
            kind,
            "",
            count,
            len({m.lineage for m in rows}),
            known.get(kind, mean),
            d.Estimate(better / count, low, high),
        )


def _shrunk(made: Sequence[Made], level: float) -> dict[str, d.Estimate]:
    if not any(a.kind == b.kind and a.lineage != b.lineage for a, b in combinations(made, 2)):
        return {}
    return {r.kind: d.Estimate(r.mean, r.low, r.high) for r in table(made, level)}


def _against(child: str, parent: str, effects: Effects) -> tuple[float, float] | None:
    """The child's effect on its parent's seeds, in sds, the mean over tasks, and its error."""
    of, found = effects.scores.of, list[tuple[float, int]]()
    for task, unit in effects.units.items():
        pairs = differences(of(child, task, False), of(parent, task, False))
        if pairs:
            found.append((sum(pairs.values()) / len(pairs) / unit, len(pairs)))
    if not found:
        return None
    error = math.sqrt(sum(1 / seeds for _, seeds in found)) / len(found)
    return sum(value for value, _ in found) / len(found), error
