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
- an event `machine` may tell the machine and versions, as texts by name.

What goes along with the effect is computed apart (`associations`, which takes a while); what was
retrained for attribution and simulations of the protocol are added by who knows of them
(`ranking.reported`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, cast

import numpy as np

from asiarch.search.checked import Checker
from asiarch.search.report import data as d
from asiarch.search.report.collect.candidates import PANEL, People
from asiarch.search.report.collect.discoveries import discoveries
from asiarch.search.report.collect.edits import edit_effects, share
from asiarch.search.report.collect.effects import Effects, best_of_panel
from asiarch.search.report.collect.gains import edit_question
from asiarch.search.report.collect.scores import Result, Scores, results, scores
from asiarch.search.report.lineages import roots
from asiarch.search.screen import Bounds, gate
from asiarch.search.stats.confirm import power
from asiarch.search.stats.rank import correlation
from asiarch.search.store import Event, Run, Store

LEVEL, CHANCE = 0.95, 0.8
DESIGNS = 5  # of a panel, for a rank correlation


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
    names = {c.id: c.name for c in rows}
    unit, arms = discoveries(store, begun.protocol_hash)
    return d.ReportData(
        asked=replace(
            _asked(store, begun, protocol, log, effects, names, title or run, command),
            ceiling=_ceiling(rows),
        ),
        candidates=tuple(rows),
        power=_power(protocol),
        discoveries=tuple(arms),
        compute_unit=unit,
        pareto_question=edit_question(rows, effects),
        shares=tuple(_shares(rows)),
        tiers=tuple(_tiers(found, panel)),
        rates=rates,
        rate_curves=tuple(_rate_curves(table, rates, rows)),
        edit_effects=tuple(edit_effects(rows, effects)),
    )


def _asked(
    store: Store, run: Run, protocol: Mapping[str, Any], log: Sequence[Event], effects: Effects,
    names: Mapping[str, str], title: str, command: str,
) -> d.Asked:  # fmt: skip
    budgets = store.budgets.of(run.id)
    told = next((e.data for e in reversed(log) if e.kind == "machine"), None)
    machine = cast("Mapping[str, Any]", told if isinstance(told, dict) else {})
    metric = str(protocol.get("metric", "auc"))
    return d.Asked(
        title=title,
        protocol=str(protocol.get("name", "")),
        protocol_hash=run.protocol_hash,
        claims=bool(protocol.get("confirm_seeds", 0)),
        metric=f"{metric}, the mean over tasks in sds of one paired difference",
        unit="sd",
        task_unit=f"nats of {metric}",
        time_unit="the baseline's training time = 1",
        level=LEVEL,
        tasks=tuple(effects.scores.tasks(False)),
        baseline=names.get(effects.baseline, effects.baseline),
        seed=str(run.master),
        command=command,
        started=_date(log[0].at) if log else "",
        ended=_date(log[-1].at) if log else "",
        code=run.code,
        budget={k: _amount(b.cap) for k, b in sorted(budgets.items()) if b.cap is not None},
        spent={k: _amount(b.spent) for k, b in sorted(budgets.items())},
        machine={k: str(v) for k, v in machine.items()},
    )


def _ceiling(candidates: Sequence[d.Candidate]) -> str:
    """Members of the panel that do what no candidate may, as softmax attention: the best first."""
    checker, above = Checker(), list[d.Candidate]()
    for c in candidates:
        checked = checker.check(c.text) if c.panel and c.text else None
        facts = checked.facts.get(c.op) if checked is not None else None
        if facts is not None and gate(facts, Bounds(), {}) is not None:
            above.append(c)
    known = [c for c in above if c.overall.known]
    known.sort(key=lambda c: -c.overall.value)
    said = ", ".join(c.name for c in known)
    return f"{said}, beyond the bounds of a candidate" if said else ""


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _power(protocol: Mapping[str, Any]) -> d.Power | None:
    """In sds of one paired difference; None for a protocol that confirms nothing."""
    seeds, claims = int(protocol.get("confirm_seeds", 0)), int(protocol.get("shortlist", 1))
    alpha = float(protocol.get("alpha", 0.05))
    if not seeds:
        return None
    low, high = 0.0, 64.0
    for _ in range(50):
        middle = (low + high) / 2
        enough = power(middle, seeds, alpha, claims) >= CHANCE
        low, high = (low, middle) if enough else (middle, high)
    least = high + float(protocol.get("margin", 0.0))
    return d.Power(alpha, seeds, math.nan, math.nan, CHANCE, least)


def _shares(people: Sequence[d.Candidate]) -> Iterator[d.Share]:
    root = roots(people)
    yield share("all edits", people, root)
    passed = [c for c in people if c.claim]
    if passed:
        yield share("edits of claims", passed, root)


def _tiers(found: Sequence[Result], panel: Sequence[str]) -> Iterator[d.TierPair]:
    """Rank correlations over the panel, each tier by its mean rank over tasks."""
    names = sorted({r.tier for r in found}, key=lambda t: (t not in d.TIERS, t))
    ranks = {name: _ranks([r for r in found if r.tier == name], panel) for name in names}
    for first, second in combinations(names, 2):
        both = [c for c in panel if c in ranks[first] and c in ranks[second]]
        if len(both) >= DESIGNS:
            a, b = ([ranks[t][c] for c in both] for t in (first, second))
            rho = correlation(a, b, np.random.default_rng(0), kind="spearman", level=LEVEL)
            estimate = d.Estimate(rho.value, rho.low, rho.high)
            yield d.TierPair(first, second, estimate, rho.designs, rho.p)


def _ranks(found: Sequence[Result], panel: Sequence[str]) -> dict[str, float]:
    """Mean rank over tasks, of the members that have every task."""
    losses: dict[str, dict[str, list[float]]] = {}
    for r in found:
        if r.candidate in panel and math.isfinite(r.value):
            losses.setdefault(r.task, {}).setdefault(r.candidate, []).append(r.value)
    places: dict[str, list[int]] = {}
    for by_candidate in losses.values():
        means = {c: sum(v) / len(v) for c, v in by_candidate.items()}
        for place, candidate in enumerate(sorted(means, key=lambda c: (means[c], c))):
            places.setdefault(candidate, []).append(place)
    return {c: sum(p) / len(p) for c, p in places.items() if len(p) == len(losses)}


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
