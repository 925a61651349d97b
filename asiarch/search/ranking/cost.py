"""What a measurement takes, said before it begins."""

from __future__ import annotations

from collections.abc import Mapping

from asiarch.search.protocol import Protocol

SECONDS = {
    "mqar.small": 15.0, "recall.small": 16.0, "noisy.small": 25.0, "fuzzy.small": 25.0,
    "update.small": 15.0, "copy.small": 15.0, "compression.small": 13.0, "memorisation.small": 6.0,
    "parity.small": 5.0, "s3.small": 8.0, "s3.all": 30.0, "s5.small": 30.0, "bytes.small": 15.0,
}  # fmt: skip
"""Seconds of a run of gated delta on one core of an x86-64 CPU, for who has measured none; simple
mixers take two thirds of it, mixers of several branches twice as long.
"""
UNKNOWN = 600.0
"""Of a task as published, whose runs nobody has timed here."""
CHECK = 2.0
"""Seconds of a check with the fast laws."""


def runs(protocol: Protocol) -> int:
    """Training runs of one design on one task."""
    tried = protocol.select_seeds * len(protocol.learning_rates)
    return tried + protocol.tiers[0].seeds[-1]


def seconds(protocol: Protocol, designs: int, known: Mapping[str, float] | None = None) -> float:
    """Seconds of one core for a ranking from nothing. `known`: of a run by task, as measured."""
    each = {**SECONDS, **(known or {})}
    tasks = protocol.tiers[0].tasks
    share = _share(protocol)
    return designs * sum(
        CHECK + runs(protocol) * each.get(task, UNKNOWN) * (1 if task in (known or {}) else share)
        for task in tasks
    )


def _share(protocol: Protocol) -> float:
    """Of a task's own steps that are done."""
    steps = protocol.tiers[0].steps
    return min(1.0, steps / 300) if steps else 1.0


def duration(value: float) -> str:
    """For people."""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def said(protocol: Protocol, designs: int, workers: int, known: Mapping[str, float]) -> str:
    """One sentence: operators, runs, time."""
    total = seconds(protocol, designs, known)
    tasks = protocol.tiers[0].tasks
    count = designs * len(tasks) * runs(protocol)
    return (
        f"{number(designs, 'operator')} on {', '.join(tasks)}: {number(count, 'run')}, about"
        f" {duration(total)} of one core, {duration(total / workers)} with"
        f" {number(workers, 'worker')}; what the store has is not run again"
    )


def number(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
