"""N(compute) of every arm that ran under one protocol in this store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from asiarch.search.report import data as d
from asiarch.search.stats.discovery import Run, curve, fits
from asiarch.search.store import Event, Store

GRID = 60
TOLD = 3  # discoveries that tell laws of growth apart


def discoveries(store: Store, protocol_hash: str) -> tuple[str, list[d.Discoveries]]:
    """The unit of compute, and the arms. Compute is that of all jobs, failed ones too, in the order
    in which they ended; FLOPs where they were counted, else seconds of the jobs. What another run
    had trained (the panel is shared) counts for whoever uses it, else the first arm paid for all.
    """
    runs = [r for name in store.runs.all() if (r := store.runs.find(name)) is not None]
    runs = [r for r in runs if r.protocol_hash == protocol_hash]
    log = list(store.events.all())
    used = {run.id: store.knowledge.used(run.id) for run in runs}
    keys = [e.subject for e in log if e.kind in ("done", "failed")]
    keys += [key for asked in used.values() for key in asked]
    jobs = store.jobs.outcomes(list(dict.fromkeys(keys)))
    unit = "FLOPs" if any(o.flops > 0 for o in jobs.values()) else "seconds of jobs"
    costs = {key: o.flops if unit == "FLOPs" else o.seconds for key, o in jobs.items()}
    arms: dict[str, list[Run]] = {}
    for run in runs:
        own = [e for e in log if e.run == run.id]
        course = _course(own, costs, used[run.id])
        if course is not None:
            arms.setdefault(run.arm, []).append(course)
    return unit, [_arm(name, found) for name, found in sorted(arms.items())]


def _course(
    log: Sequence[Event], costs: Mapping[str, float], used: Mapping[str, float]
) -> Run | None:
    """One run; None while it has spent nothing. used: its jobs, by when it first asked for each."""
    spent, found, seen = 0.0, list[float](), set[str]()
    own = {e.subject for e in log if e.kind in ("done", "failed")}
    others = [(at, costs.get(key, 0.0)) for key, at in used.items() if key not in own]
    others.sort(reverse=True)
    for event in log:
        while others and others[-1][0] <= event.at:
            spent += others.pop()[1]
        if event.kind in ("done", "failed"):
            spent += costs.get(event.subject, 0.0)
        elif event.kind == "confirmed" and event.subject not in seen and spent > 0:
            seen.add(event.subject)
            found.append(spent)
    spent += sum(cost for _, cost in others)
    return Run(tuple(found), spent) if spent > 0 else None


def _arm(name: str, runs: Sequence[Run]) -> d.Discoveries:
    grid = np.linspace(0, min(r.total for r in runs), GRID + 1)
    mean = curve(runs, grid)
    laws: list[d.Fit] = []
    if sum(len(r.events) for r in runs) >= TOLD:
        for fit in fits(runs, np.random.default_rng(0)):
            text = f"scale {fit.scale:.3g}, shape {fit.shape:.3g}, p of a worse fit {fit.p:.2g}"
            laws.append(d.Fit(fit.law, text, tuple(map(float, fit.expected(grid))), fit.aic))
    several = len(runs) > 1
    return d.Discoveries(
        name,
        tuple(map(float, grid)),
        tuple(map(float, mean.count)),
        tuple(map(float, mean.low)) if several else (),
        tuple(map(float, mean.high)) if several else (),
        len(runs),
        tuple(laws),
    )
