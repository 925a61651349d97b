"""Tier agreement: does a cheap tier rank the panel as the dearer one after it does?"""

from __future__ import annotations

from collections.abc import Sequence

from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import TIERS, TierPair
from asiarch.search.report.figures.kinds import nothing
from asiarch.search.report.text import effect, interval

TITLE = "Rank correlation between tiers"
CHANCE = 0.025
CELL, HEIGHT, LEFT, TOP = 118.0, 56.0, 70.0, 44.0


def tier_agreement(pairs: Sequence[TierPair]) -> Figure:
    """Rank correlations with intervals. A tier may gate only where its interval excludes zero."""
    if not pairs:
        return nothing("tiers", TITLE, "No two tiers were compared yet.")
    names = _ordered({n for p in pairs for n in (p.first, p.second)})
    at = {(p.first, p.second): p for p in pairs}
    rows, columns = names[:-1], names[1:]
    canvas = Canvas()
    for i, name in enumerate(columns):
        canvas.text(LEFT + CELL * (i + 0.5), TOP - 8, name, "c b", room=CELL - 6)
    for j, row in enumerate(rows):
        y = TOP + HEIGHT * j
        canvas.text(LEFT - 10, y + HEIGHT / 2 + 4, row, "e b", room=LEFT - 12)
        for i, column in enumerate(columns):
            if i >= j:
                _cell(canvas, LEFT + CELL * i, y, at.get((row, column)))
    wide = max(LEFT + CELL * len(columns), 300.0)
    told = "; ".join(
        f"{p.first} and {p.second} {interval(p.rho)} over {p.count}"
        f"{', may gate' if gates(p) else ', must not gate'}"
        for p in pairs
    )
    return canvas.figure(
        "tiers", TITLE, f"Spearman. {told}.", wide,
        TOP + HEIGHT * len(rows) + 6,
    )  # fmt: skip


def gates(pair: TierPair) -> bool:
    """Zero is excluded by the interval, and by the permutations where they were made."""
    return pair.rho.bounded and pair.rho.low > 0 and not pair.p > CHANCE


def _ordered(names: set[str]) -> list[str]:
    known = {name: i for i, name in enumerate(TIERS)}
    return sorted(names, key=lambda n: (known.get(n, len(known)), n))


def _cell(canvas: Canvas, x: float, y: float, pair: TierPair | None) -> None:
    w, h = CELL - 3, HEIGHT - 3
    canvas.rect(x, y, w, h, "soft")
    if pair is None or not pair.rho.known:
        canvas.text(x + w / 2, y + h / 2 + 4, "not known", "t m c")
        return
    css = "good" if pair.rho.value >= 0 else "bad"
    canvas.rect(x, y + h - 4, w * min(abs(pair.rho.value), 1.0), 4, f"f {css}")
    canvas.text(x + w / 2, y + 16, effect(pair.rho.value), "b c")
    if pair.rho.bounded:
        ends = f"{effect(pair.rho.low)} to {effect(pair.rho.high)}"
        canvas.text(x + w / 2, y + 30, ends, "t m c")
    canvas.text(x + w / 2, y + 44, "may gate" if gates(pair) else "must not gate", "t c")
