"""The verdict of a report in plain words: what was found, and what could have been.

It is computed from the data alone. It claims only what passed confirmation under a protocol that
allows claims, and says of everything else what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asiarch.search.report.data import (
    CONFIRMATION,
    NULL,
    Asked,
    Candidate,
    Effect,
    Estimate,
    ReportData,
)
from asiarch.search.report.figures.discovery import likeliest
from asiarch.search.report.lineages import best_of, proposed
from asiarch.search.report.text import count, effect, interval, number, percent


@dataclass(frozen=True, slots=True)
class Verdict:
    """headline: one sentence. said: what was done and found; limits: what it does not show."""

    headline: str
    said: tuple[str, ...]
    limits: tuple[str, ...]


def verdict(data: ReportData) -> Verdict:
    """What may be said of a search."""
    rivals = proposed(data.candidates)
    claims = claims_of(data)
    return Verdict(
        _headline(data, rivals, claims),
        tuple(_said(data, rivals, claims)),
        tuple(_limits(data, rivals, claims)),
    )


def claims_of(data: ReportData) -> list[Candidate]:
    """What passed confirmation. Under a protocol without claims there is none, whatever the rows
    say; the null arm makes none: what passes there is an error of the protocol.
    """
    if not data.asked.claims:
        return []
    return [c for c in data.candidates if c.claim and c.arm != NULL]


def _headline(data: ReportData, rivals: Sequence[Candidate], claims: Sequence[Candidate]) -> str:
    if not rivals:
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
    if any(c.on_fresh_seeds for c in rivals):
        return "No claim: nothing that was shortlisted held on fresh seeds."
    return "No claim: nothing came as far as confirmation."


def _said(
    data: ReportData, rivals: Sequence[Candidate], claims: Sequence[Candidate]
) -> Iterator[str]:
    panel = [c for c in data.candidates if c.panel]
    measured = [c for c in rivals if c.overall.known or c.confirmed.known]
    early = [c for c in rivals if c.reached in ("T0a", "T0b") and c.reason]
    confirmed = [c for c in rivals if c.on_fresh_seeds]
    done = {c.id for c in (*measured, *early)}
    died = [c for c in rivals if c.reason and c.id not in done]
    if rivals:
        yield (
            f"{count(len(rivals), 'candidate was', 'candidates were')} proposed: "
            f"{len(early)} turned away before any training, "
            f"{f'{len(died)} failed on a run, ' if died else ''}{len(measured)} measured, "
            f"{len(confirmed)} measured again on fresh seeds, {len(claims)} of them passed. "
            f"{count(len(panel), 'known operator')} ran beside them as the panel."
        )
    for c in claims[:5]:
        holm = f", Holm's one-sided p {number(c.p)}" if math.isfinite(c.p) else ""
        yield (
            f"{c.name}: {interval(c.confirmed)} {data.asked.unit} on {count(c.seeds, 'fresh seed')}"
            f"{_at_once(len(confirmed))}{holm}; on the seeds that chose it, it was "
            f"{effect(c.overall.value)}. {_by_task(c, data)}"
        )
    best = best_of([c for c in rivals if not c.on_fresh_seeds], 1)
    if best and not claims:
        yield (
            f"The best that was only screened is {best[0].name} with {interval(best[0].overall)} "
            f"{data.asked.unit}. It is the best of {len(measured)}, so part of that is luck"
            + (f"; shrunk to {effect(best[0].shrunk)}." if math.isfinite(best[0].shrunk) else ".")
        )
    yield from _null(data, rivals)


def _at_once(count: int) -> str:
    return f" (the interval holds for all {count} at once)" if count > 1 else ""


def _by_task(claim: Candidate, data: ReportData) -> str:
    """What a claim consists of, and what it does where nothing was claimed."""
    fresh = [e for e in claim.effects if e.stage == CONFIRMATION]
    others = [
        e
        for e in claim.effects
        if e.stage != CONFIRMATION and e.task not in {f.task for f in fresh}
    ]
    said = [f"By task, {data.asked.task_unit}: {_tasks(fresh)}."] if fresh else []
    if others:
        said.append(f"Not part of the claim: {_tasks(others)}.")
    return " ".join(said)


def _tasks(effects: Sequence[Effect]) -> str:
    return "; ".join(f"{e.task} {interval(e.estimate)}" for e in effects)


def _null(data: ReportData, rivals: Sequence[Candidate]) -> Iterator[str]:
    null = [c for c in data.candidates if c.arm == NULL]
    if null:
        passed, again = sum(c.claim for c in null), sum(c.on_fresh_seeds for c in null)
        values = [c.overall.value for c in null if c.overall.known]
        had = (
            f", with effects from {effect(min(values))} to {effect(max(values))}" if values else ""
        )
        text = (
            f"The null arm, the baseline against itself, had {count(len(null), 'candidate')}{had}; "
            f"{again} came to fresh seeds, {passed} passed."
        )
        yield text + (" That is an error of the protocol: distrust the claims." if passed else "")
    for arm in (a for a in data.discoveries if a.arm == NULL and a.count and not null):
        yield (
            f"The null arm, the baseline against itself, ran apart: {number(arm.count[-1])} passed "
            f"in {number(arm.compute[-1])} {data.compute_unit}."
        )
    if rivals and not null and not any(a.arm == NULL for a in data.discoveries):
        yield (
            "No null arm was run here, so luck was not measured in this search, "
            "only by the simulation of the protocol, if at all."
        )


def _limits(
    data: ReportData, rivals: Sequence[Candidate], claims: Sequence[Candidate]
) -> Iterator[str]:
    asked, power = data.asked, data.power
    if power is None:
        yield "The power of this run is not known: nothing says what it would have missed."
    else:
        if math.isfinite(power.detectable):
            spread = (
                f", whose paired differences over tasks have a standard deviation of "
                f"{number(power.sigma)}"
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
    if rivals:
        claimed = asked.claim_tasks if claims else ()
        tasks = ", ".join(claimed or asked.tasks) or "the tasks of this run"
        what = "A claim is the mean over" if claimed else "All of it holds for"
        yield f"{what} {tasks}, at the sizes and steps of this run, and for no others."
    above = [c for c in data.candidates if c.panel and _above(c, asked)]
    if above:
        names = ", ".join(f"{c.name} {interval(c.overall)}" for c in above)
        yield (
            "Within a candidate's bounds the panel is above the baseline, "
            f"{asked.baseline}, on the seeds that score: {names}."
        )
    near = [c.name for c in claims if c.confirmed.bounded and c.confirmed.low <= 0]
    if near:
        yield (
            f"The test of a claim is one-sided. The two-sided interval of {', '.join(near[:5])} "
            "includes the baseline: by a two-sided test it would be no claim."
        )
    edges = sum(any(e.edge for e in c.effects) for c in claims)
    if edges:
        bar = next((c for c in data.candidates if c.panel and c.name == asked.baseline), None)
        too = " So was the baseline." if bar and any(e.edge for e in bar.effects) else ""
        yield (
            f"{edges} of the claims {'was' if edges == 1 else 'were'} best at the edge of the grid "
            f"of learning rates on a task; the grid may not hold their best.{too}"
        )
    unlike = [a.arm for a in data.discoveries if (f := likeliest(a)) and f.name == "poisson"]
    if unlike and claims:
        yield (
            f"The curve of discoveries of {', '.join(unlike)} is no better explained by anything "
            "than by a constant rate; a straight line says nothing of learning."
        )


def _above(c: Candidate, asked: Asked) -> bool:
    """Is a member of the panel that might have been the baseline above it?"""
    return c.name not in (asked.baseline, *asked.ceiling) and c.overall.value > 0


def _hundred(e: Estimate) -> Estimate:
    return Estimate(100 * e.value, 100 * e.low, 100 * e.high)
