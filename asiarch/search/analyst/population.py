"""What a search's candidates say of motifs and components: associations, which come after what was
retrained.

Three questions to the same candidates: how often what has a motif beats the baseline (lift), what a
forest makes of motifs on lineages that it has not seen, what a mixed model makes of a few of them
at once. What cannot be answered is said with its reason, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asiarch.search.analyst.attribution import Evidence
from asiarch.search.analyst.model import Forest, Importance, Mixed, importances, mixed
from asiarch.search.analyst.motifs import Lift, features, lifts
from asiarch.search.stats.cluster import LEAST, numbers
from asiarch.search.stats.special import Array, MissingLibrary, t_quantile

LEVEL = 0.95
FOLDS = 5
MOST_TERMS, LINEAGES_A_TERM = 6, 4
ALIKE = 0.8
"""A correlation above which one of two features says what the other does."""


@dataclass(frozen=True, slots=True)
class Member:
    """A candidate with an effect; `lineage`: the oldest ancestor that its first parents lead to."""

    motifs: Counter[str]
    effect: float
    lineage: str


@dataclass(slots=True)
class Population:
    """What was found: `lifts` of all motifs that can be asked about, clearest first; `motifs`:
    those that are told apart, the shortest spelling of each; `forest` and `mixed` where they could
    be made; `notes`: what could not be answered, and why.
    """

    candidates: int
    lineages: int
    lifts: list[Lift] = field(default_factory=list[Lift])
    motifs: list[str] = field(default_factory=list[str])
    forest: Forest | None = None
    mixed: Mixed | None = None
    notes: list[str] = field(default_factory=list[str])


def population(people: Sequence[Member], seed: int = 0) -> Population:
    """Asks all three. Needs five lineages with a motif and five without, so ten at least."""
    lineages = [m.lineage for m in people]
    out = Population(len(people), len(set(lineages)))
    if out.lineages < 2 * LEAST:
        out.notes.append(
            f"Motifs were not asked about: {len(people)} candidates with an effect are of "
            f"{out.lineages} lineages, and a motif needs {LEAST} that have it and {LEAST} that do "
            "not."
        )
        return out
    counts, effects = [m.motifs for m in people], [m.effect for m in people]
    passed, rng = [e > 0 for e in effects], np.random.default_rng(seed)
    out.lifts = lifts(counts, passed, lineages, rng)
    columns, names = features(counts, lineages)
    out.motifs = names
    if not names:
        out.notes.append(
            f"No motif is in {LEAST} of the {out.lineages} lineages and lacks in {LEAST} others."
        )
        return out
    _forest(out, columns, effects, lineages, names, seed)
    _mixed(out, columns, effects, lineages, names)
    return out


def _forest(
    out: Population, columns: Array, effects: Sequence[float], lineages: Sequence[str],
    names: Sequence[str], seed: int,
) -> None:  # fmt: skip
    try:
        out.forest = importances(columns, effects, lineages, names, seed, folds=FOLDS)
    except MissingLibrary as error:
        out.notes.append(f"No permutation importance: {error}.")
        return
    if not out.forest.usable:
        out.notes.append(
            "No permutation importance: the forest explains nothing of lineages that it has not "
            f"seen (R\u00b2 {out.forest.score:+.2f}), so what it holds for important means nothing."
        )


def _mixed(
    out: Population, columns: Array, effects: Sequence[float], lineages: Sequence[str],
    names: Sequence[str],
) -> None:  # fmt: skip
    chosen = distinct(columns, lineages)
    try:
        out.mixed = mixed(columns[:, chosen], effects, lineages, [names[i] for i in chosen])
    except MissingLibrary as error:
        out.notes.append(f"No mixed model: {error}.")
    except ValueError as error:
        out.notes.append(f"No mixed model: {error}.")


def distinct(columns: Array, lineages: Sequence[str]) -> list[int]:
    """The features of a mixed model, chosen without a look at any effect: those that divide the
    lineages most evenly, none that says what another does, one for every four lineages at most.
    """
    groups = numbers(lineages)
    count = int(groups.max()) + 1
    most = min(MOST_TERMS, count // LINEAGES_A_TERM)

    def even(i: int) -> int:
        has = columns[:, i] > 0
        return min(len(set(groups[has].tolist())), len(set(groups[~has].tolist())))

    chosen: list[int] = []
    for i in sorted(range(columns.shape[1]), key=lambda i: (-even(i), i)):
        if len(chosen) < most and all(
            abs(float(np.corrcoef(columns[:, i], columns[:, j])[0, 1])) < ALIKE for j in chosen
        ):
            chosen.append(i)
    return chosen


def associated(found: Population, motifs_of: Mapping[str, Sequence[str]]) -> list[Evidence]:
    """A model's and a count's rows for components, by a motif that goes with each: of those that
    lineages differ in, the one that most of them do, whatever came of them.
    """
    return [*_modelled(found, motifs_of), *_counted(found, motifs_of)]


def _counted(found: Population, motifs_of: Mapping[str, Sequence[str]]) -> Iterator[Evidence]:
    by = {x.motif: x for x in found.lifts}
    for component, motifs in motifs_of.items():
        known = [by[m] for m in motifs if m in by]
        if known:
            x = max(known, key=lambda k: (k.lineages, -len(k.motif), k.motif))
            yield Evidence(component, "lift", x.lift, x.low, x.high, x.lineages, "ratio")


def _modelled(found: Population, motifs_of: Mapping[str, Sequence[str]]) -> Iterator[Evidence]:
    if found.forest is None or not found.forest.usable:
        return
    by = {x.feature: x for x in found.forest.importances}
    for component, motifs in motifs_of.items():
        known = [by[m] for m in motifs if m in by]
        if known:
            x = min(known, key=lambda k: (len(k.feature), k.feature))
            low, high = bounds(x)
            yield Evidence(
                component, "model", x.value, low, high, found.forest.lineages, "share of variance"
            )


def bounds(x: Importance) -> tuple[float, float]:
    """An interval over folds."""
    reach = float(t_quantile((1 + LEVEL) / 2, FOLDS - 1)) * x.spread / FOLDS**0.5
    return x.value - reach, x.value + reach
