"""The verdict of a report in plain words: what was found, and what could have been.

It is computed from the data alone. It claims only what passed confirmation under a protocol that
allows claims, and says of everything else what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asiarch.search.report.data import NULL, Candidate, Estimate, ReportData
from asiarch.search.report.figures.discovery import likeliest
from asiarch.search.report.lineages import best_of
from asiarch.search.report.text import count, effect, interval, number, percent


@dataclass(frozen=True, slots=True)
class Verdict:
    """headline: one sentence. said: what was done and found; limits: what it does not show."""

    headline: str
    said: tuple[str, ...]
    limits: tuple[str, ...]


def verdict(data: ReportData) -> Verdict:
    """What may be said of a search."""
    proposed = [c for c in data.candidates if not c.panel]
    claims = claims_of(data)
    return Verdict(
        _headline(data, proposed, claims),
        tuple(_said(data, proposed, claims)),
        tuple(_limits(data, proposed, claims)),
    )


def claims_of(data: ReportData) -> list[Candidate]:
    """What passed confirmation. Under a protocol without claims there is none, whatever the rows
    say; the null arm makes none: what passes there is an error of the protocol.
    """
    if not data.asked.claims:
        return []
    return [c for c in data.candidates if c.claim and c.arm != NULL]


def _headline(data: ReportData, proposed: Sequence[Candidate], claims: Sequence[Candidate]) -> str:
    if not proposed:
        return "Nothing was proposed yet, so there is nothing to say."
    if not data.asked.claims:
        return (
            f"No claim: the protocol {data.asked.protocol or 'of this run'} screens, it cannot "
            "confirm. What looks good here is a reason to run the full protocol, not a result."
        )
    if claims:
        names = ", ".join(c.name for c in claims[:5]) + (", ..." if len(claims) > 5 else "")
        return (
            f"{count(len(claims), 'claim')}: {names} {'beats' if len(claims) == 1 else 'beat'} the "
            "baseline on seeds that no earlier step had seen."
        )
    if any(c.on_fresh_seeds for c in proposed):
        return "No claim: nothing that was shortlisted held on fresh seeds."
    return "No claim: nothing came as far as confirmation."


def _said(
    data: ReportData, proposed: Sequence[Candidate], claims: Sequence[Candidate]
) -> Iterator[str]:
    panel = [c for c in data.candidates if c.panel]
    measured = [c for c in proposed if c.overall.known or c.confirmed.known]
    early = [c for c in proposed if c.reached in ("T0a", "T0b") and c.reason]
    confirmed = [c for c in proposed if c.on_fresh_seeds]
    if proposed:
        yield (
            f"{count(len(proposed), 'candidate was', 'candidates were')} proposed: "
            f"{len(early)} turned away before any training, {len(measured)} measured, "
            f"{len(confirmed)} measured again on fresh seeds, {len(claims)} of them passed. "
            f"{count(len(panel), 'known operator')} ran beside them as the panel."
        )
    for c in claims[:5]:
        p = min((e.p for e in c.effects if math.isfinite(e.p)), default=math.nan)
        holm = f", Holm's one-sided p {number(p)}" if math.isfinite(p) else ""
        yield (
            f"{c.name}: {interval(c.confirmed)} {data.asked.unit} on {count(c.seeds, 'fresh seed')}"
            f"{holm}; on the seeds that chose it, it was {effect(c.overall.value)}."
        )
    best = best_of([c for c in proposed if not c.on_fresh_seeds], 1)
    if best and not claims:
        yield (
            f"The best that was only screened is {best[0].name} with {interval(best[0].overall)} "
            f"{data.asked.unit}. It is the best of {len(measured)}, so part of that is luck"
            + (f"; shrunk to {effect(best[0].shrunk)}." if math.isfinite(best[0].shrunk) else ".")
        )
    yield from _null(data, proposed)


def _null(data: ReportData, proposed: Sequence[Candidate]) -> Iterator[str]:
    null = [c for c in proposed if c.arm == NULL]
    if null:
        passed = sum(c.claim for c in null)
        text = (
            f"The null arm, the baseline against itself, had {count(len(null), 'candidate')}; "
            f"{passed} passed."
        )
        yield text + (" That is an error of the protocol: distrust the claims." if passed else "")
    for arm in (a for a in data.discoveries if a.arm == NULL and a.count and not null):
        yield (
            f"The null arm, the baseline against itself, ran apart: {number(arm.count[-1])} passed "
            f"in {number(arm.compute[-1])} {data.compute_unit}."
        )
    if proposed and not null and not any(a.arm == NULL for a in data.discoveries):
        yield (
            "No null arm was run here, so luck was not measured in this search, "
            "only by the simulation of the protocol, if at all."
        )


def _limits(
    data: ReportData, proposed: Sequence[Candidate], claims: Sequence[Candidate]
) -> Iterator[str]:
    asked, power = data.asked, data.power
    if power is None:
        yield "The power of this run is not known: nothing says what it would have missed."
    else:
        if math.isfinite(power.detectable):
            spread = (
                f" and a spread of {number(power.sigma)} {asked.unit} between paired seeds"
                if math.isfinite(power.sigma)
                else ""
            )
            yield (
                f"With {count(power.seeds, 'confirmation seed')}{spread}, a true effect of "
                f"{number(power.detectable)} {asked.unit} is found {percent(power.power)} of the "
                "time. Smaller ones are mostly missed: no claim is no proof that there is none."
            )
        if power.error.known:
            of = f" ({power.simulated})" if power.simulated else ""
            yield (
                "Runs with a false claim, baseline against baseline: "
                f"{interval(_hundred(power.error), sign=False)} % of {power.simulations:,} "
                f"simulated ones{of}, for a promised {percent(power.alpha)}."
            )
        elif power.error_note:
            yield power.error_note
    if proposed:
        tasks = ", ".join(asked.tasks) or "the tasks of this run"
        yield (
            f"All of it holds for {tasks}, at the sizes and steps of this run, and for no others."
        )
    near = [c.name for c in claims if c.confirmed.bounded and c.confirmed.low <= 0]
    if near:
        yield (
            f"The test of a claim is one-sided. The two-sided interval of {', '.join(near[:5])} "
            "includes the baseline: by a two-sided test it would be no claim."
        )
    edges = sum(any(e.edge for e in c.effects) for c in claims)
    if edges:
        yield (
            f"{edges} of the claims {'was' if edges == 1 else 'were'} best at the edge of the grid "
            "of learning rates; the grid may not hold their best."
        )
    unlike = [a.arm for a in data.discoveries if (f := likeliest(a)) and f.name == "poisson"]
    if unlike and claims:
        yield (
            f"The curve of discoveries of {', '.join(unlike)} is no better explained by anything "
            "than by a constant rate; a straight line says nothing of learning."
        )


def _hundred(e: Estimate) -> Estimate:
    return Estimate(100 * e.value, 100 * e.low, 100 * e.high)
