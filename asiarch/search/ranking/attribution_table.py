"""An attribution as tables of texts and as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from asiarch.search.analyst.attribution import Evidence, ordered
from asiarch.search.ranking.attribute import Attributed

Table = list[list[str]]


def removed(a: Attributed) -> Table:
    """What the winner loses without each component, largest first, and by task in nats."""
    tasks = list(dict.fromkeys(t for losses in a.by_task.values() for t in losses))
    head = ["component", "lost [95 %, all at once]", "p", "verdict", *(f"{t}, nats" for t in tasks)]
    rows = [head]
    for r in a.findings.removed:
        each = [f"{a.by_task[r.component][t]:+.3f}" for t in tasks]
        spread = f"{r.loss:+.2f} [{r.low:+.2f}, {r.high:+.2f}]"
        rows.append([a.titles[r.component], spread, f"{r.adjusted:.3f}", r.verdict, *each])
    return rows


def moved(a: Attributed) -> Table:
    """What other operators gain with it, an interval over hosts."""
    rows = [["component", "gain", "hosts", "verdict"]]
    for t in a.findings.transferred:
        spread = f"{t.gain:+.2f}"
        if math.isfinite(t.low):
            spread += f" [{t.low:+.2f}, {t.high:+.2f}]"
        rows.append([a.titles[t.component], spread, str(t.hosts), t.verdict])
    return rows


def failures(a: Attributed) -> Iterator[str]:
    """What did not train, and what cannot be put where."""
    for label, why in a.reasons.items():
        yield f"not trained: {label}: {why}"
    hosts: dict[tuple[str, str], list[str]] = {}
    for (component, host), why in a.refused.items():
        hosts.setdefault((component, why), []).append(host)
    for (component, why), names in hosts.items():
        yield f"not put into {', '.join(names)}: {a.titles[component]}: {why}"


def evidence(rows: Sequence[Evidence]) -> Table:
    """By component, the best kind of evidence first. Of what was put into others it is hosts that
    are counted.
    """
    out = [["component", "evidence", "value", "unit", "lineages"]]
    for name, each in ordered(rows):
        for e in each:
            spread = f"{e.value:+.2f}"
            if math.isfinite(e.low) and math.isfinite(e.high):
                spread += f" [{e.low:+.2f}, {e.high:+.2f}]"
            shown = f"{e.winner}: {name}" if e.winner else name
            level = f"{e.level}, grafted" if e.grafted else e.level
            out.append([shown, level, spread, e.unit, str(e.lineages)])
    return out


def as_json(found: Sequence[Attributed], rows: Sequence[Evidence], answer: str) -> dict[str, Any]:
    """Plain data; an unbounded end of an interval is null."""
    return {
        "winners": [
            {
                "name": a.winner.name,
                "id": a.winner.id,
                "titles": dict(a.titles),
                "removed": [asdict(r) | {"verdict": r.verdict} for r in a.findings.removed],
                "moved": [_bounded(asdict(t)) | {"verdict": t.verdict}
                          for t in a.findings.transferred],
                "by_task": {c: dict(v) for c, v in a.by_task.items()},
                "failed": dict(a.reasons),
                "refused": [[c, h, why] for (c, h), why in a.refused.items()],
            }
            for a in found
        ],
        "evidence": [_bounded(asdict(e)) for e in rows],
        "concentration": answer,
    }  # fmt: skip


def _bounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
