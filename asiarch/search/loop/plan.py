"""What a budget buys, from what runs were seen to take: said before it is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from asiarch.search.protocol import FULL, Protocol, Tier

Cost = Callable[[str], float]
"""CPU-seconds of a run of a task."""

FURTHER = 0.3
"""The share of the seeds after the first look that a candidate uses, on the average."""
CHECK = 1.5
"""CPU-seconds of T0b, with the start of its process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of wall time, with all workers busy; `most`: claims that the protocol allows."""

    panel: float
    candidate: float
    finish: float
    claim: float
    most: int

    def candidates(self, budget: float) -> int:
        """How many a budget of wall time funds."""
        return max(0, int((budget - self.panel - self.finish) / self.candidate))

    def said(self, budget: float | None, limit: int | None) -> str:
        """For people, before the search starts."""
        count = limit if budget is None else self.candidates(budget)
        if limit is not None and count is not None:
            count = min(count, limit)
        if count is None:
            funds, total = "any number of candidates", ""
        else:
            whole = self.panel + count * self.candidate + self.finish
            funds, total = f"about {count} candidates", f", {minutes(whole)} in all"
        claims = self.most if budget is None or budget >= self.claim else 0
        said = f"up to {claims} claims" if claims else "0 claims"
        return (
            f"this funds {funds} and {said}; the panel takes about {minutes(self.panel)}{total};"
            f" a claim on this machine needs about {minutes(self.claim)}"
        )


def plan(protocol: Protocol, cost: Cost, workers: int) -> Plan:
    """Of a protocol on this machine."""
    first = protocol.tiers[0]
    return Plan(
        panel=panel(protocol, first, cost) / workers,
        candidate=candidate(protocol, first, cost) / workers,
        finish=finish(protocol, cost, 1) / workers if protocol.claims else 0.0,
        claim=_claim(protocol if protocol.claims else FULL, cost) / workers,
        most=protocol.shortlist if protocol.claims else 0,
    )


def panel(protocol: Protocol, tier: Tier, cost: Cost) -> float:
    """CPU-seconds to measure the panel on a tier."""
    return len(protocol.panel) * _runs(protocol, tier, tier.seeds[-1], cost)


def candidate(protocol: Protocol, tier: Tier, cost: Cost) -> float:
    """CPU-seconds of a candidate on a tier, on the average."""
    seeds = tier.seeds[0] + FURTHER * (tier.seeds[-1] - tier.seeds[0])
    return CHECK + _runs(protocol, tier, seeds, cost)


def finish(protocol: Protocol, cost: Cost, promoted: int) -> float:
    """CPU-seconds from here to the verdicts when so many candidates were promoted."""
    if not protocol.claims or not promoted:
        return 0.0
    later = sum(
        panel(protocol, tier, cost) + promoted * candidate(protocol, tier, cost)
        for tier in protocol.tiers[1:]
    )
    listed = min(promoted, protocol.shortlist) + 1
    confirming = sum(cost(task) for task in protocol.claim_tasks) * protocol.confirm_seeds * listed
    return later + confirming


def _runs(protocol: Protocol, tier: Tier, seeds: float, cost: Cost) -> float:
    """One design on a tier, the choice of its learning rates included."""
    tried = protocol.select_seeds * len(protocol.learning_rates)
    return sum(cost(task) for task in tier.tasks) * (tried + seeds)


def _claim(protocol: Protocol, cost: Cost) -> float:
    """The least that leads to one: the panel, one candidate through every tier, confirmation."""
    first = protocol.tiers[0]
    whole = _runs(protocol, first, first.seeds[-1], cost)
    return panel(protocol, first, cost) + whole + finish(protocol, cost, 1)


def minutes(seconds: float) -> str:
    """A duration for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
