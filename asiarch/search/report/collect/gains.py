"""The question of few components, asked of a search's own measurements: do few kinds of edits bring
most of the way from a lineage's oldest to its best?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from asiarch.search.analyst.pareto import concentration, sentence
from asiarch.search.report import data as d
from asiarch.search.report.collect.effects import Effects, differences
from asiarch.search.report.lineages import first_parents, roots
from asiarch.search.stats.special import Array

FEWEST_SEEDS, FEWEST_KINDS = 2, 2
NONE = "No lineage's best was reached by edits whose parent was measured on the same seeds."


def edit_question(candidates: Sequence[d.Candidate], effects: Effects) -> str:
    """One sentence; none where nothing was edited. Each lineage's best that beats the baseline is a
    winner; an edit's gain is the parent's loss less the child's on the seeds that both have, in
    sds, the mean over tasks.
    """
    if not any(c.edits for c in candidates):
        return ""
    ways = [way for c in winners(candidates) if (way := _way(c, candidates, effects))]
    kinds = sorted({k for way in ways for k in way})
    if not ways:
        return NONE
    seeds = min(len(row) for way in ways for row in way.values())
    if seeds < FEWEST_SEEDS or len(kinds) < FEWEST_KINDS:
        return (
            f"{len(kinds)} kind of edit on {seeds} paired seeds: too little to ask whether few "
            "kinds bring most of the gain."
        )
    cube = np.full((len(ways), len(kinds), seeds), np.nan)
    for i, way in enumerate(ways):
        for kind, row in way.items():
            cube[i, kinds.index(kind)] = row[:seeds]
    said = sentence(
        concentration(cube, np.random.default_rng(0), level=effects.level), "edits", "lineage",
        how="On the way to the best of their lineages",
    )  # fmt: skip
    return f"On the way to the best of each lineage, on the seeds that chose it: {_lower(said)}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def winners(candidates: Sequence[d.Candidate]) -> list[d.Candidate]:
    """The best of each lineage, where it beats the baseline and is none of the panel."""
    root = roots(candidates)
    best: dict[str, d.Candidate] = {}
    for c in candidates:
        good = c.overall.known and c.overall.value > 0 and not c.panel and c.arm != d.NULL
        if good and (root[c.id] not in best or best[root[c.id]].overall.value < c.overall.value):
            best[root[c.id]] = c
    return list(best.values())


def _way(
    winner: d.Candidate, candidates: Sequence[d.Candidate], effects: Effects
) -> dict[str, Array]:
    """By kind of edit what it brought in all, by seed: of steps that one operator made."""
    by_id, parents = {c.id: c for c in candidates}, first_parents(candidates)
    steps: list[tuple[str, dict[str, float]]] = []
    for child in _upwards(winner.id, parents):
        operators = {e.operator for e in by_id[child].edits}
        gains = _gains(child, parents[child], effects)
        if len(operators) == 1 and gains:
            steps.append((operators.pop(), gains))
    # One step's child is the next one's parent: what is chosen by must not be what is read.
    seeds = sorted(set[str].intersection(*(set(g) for _, g in steps))) if steps else []
    found: dict[str, Array] = {}
    for kind, gains in steps if seeds else ():
        row = np.array([gains[s] for s in seeds])
        found[kind] = found[kind] + row if kind in found else row
    return found


def _upwards(start: str, parents: Mapping[str, str]) -> Iterator[str]:
    at = start
    while at in parents:
        yield at
        at = parents[at]


def _gains(child: str, parent: str, effects: Effects) -> dict[str, float]:
    """By seed, of those that both have on every task."""
    of, rows = effects.scores.of, list[dict[str, float]]()
    for task, unit in effects.units.items():
        pairs = differences(of(child, task, False), of(parent, task, False))
        rows.append({s: v / unit for s, v in pairs.items()})
    seeds = set[str].intersection(*(set(r) for r in rows)) if rows else set[str]()
    return {s: sum(r[s] for r in rows) / len(rows) for s in seeds}
