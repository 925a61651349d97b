"""Tier C: a frozen shortlist on seeds that nothing has seen, the bar beside it, then an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asiarch.search.engineer.design import Design
from asiarch.search.engineer.engineer import Engineer
from asiarch.search.engineer.jobs import audit_job
from asiarch.search.engineer.yardstick import Yardstick
from asiarch.search.job import Json
from asiarch.search.lab import Request
from asiarch.search.stats.confirm import confirm
from asiarch.search.stats.paired import composite

TIER = "C"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a claim. `effect` in sds of a task's paired difference, with the simultaneous interval;
    `p` adjusted by Holm; `audit`: findings by name, each with `ok` and what was `said`.
    """

    design: Design
    confirmed: bool
    effect: float
    low: float
    high: float
    p: float
    reason: str = ""
    audit: Mapping[str, Json] | None = None

    @property
    def evidence(self) -> dict[str, Json]:
        """What is written beside the verdict; numbers that are none are left out."""
        numbers = {"effect": self.effect, "low": self.low, "high": self.high, "p": self.p}
        known: dict[str, Json] = {n: v for n, v in numbers.items() if v == v}
        return {**known, "reason": self.reason, "audit": dict(self.audit or {})}


def confirmed(
    engineer: Engineer, yardstick: Yardstick, shortlist: Sequence[Design]
) -> list[Verdict]:
    """The verdicts on a shortlist that was frozen. Tasks, seeds, margin and alpha are the
    protocol's; those that stand are audited, and the audit stands beside the claim.
    """
    protocol = engineer.protocol
    scores = engineer.scores(
        [yardstick.bar, *shortlist], protocol.claim_tasks, range(protocol.confirm_seeds),
        role="confirm", tier=TIER,
    )  # fmt: skip
    ids = [d.id for d in shortlist]
    paired = {t: scores.paired(ids, yardstick.bar.id, t) for t in protocol.claim_tasks}
    values = composite(paired, yardstick.sigma)
    found = confirm(values, protocol.margin * yardstick.spread.sigma, protocol.alpha)
    verdicts: list[Verdict] = []
    for i, design in enumerate(shortlist):
        lost = scores.failure(design.id, protocol.claim_tasks)
        stands = bool(found.confirmed[i])
        verdicts.append(
            Verdict(
                design, stands, float(found.effect[i]), float(found.low[i]), float(found.high[i]),
                float(found.adjusted[i]), f"{lost.reason}: {lost.said}" if lost else "",
                audited(engineer, design, protocol.claim_tasks) if stands else None,
            )
        )  # fmt: skip
    return verdicts


def audited(engineer: Engineer, design: Design, tasks: Sequence[str]) -> dict[str, Json]:
    """Findings about a result that is surprisingly good, for each task."""
    rates = engineer.rates([design], tasks)
    requests = [
        Request(
            audit_job(
                design, task, engineer.setting, engineer.seed("test", 0),
                rates[design.id, task].value or engineer.protocol.learning_rates[0],
                engineer.cost(task),
            ),
            (design.text.encode(),), design.id, role="test", tier="audit",
        )
        for task in tasks
    ]  # fmt: skip
    outcomes = engineer.lab.run(requests)
    return {task: _findings(o.reason, o.values) for task, o in zip(tasks, outcomes, strict=True)}


def _findings(reason: str | None, values: Mapping[str, Json]) -> Json:
    """What an audit found; one that could not be done is a finding too."""
    if reason is None:
        return dict(values)
    return {"audit": {"ok": False, "said": f"{reason}: {values.get('message')}"}}
