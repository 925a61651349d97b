"""From a winner to what must be retrained, and from the results to findings.

A plan is data: whoever has the budget trains each trial on the same seeds, parameters matched again
to the winner's (deletions) or the host's (grafts), and hands the losses back by label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asiarch.search.analyst.attribution import Evidence, Removed, Transfer, removals, transfer
from asiarch.search.analyst.delete import alone, deletions
from asiarch.search.analyst.graft import grafts

Role = Literal["winner", "deletion", "host", "graft"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A program to train. `against`: the label of the trial that it is paired with, and whose
    parameters it is matched to; its own for a winner or a host. `component`: what it is about.
    """

    label: str
    role: Role
    text: str
    op: str
    against: str
    component: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`refused`: (component, host) and why it cannot be put there."""

    trials: tuple[Trial, ...]
    refused: Mapping[tuple[str, str], str]


def plan(text: str, op: str, hosts: Mapping[str, tuple[str, str]]) -> Plan:
    """All deletions of a winner, and every component on every host that takes it; `hosts`: (file
    text, op) by name. A host is trained once, and only if something is put into it.
    """
    winner = alone(text, op)
    trials = [Trial("winner", "winner", winner, op, "winner")]
    moved: list[Trial] = []
    refused: dict[tuple[str, str], str] = {}
    for n, deletion in enumerate(deletions(winner, op)):
        name = f"{n} {deletion.label}"
        trials.append(Trial(f"without {name}", "deletion", deletion.text, op, "winner", name))
        made, why = grafts(winner, deletion.component, hosts)
        refused.update({(name, host): reason for host, reason in why.items()})
        for g in made:
            label = f"{name} on {g.host}"
            moved.append(Trial(label, "graft", g.text, hosts[g.host][1], f"host {g.host}", name))
    used = {t.against for t in moved}
    for host, (file, entry) in hosts.items():
        if f"host {host}" in used:
            label = f"host {host}"
            trials.append(Trial(label, "host", alone(file, entry), entry, label))
    return Plan((*trials, *moved), refused)


Losses = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Findings:
    """`failed`: labels of trials with a run that failed: a deletion that no longer trains says more
    than a number, and none is made up for it.
    """

    removed: tuple[Removed, ...]
    transferred: tuple[Transfer, ...]
    failed: tuple[str, ...]

    def evidence(self, unit: str = "nats") -> list[Evidence]:
        """Rows for the report. One winner is one lineage; hosts are as many as there were."""
        rows = [
            Evidence(r.component, "causal", r.loss, r.low, r.high, 1, unit) for r in self.removed
        ]
        rows += [
            Evidence(t.component, "causal", t.gain, t.low, t.high, t.hosts, unit)
            for t in self.transferred
        ]
        return rows


def read(planned: Plan, losses: Losses) -> Findings:
    """What the losses [seeds] by label say. Raises KeyError for a trial without results."""
    values = {
        t.label: np.array([np.nan if x is None else x for x in losses[t.label]], dtype=float)
        for t in planned.trials
    }
    failed = [label for label, x in values.items() if not np.isfinite(x).all()]
    without = {
        t.component: values[t.label]
        for t in planned.trials
        if t.role == "deletion" and t.label not in failed
    }
    gains: dict[str, dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]] = {}
    for t in planned.trials:
        if t.role == "graft" and t.label not in failed and t.against not in failed:
            gains.setdefault(t.component, {})[t.against] = values[t.against] - values[t.label]
    removed = removals(values["winner"], without) if without and "winner" not in failed else []
    moved = [transfer(name, by_host) for name, by_host in gains.items()]
    return Findings(tuple(removed), tuple(sorted(moved, key=lambda m: -m.gain)), tuple(failed))
