"""What goes along with the effect: motifs of a search's candidates, asked in three ways."""

from __future__ import annotations

from collections.abc import Sequence

from asiarch.language.diagnostics import SpecError
from asiarch.search.analyst.motifs import motifs_of
from asiarch.search.analyst.population import Member, Population, bounds, population
from asiarch.search.report import data as d
from asiarch.search.report.lineages import roots
from asiarch.search.stats.special import MissingLibrary

MOST = 16
"""Motifs that are shown."""


def members(candidates: Sequence[d.Candidate]) -> list[Member]:
    """Those with an effect over all tasks, whose program the compiler still reads. Raises
    MissingLibrary.
    """
    root = roots(candidates)
    out: list[Member] = []
    for c in candidates:
        if c.overall.known:
            try:
                found = motifs_of(c.text, c.op, c.sizes)
            except (SpecError, ValueError):
                continue
            out.append(Member(found, c.overall.value, root[c.id]))
    return out


def of_candidates(candidates: Sequence[d.Candidate]) -> Population:
    """The analyst's answers; where a library is missing, that it is."""
    try:
        return population(members(candidates))
    except MissingLibrary as error:
        return Population(0, 0, notes=[f"Motifs were not asked about: {error}."])


def associations(found: Population) -> d.Associations:
    """As rows: those that a mixed model is about, then the clearest lifts, then what a forest holds
    for most important, each motif once.
    """
    forest = found.forest if found.forest is not None and found.forest.usable else None
    lifted = {x.motif: x for x in found.lifts}
    terms = {} if found.mixed is None else {t.feature: t for t in found.mixed.terms}
    important = {} if forest is None else {i.feature: i for i in forest.importances}
    told_apart = set(found.motifs)
    clear = [x.motif for x in found.lifts if x.motif in told_apart]
    shown = dict.fromkeys([*terms, *clear[: MOST // 2], *important, *clear])
    rows = [
        d.Motif(
            name, lifted[name].designs, lifted[name].lineages,
            d.Estimate(lifted[name].lift, lifted[name].low, lifted[name].high),
            lifted[name].adjusted,
            d.Estimate(important[name].value, *bounds(important[name]))
            if name in important else d.UNKNOWN,
            d.Estimate(terms[name].value, terms[name].low, terms[name].high)
            if name in terms else d.UNKNOWN,
        )
        for name in list(shown)[:MOST]
    ]  # fmt: skip
    rows.sort(key=lambda m: (m.adjusted, -m.lift.value, m.name))
    return d.Associations(
        tuple(rows), len(found.motifs), found.candidates, found.lineages,
        forest.score if forest is not None else d.UNKNOWN.value, _notes(found),
    )  # fmt: skip


def _notes(found: Population) -> tuple[str, ...]:
    note = found.mixed.note if found.mixed is not None else ""
    return (*found.notes, *([f"Mixed model: {note}."] if note else []))
