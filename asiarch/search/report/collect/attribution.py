"""What the analyst found of components, as rows of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.analyst.attribution import Evidence, ordered
from asiarch.search.report.data import UNKNOWN, Component, Estimate


def components(evidence: Sequence[Evidence]) -> tuple[Component, ...]:
    """A row for each component, in the analyst's order. A lift is a ratio and shown as its log."""
    return tuple(_component(name, rows) for name, rows in ordered(evidence))


def _component(name: str, rows: Sequence[Evidence]) -> Component:
    best: dict[str, Evidence] = {}
    for row in rows:
        best.setdefault("grafted" if row.grafted else row.level, row)
    shown = {level: _estimate(row) for level, row in best.items()}
    grafted = best.get("grafted")
    return Component(
        name,
        shown.get("causal", UNKNOWN),
        shown.get("model", UNKNOWN),
        shown.get("lift", UNKNOWN),
        max((row.lineages for row in best.values() if not row.grafted), default=0),
        shown.get("grafted", UNKNOWN),
        grafted.lineages if grafted is not None else 0,
        rows[0].winner,
    )


def _estimate(row: Evidence) -> Estimate:
    if row.level != "lift":
        return Estimate(row.value, row.low, row.high)
    return Estimate(_log(row.value), _log(row.low), _log(row.high))


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf if ratio == 0 else math.nan
