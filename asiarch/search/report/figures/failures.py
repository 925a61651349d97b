"""Failures: where candidates were turned away, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import TIERS, Candidate
from asiarch.search.report.figures.kinds import nothing
from asiarch.search.report.lineages import proposed
from asiarch.search.report.text import count, percent

REASONS = {
    "type": "not well-typed",
    "causal": "not proved causal",
    "cost": "too costly, or unmatched",
    "duplicate": "seen before, or in the library",
    "compile": "the compiler refused it",
    "law": "a law failed: a fault of ours",
    "nan": "a loss was not finite",
    "oom": "out of memory",
    "timeout": "out of time",
    "infra": "the machine failed, tried again",
    "effect": "the bound was not above zero",
}
LEFT, BAR, RIGHT, ROW, TOP = 230.0, 320.0, 110.0, 24.0, 14.0
TITLE = "Why candidates were turned away"


def failures(candidates: Sequence[Candidate]) -> Figure:
    """One bar for each tier and reason, in the order of the tiers."""
    rivals = proposed(candidates)
    found = Counter((c.reached, c.reason) for c in rivals if c.reason)
    rows = sorted(found.items(), key=lambda r: (_tier(r[0][0]), -r[1], r[0][1]))
    if not rows:
        return nothing("failures", TITLE, "No candidate was turned away.")
    canvas = Canvas()
    most = max(found.values())
    y = TOP
    for (tier, reason), number in rows:
        label, css = REASONS.get(reason, reason), "null" if reason == "effect" else "k1"
        canvas.text(0, y + 14, tier, "m")
        canvas.text(LEFT - 10, y + 14, label, "e", room=LEFT - 50)
        canvas.rect(LEFT, y + 2, BAR * number / most, ROW - 7, f"f {css}", tip=f"{tier}: {label}")
        share = f"{number} ({percent(number / len(rivals))})"
        canvas.text(LEFT + BAR * number / most + 8, y + 14, share, "t m")
        y += ROW
    told = "; ".join(f"{t} {REASONS.get(r, r)}: {n}" for (t, r), n in rows)
    desc = f"Of {count(len(rivals), 'candidate')}: {told}."
    return canvas.figure("failures", TITLE, desc, LEFT + BAR + RIGHT, y + 6)


def _tier(name: str) -> tuple[int, str]:
    return (TIERS.index(name) if name in TIERS else len(TIERS), name)
