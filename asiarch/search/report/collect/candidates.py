"""Candidates of a report: proposals of a run joined with what was measured of them.

A proposal whose operator is `panel` is a known operator; its label is its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from asiarch.search.job import Json
from asiarch.search.report import data as d
from asiarch.search.report.collect import programs
from asiarch.search.report.collect.edits import edit
from asiarch.search.report.collect.effects import Effects, Measured
from asiarch.search.report.collect.scores import CONFIRM, Result, number
from asiarch.search.report.lineages import best_of
from asiarch.search.store import Proposal, Store

PANEL = "panel"
DRAWN = 40  # candidates with a picture, the best first
SEEDS = 3  # curves of a task


@dataclass(slots=True)
class People:
    """Makes candidates. `results`, `verdicts`: of a candidate. What a verdict was given on is
    shown as it stands in the store, and is not computed again.
    """

    store: Store
    arm: str
    effects: Effects
    results: Mapping[str, Sequence[Result]]
    verdicts: Mapping[str, tuple[bool, Json]]
    _seen: dict[str, str] = field(default_factory=dict[str, str])

    def of(self, proposals: Iterable[Proposal]) -> list[d.Candidate]:
        """One for each proposal, in order; programs of what was measured are looked at closely."""
        rows = [self._one(p) for p in proposals]
        drawn = {c.id for c in best_of(rows, DRAWN)} | {c.id for c in rows if c.panel}
        return [self._close(c, c.id in drawn) if c.overall.known else c for c in rows]

    def _one(self, p: Proposal) -> d.Candidate:
        accepted = p.verdict == "accepted"
        id = p.candidate if p.candidate and accepted else f"{p.run}/{p.number}"
        name = p.label if p.operator == PANEL and p.label else f"{p.op} {p.number}"
        row = d.Candidate(
            id=id, name=name, text=p.text, op=p.op,
            arm=d.PANEL if p.operator == PANEL else self.arm, order=p.number, parents=p.parents,
            edits=tuple(map(edit, p.edits)), reached=_screened(p), near=self._near(p),
            note=p.note if accepted else "",
        )  # fmt: skip
        if not accepted:
            return replace(row, reason=p.verdict, message=p.note)
        self._seen.setdefault(id, name)
        known = self.store.knowledge.candidate(id)
        row = replace(row, sizes=dict(known.sizes), niche=_niche(known.facts))
        return self._measured(row, self.effects.found.get(id, Measured()))

    def _near(self, p: Proposal) -> tuple[d.Near, ...]:
        """What a duplicate or a rediscovery is of."""
        if p.operator == PANEL:
            return ()
        same = self._seen.get(p.candidate or "") if p.verdict != "accepted" else None
        found = [d.Near(same, 0.0, "the same program")] if same else []
        return (*found, *([d.Near(p.label)] if p.label else []))

    def _measured(self, row: d.Candidate, m: Measured) -> d.Candidate:
        found = self.results.get(row.id, ())
        failed = [r for r in found if r.reason]
        tiers = sorted({r.tier for r in found}, key=_tier)
        stands, said = self.verdicts.get(row.id, (False, None))
        fresh = [r for r in failed if r.role == CONFIRM]
        lost = next(iter(fresh if m.overall.known else failed), None)
        evidence = cast("Mapping[str, Any]", said if isinstance(said, dict) else {})
        shown = d.Estimate(*(number(evidence.get(name)) for name in ("effect", "low", "high")))
        p = number(evidence.get("p"))
        p = p if math.isfinite(p) else m.p
        return replace(
            row, reached=tiers[-1] if tiers else row.reached, overall=m.overall, shrunk=m.shrunk,
            confirmed=shown if shown.known else d.UNKNOWN if fresh else m.confirmed, p=p,
            judged=said is not None, claim=stands, seeds=m.seeds,
            effects=tuple(m.effects),
            reason=lost.reason if lost else "", message=lost.message if lost else "",
            parameters=self._cost(found, "parameters"),
            flops=self._cost(found, "flops_per_token"),
            state=self._cost(found, "state_floats"), time=self._time(row.id),
            curves=tuple(self._curves(row.id)),
            audit=tuple(_audit(evidence.get("audit"))),
        )  # fmt: skip

    def _cost(self, found: Sequence[Result], name: str) -> float:
        """Of the network of one task, the same for everybody: networks differ by task."""
        own = (r.number(name) for r in found if r.task == self.effects.cost_task)
        return next(filter(math.isfinite, own), math.nan)

    def _time(self, id: str) -> float:
        """Seconds of a run over the baseline's on the same task, the geometric mean over tasks."""
        ratios: list[float] = []
        for task in self.effects.scores.tasks(False):
            own, base = (
                _seconds(self.effects.scores.of(c, task, False).values())
                for c in (id, self.effects.baseline)
            )
            if own > 0 and base > 0:
                ratios.append(math.log(own / base))
        return math.exp(sum(ratios) / len(ratios)) if ratios else math.nan

    def _curves(self, id: str) -> Iterator[d.Curve]:
        for task in self.effects.scores.tasks(False):
            whose = {self.effects.baseline: 1, id: SEEDS}
            for who, most in whose.items():
                for r in list(self.effects.scores.of(who, task, False).values())[:most]:
                    losses = r.values.get("curve")
                    if isinstance(losses, list) and losses:
                        yield _curve(r, cast("list[Any]", losses), baseline=who != id)

    def _close(self, row: d.Candidate, drawn: bool) -> d.Candidate:
        found = programs.facts(row.text, row.op)
        return replace(
            row, ledger=found.ledger, facts=dict(found.facts), niche=row.niche or found.niche,
            code=programs.code(row.text, row.op, row.sizes),
            graph=programs.picture(row.text, row.op, row.sizes) if drawn else "",
        )  # fmt: skip


def _audit(found: object) -> Iterator[str]:
    """`update.small, laws: well, streams equal rows` for each finding of each task."""
    tasks = cast("Mapping[str, Any]", found if isinstance(found, dict) else {})
    for task, findings in sorted(tasks.items()):
        if isinstance(findings, dict):
            for name, finding in sorted(cast("dict[str, Any]", findings).items()):
                if isinstance(finding, dict):
                    each = cast("dict[str, Any]", finding)
                    well = "well" if each.get("ok") else "NOT WELL"
                    yield ", ".join(filter(None, (f"{task}, {name}: {well}", each.get("said"))))


def _niche(facts: Mapping[str, Any]) -> dict[str, str]:
    found = facts.get("niche")
    if not isinstance(found, dict):
        return {}
    return {k: str(v) for k, v in cast("dict[str, Any]", found).items()}


def _tier(name: str) -> tuple[int, str]:
    return (d.TIERS.index(name) if name in d.TIERS else len(d.TIERS), name)


def _screened(p: Proposal) -> str:
    """Where it was turned away before training: T0b has named a candidate, T0a has not."""
    return "T0a" if p.candidate is None or p.verdict == "duplicate" else "T0b"


def _seconds(results: Iterable[Result]) -> float:
    """The mean over runs that ended."""
    values = [r.seconds for r in results if math.isfinite(r.value) and r.seconds > 0]
    return sum(values) / len(values) if values else math.nan


def _curve(r: Result, losses: Sequence[Any], *, baseline: bool) -> d.Curve:
    values = tuple(float(v) if isinstance(v, int | float) else math.nan for v in losses)
    steps = r.number("steps")
    return d.Curve(r.task, r.seed, values, int(steps) if math.isfinite(steps) else 0, baseline)
