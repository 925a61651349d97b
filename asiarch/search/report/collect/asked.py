"""What was asked of a run, and by which rules everybody in it was measured."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from asiarch.search.checked import Checker
from asiarch.search.job import digest
from asiarch.search.lab import WALL
from asiarch.search.protocol import PRESETS
from asiarch.search.report import data as d
from asiarch.search.report.collect.effects import Effects
from asiarch.search.report.text import count, number
from asiarch.search.screen import Bounds, gate
from asiarch.search.store import Event, Run, Store

RANKED = "rank"
"""The tier of a ranking (`ranking.measure`, which stands on this package)."""
ENDED = ("done", "failed")
"""Kinds of the events at which a run is charged for a job."""


def asked(
    store: Store, run: Run, protocol: Mapping[str, Any], log: Sequence[Event], effects: Effects,
    people: Sequence[d.Candidate], title: str, command: str,
) -> d.Asked:  # fmt: skip
    """Everything but what was found. `command`: that of the run; made up from the store without."""
    budgets = store.budgets.of(run.id)
    told = next((e.data for e in reversed(log) if e.kind == "machine"), None)
    machine = cast("Mapping[str, Any]", told if isinstance(told, dict) else {})
    metric = str(protocol.get("metric", "auc"))
    named = {c.id: c.name for c in people}
    return d.Asked(
        title=title,
        protocol=str(protocol.get("name", "")),
        protocol_hash=run.protocol_hash,
        claims=bool(protocol.get("confirm_seeds", 0)),
        metric=f"{metric}, the mean over tasks in sds of one paired difference",
        unit="sd",
        task_unit=f"nats of {metric}",
        time_unit="the baseline's training time = 1",
        level=effects.level,
        tasks=tuple(effects.scores.tasks(False)),
        claim_tasks=tuple(effects.scores.tasks(True)),
        cost_task=effects.cost_task,
        baseline=named.get(effects.baseline, effects.baseline),
        chosen=_chosen(protocol),
        rules=dict(_rules(protocol)),
        seed=str(run.master),
        command=command or _command(store, run, protocol),
        started=_date(log[0].at) if log else "",
        ended=_date(log[-1].at) if log else "",
        code=", ".join([run.code, *(f"commit {e.subject}" for e in log if e.kind == "revision")]),
        budget={k: _amount(b.cap) for k, b in sorted(budgets.items()) if b.cap is not None},
        spent=_spent(store, run, {k: b.spent for k, b in budgets.items()}),
        machine={k: str(v) for k, v in machine.items()},
        ceiling=_beyond(people),
    )


def _chosen(protocol: Mapping[str, Any]) -> str:
    """How a search chose its baseline (`engineer.yardstick`); a ranking may have been told one."""
    seeds = int(protocol.get("select_seeds", 0))
    if any(tier.get("name") == RANKED for tier in protocol.get("tiers", ())):
        return ""
    if not seeds:
        return (
            "the best of the panel within a candidate's bounds, on the seeds that score: they "
            "flatter it"
        )
    return (
        f"the best of the panel within a candidate's bounds, on {count(seeds, 'seed')} that chose "
        f"learning rates and {'scores' if seeds == 1 else 'score'} nothing"
    )


def _rules(protocol: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rates = [number(float(r)) for r in protocol.get("learning_rates", ())]
    if rates:
        chosen = int(protocol.get("select_seeds", 0))
        how = f", each operator's own best of {count(chosen, 'seed')}" if len(rates) > 1 else ""
        yield "learning rates", f"{', '.join(rates)} for everybody{how}"
    tiers: list[str] = []
    for tier in protocol.get("tiers", ()):
        seeds = " then ".join(map(str, tier.get("seeds", ())))
        steps = tier.get("steps") or 0
        tiers.append(
            f"{tier.get('name')} {seeds} paired seeds of {', '.join(tier.get('tasks', ()))}"
            f", {f'{steps} steps' if steps else 'steps by the task'}"
        )
    if tiers:
        yield "screened by", "; ".join(tiers)
    fresh = int(protocol.get("confirm_seeds", 0))
    if fresh:
        said = (
            f"{count(fresh, 'fresh seed')} of {', '.join(protocol.get('claim_tasks', ()))}: a "
            "one-sided t test of the mean over tasks, Holm's correction over the shortlist, "
            f"chance of any false claim {100 * float(protocol.get('alpha', 0.05)):g} %"
        )
        yield "confirmed by", said
    if "parameters" in protocol:
        share = 100 * float(protocol["parameters"])
        said = (
            f"within {share:g} % of the softmax network's on each task, by the channel mixer's "
            f"width; host {protocol.get('host', '')}"
        )
        yield "parameters", said


def _command(store: Store, run: Run, protocol: Mapping[str, Any]) -> str:
    """A search of a known protocol, begun anew; nothing for runs of other commands."""
    name = str(protocol.get("name", ""))
    preset = PRESETS.get(name)
    if preset is None or digest(preset.to_json()) != run.protocol_hash:
        return ""
    if run.id != f"{name}-{run.arm}-{run.master}":
        return ""
    budgets = store.budgets.of(run.id)
    parts = ["asiarch", "search", "--protocol", name]
    if run.arm != "full":
        parts += ["--arm", run.arm]
    if run.master:
        parts += ["--seed", str(run.master)]
    for option, resource, unit in (("--budget", WALL, "s"), ("--candidates", "candidates", "")):
        limit = budgets.get(resource)
        if limit is not None and limit.cap is not None:
            parts += [option, f"{limit.cap:.0f}{unit}"]
    return shlex.join([*parts, "--store", store.path.name])


def _spent(store: Store, run: Run, charged: Mapping[str, float]) -> dict[str, str]:
    """What was charged, and what jobs that another run had paid for took beside it."""
    said = {k: _amount(v) for k, v in sorted(charged.items())}
    own = {e.subject for e in store.events.all() if e.run == run.id and e.kind in ENDED}
    others = [key for key in store.knowledge.used(run.id) if key not in own]
    found = store.jobs.outcomes(others).values()
    taken = sum(o.seconds for o in found)
    if taken > 0:
        said["taken over from earlier runs"] = (
            f"{count(len(found), 'result')} of {_amount(taken)} seconds, not charged"
        )
    return said


def _beyond(candidates: Sequence[d.Candidate]) -> tuple[str, ...]:
    """Members of the panel that do what no candidate may, as softmax attention: the best first."""
    checker, found = Checker(), list[d.Candidate]()
    for c in candidates:
        checked = checker.check(c.text) if c.panel and c.text else None
        facts = checked.facts.get(c.op) if checked is not None else None
        if facts is not None and gate(facts, Bounds(), {}) is not None:
            found.append(c)
    known = [c for c in found if c.overall.known]
    known.sort(key=lambda c: -c.overall.value)
    return tuple(c.name for c in known)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
