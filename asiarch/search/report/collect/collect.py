"""The data of a report of one run, read from its store.

What a store must say of itself for all of it to be found:

- the run's protocol has `name`, `metric`, `panel`, `tiers`, `learning_rates`, `confirm_seeds`,
  `alpha`, `shortlist` (`asiarch.search.protocol`);
- the panel is proposed too, with the operator `panel` and its name as label;
- an event `bar` has the baseline's id as subject; without one the baseline is the member of the
  panel with the least mean rank over tasks;
- jobs that train say task, seed, learning rate; their values are a training result's; other jobs
  count where they failed; the role `test` (audits) is no measurement;
- evidence of a verdict has effect, low, high and p in sds, and the audit's findings by task;
- an event `machine` may tell the machine and versions, as texts by name, events `revision` the
  commits of the code, `gate` how a later tier ranked the panel beside the one before.

What goes along with the effect is computed apart (`associations`, which takes a while); what was
retrained for attribution and simulations of the protocol are added by who knows of them
(`ranking.reported`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from asiarch.search.report import data as d
from asiarch.search.report.collect.asked import asked
from asiarch.search.report.collect.candidates import PANEL, People
from asiarch.search.report.collect.discoveries import discoveries
from asiarch.search.report.collect.edits import edit_effects, share
from asiarch.search.report.collect.effects import Effects, best_of_panel
from asiarch.search.report.collect.gains import edit_question
from asiarch.search.report.collect.scores import Result, Scores, results, scores
from asiarch.search.report.collect.tiers import tiers
from asiarch.search.report.lineages import descent, roots
from asiarch.search.stats.confirm import power
from asiarch.search.store import Store

LEVEL, CHANCE = 0.95, 0.8


def collect(
    store: Store,
    run: str,
    *,
    title: str = "",
    command: str = "",
) -> d.ReportData:
    """Everything that a store says of a run by itself.

    Raises KeyError for a run that the store does not have, with those that it has.
    """
    begun = store.runs.find(run)
    if begun is None:
        names = ", ".join(store.runs.all()) or "none"
        raise KeyError(f"the store {store.path} has no run {run!r}; it has {names}")
    protocol = cast("Mapping[str, Any]", begun.protocol if isinstance(begun.protocol, dict) else {})
    log = [e for e in store.events.all() if e.run in (run, None)]
    proposals = store.knowledge.proposals(run)
    found = list(results(store.knowledge.measurements(run), str(protocol.get("metric", "auc"))))
    table = scores(found)
    panel = [p.candidate for p in proposals if p.operator == PANEL and p.candidate]
    rates = tuple(float(r) for r in protocol.get("learning_rates", ()))
    bar = next((e.subject for e in reversed(log) if e.kind == "bar"), "")
    first = [t for tier in protocol.get("tiers", ())[:1] for t in tier.get("tasks", ())]
    effects = Effects(table, bar or best_of_panel(table, panel), LEVEL, rates, panel, first)
    by_candidate: dict[str, list[Result]] = {}
    for r in found:
        by_candidate.setdefault(r.candidate, []).append(r)
    people = People(store, begun.arm, effects, by_candidate, store.claims.verdicts(run))
    rows = people.of(proposals)
    scored = [r for by_seed in table.scored.values() for r in by_seed.values()]
    unit, arms = discoveries(store, begun.protocol_hash)
    return d.ReportData(
        asked=asked(store, begun, protocol, log, effects, rows, title or run, command),
        candidates=tuple(rows),
        power=_power(protocol, effects.spread()),
        discoveries=tuple(arms),
        compute_unit=unit,
        pareto_question=edit_question(rows, effects),
        shares=tuple(_shares(rows)),
        tiers=tuple(tiers(scored, panel, log, LEVEL)),
        rates=rates,
        rate_curves=tuple(_rate_curves(table, rates, rows)),
        edit_effects=tuple(edit_effects(rows, effects)),
    )


def _power(protocol: Mapping[str, Any], spread: float) -> d.Power | None:
    """spread: the sd of one paired difference over tasks, in the unit of effects over tasks; of it
    the test's power is a function. None for a protocol that confirms nothing.
    """
    seeds, claims = int(protocol.get("confirm_seeds", 0)), int(protocol.get("shortlist", 1))
    alpha = float(protocol.get("alpha", 0.05))
    if not seeds:
        return None
    low, high = 0.0, 64.0
    for _ in range(50):
        middle = (low + high) / 2
        enough = power(middle, seeds, alpha, claims) >= CHANCE
        low, high = (low, middle) if enough else (middle, high)
    least = (high + float(protocol.get("margin", 0.0))) * spread
    return d.Power(alpha, seeds, spread, math.nan, CHANCE, least)


def _shares(people: Sequence[d.Candidate]) -> Iterator[d.Share]:
    root = roots(people)
    yield share("all edits", people, root)
    passed = [c for c in people if c.claim]
    if passed:
        whole = {a.id: a for c in passed for a in descent(c, people)}
        yield share("edits that led to claims", list(whole.values()), root)


def _rate_curves(
    table: Scores, rates: Sequence[float], people: Sequence[d.Candidate]
) -> Iterator[d.RateCurve]:
    """The mean over tasks of the loss at each rate, of those that tried the whole grid."""
    for c in people:
        rows = [by_rate for (id, _), by_rate in sorted(table.tried.items()) if id == c.id]
        rows = [r for r in rows if set(rates) <= set(r)]
        if rows and len(rates) > 1:
            losses = [[sum(r[rate]) / len(r[rate]) for r in rows] for rate in rates]
            yield d.RateCurve(c.name, tuple(sum(v) / len(v) for v in losses), c.panel)
