"""The figures of a report in the order of reading, each with one sentence on what to see in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from asiarch.search.report.canvas import Figure
from asiarch.search.report.data import CLASSES, NULL, Estimate, ReportData
from asiarch.search.report.figures import (
    attribution,
    discovery,
    failures,
    forest,
    learning_rates,
    lineage,
    niche_map,
    pareto,
    provenance,
    tier_agreement,
)
from asiarch.search.report.figures.discovery import WITHOUT
from asiarch.search.report.figures.learning_rates import at_edge
from asiarch.search.report.figures.tiers import gates
from asiarch.search.report.lineages import proposed
from asiarch.search.report.text import count, percent
from asiarch.search.report.verdict import claims_of

ENOUGH = 0.5  # of the longest arm's compute, for a null arm to say something


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its figures, and a sentence, which is shown without any data where it `stays`."""

    id: str
    heading: str
    figures: tuple[Figure, ...]
    caption: str
    stays: bool = False


def sections(data: ReportData) -> Iterator[Section]:
    """Every figure but the curves, which are each candidate's, and the table of edits."""
    asked, rows = data.asked, data.candidates
    yield Section("effects", "Effects", (forest(rows, asked),), _effects(data))
    yield Section(
        "costs", "Effects and costs",
        tuple(pareto(rows, cost, asked) for cost in ("flops", "state", "time")),
        _costs(data),
    )  # fmt: skip
    yield Section(
        "lineage", "Lineage", (lineage(rows, asked),),
        "Read down a branch: each row is a child of the one that it hangs from, and the mark to "
        "the right is its effect against the baseline on the seeds that all were measured on; the "
        "difference to the mark above is what the edit did. These seeds flatter who was chosen.",
    )  # fmt: skip
    yield Section(
        "niches", "Mechanisms", (niche_map(rows, asked),),
        "Each cell is a mechanism with its best effect, on the seeds that all were measured on, "
        "and how many of the tried were measured; the best of many is flattered more than the "
        "best of few.",
    )  # fmt: skip
    yield Section(
        "discoveries", "Discoveries against compute",
        (discovery(data.discoveries, data.compute_unit),), _discoveries(data),
    )  # fmt: skip
    yield Section(
        "attribution", "What brings the effect", (attribution(data.components, asked),),
        _attribution(data), stays=True,
    )  # fmt: skip
    yield Section(
        "provenance", "Where the edits came from", (provenance(data.shares),),
        _provenance(data),
    )  # fmt: skip
    yield Section("tiers", "Do cheap tiers rank as dear ones do", (tier_agreement(data.tiers),),
                  _tiers(data))  # fmt: skip
    yield Section(
        "rates", "Learning rates", (learning_rates(data.rates, data.rate_curves, asked),),
        _rates(data),
    )  # fmt: skip
    yield Section(
        "failures", "What was turned away", (failures(rows),),
        "What fails early costs little; a failure is a missing value with a reason, never a score.",
    )  # fmt: skip


def pictures(data: ReportData) -> Iterator[Figure]:
    for section in sections(data):
        yield from section.figures


def _effects(data: ReportData) -> str:
    confirmed = [c for c in proposed(data.candidates) if c.on_fresh_seeds]
    passed = len(claims_of(data))
    held = sum(c.confirmed.bounded and c.confirmed.low > 0 for c in confirmed)
    start = (
        f"Of {count(len(confirmed), 'operator')} measured on fresh seeds {passed} passed the test "
        f"of a claim, and the intervals of {held} (for all at once) are above the baseline; open"
        if confirmed
        else "Nothing was measured on fresh seeds; open"
    )
    return f"{start} marks are on the seeds that chose them, and flatter the chosen."


def _costs(data: ReportData) -> str:
    null = any(c.arm == NULL and c.overall.known for c in data.candidates)
    luck = " The null arm shows how high luck reaches." if null else ""
    return (
        "Look for marks up and to the left: the line joins operators that none beats in both. "
        "Effects are on the seeds that all were measured on, which flatter who was chosen; pale "
        "marks are screened and beaten. Time is that of runs as they came, beside whatever else "
        f"the machine did: load is in it.{luck}"
    )


def _attribution(data: ReportData) -> str:
    if not data.components:
        return " ".join((*data.component_notes, data.pareto_question)).strip()
    return (
        "Only what was taken out or put in and retrained is causal: a filled mark in the first "
        "column is a component that its winner needs (right of zero) or that harms it; a winner is "
        f"one lineage. {' '.join(data.component_notes)} {data.pareto_question}"
    ).strip()


def _provenance(data: ReportData) -> str:
    said = [
        f"Of {s.group}, {', '.join(_share(n, e) for n, e in zip(CLASSES, s.classes, strict=True))}"
        f", intervals over {count(s.lineages, 'lineage')}."
        for s in data.shares
        if s.classes and s.classes[0].bounded
    ]
    return " ".join(
        (
            "Here an edit's source is recorded when it is made, with what it cites; the paper's "
            "shares are a language model's labels given afterwards.",
            *said,
        )
    )


def _share(name: str, e: Estimate) -> str:
    low, high = max(e.low, 0.0), min(e.high, 1.0)
    return f"{name} {percent(e.value)} ({percent(low)} to {percent(high)})"


def _discoveries(data: ReportData) -> str:
    if not any(a.arm == NULL for a in data.discoveries):
        return WITHOUT
    share = null_share(data)
    little = (
        f" The null arm has spent {percent(share)} of what the longest arm has: it says little."
        if share < ENOUGH
        else ""
    )
    return (
        "An arm says something where it leaves the null arm's line and band; a constant rate of "
        f"passes is a straight line too.{little}"
    )


def null_share(data: ReportData) -> float:
    """The null arm's compute over the longest arm's; nan without one of them."""
    totals = {a.arm: max(a.compute, default=0.0) for a in data.discoveries}
    longest = max((t for name, t in totals.items() if name != NULL), default=0.0)
    return totals[NULL] / longest if NULL in totals and longest > 0 else math.nan


def _tiers(data: ReportData) -> str:
    bad = [f"{p.first} for {p.second}" for p in data.tiers if not gates(p)]
    if not data.tiers:
        return "Nothing was compared, so no tier is known to be a fair gate."
    if bad:
        return f"The interval of {', '.join(bad)} holds zero: it must not decide who goes on."
    return "Every interval excludes zero: each tier may decide who goes on."


def _rates(data: ReportData) -> str:
    edge = sum(map(at_edge, data.rate_curves))
    if not edge:
        return (
            f"None of {count(len(data.rate_curves), 'operator')} did best at an edge of the grid."
        )
    return (
        f"{edge} of {count(len(data.rate_curves), 'operator')} did best at an edge of the grid; "
        "for those a better rate may lie outside of it."
    )
