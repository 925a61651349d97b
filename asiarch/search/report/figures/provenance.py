"""Provenance: where edits came from, beside what the paper of ASI-Arch reports for its own."""

from __future__ import annotations

from collections.abc import Sequence

from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import CLASSES, Share
from asiarch.search.report.figures.kinds import legend
from asiarch.search.report.text import MISSING, count, cut, percent, width

# arXiv 2507.18074, section 5: labelled by a language model, shares of components in percent.
PAPER = (
    ("ASI-Arch, its gallery", (48.6, 44.8, 6.6)),
    ("ASI-Arch, the rest", (51.9, 37.7, 10.4)),
)
COLORS = ("k0", "k1", "k2")
LEFT, BAR, RIGHT, ROW = 170.0, 400.0, 150.0, 36.0


def provenance(shares: Sequence[Share]) -> Figure:
    """One bar for each group of edits, in the paper's three classes, the paper's own below."""
    canvas = Canvas()
    items = [(f"f {css}", "square", name) for css, name in zip(COLORS, CLASSES, strict=True)]
    y = legend(canvas, LEFT, 14, BAR, items) + 10
    told: list[str] = []
    for share in shares:
        total = sum(share.counts)
        parts = [c / total for c in share.counts] if total else []
        others = f", {share.others} of none" if share.others else ""
        _bar(canvas, y, share.group, parts, f"{count(total, 'edit')}{others}")
        told.append(f"{share.group}: {_said(parts)}")
        y += ROW
    if not shares:
        canvas.text(LEFT, y + 14, "no edit was recorded", "m")
        y += ROW
    y += 6
    canvas.line([(0, y - 6), (LEFT + BAR + RIGHT, y - 6)], "grid")
    for name, values in PAPER:
        parts = [v / 100 for v in values]
        _bar(canvas, y, name, parts, "by a model's word", faint=True)
        told.append(f"{name}: {_said(parts)}")
        y += ROW
    return canvas.figure(
        "provenance", "Where edits came from", ". ".join(told) + ".", LEFT + BAR + RIGHT, y
    )


def _said(parts: Sequence[float]) -> str:
    return (
        ", ".join(f"{n} {100 * p:.1f} %" for n, p in zip(CLASSES, parts, strict=False)) or "no edit"
    )


def _bar(
    canvas: Canvas, y: float, name: str, parts: Sequence[float], note: str, *, faint: bool = False
) -> None:
    canvas.text(LEFT - 12, y + 16, cut(name, LEFT - 14, 12), "e")
    x = LEFT
    for part, kind, label in zip(parts, COLORS, CLASSES, strict=False):
        wide = BAR * part
        tip = f"{name}: {label} {percent(part)}"
        canvas.rect(x, y, max(wide - 1.5, 0), 22, f"{'band' if faint else 'f'} {kind}", tip=tip)
        shown = percent(part)
        if wide > width(shown, 11) + 6:
            canvas.text(x + wide / 2, y + 15, shown, "t c" if faint else "t c on")
        x += wide
    digits = " / ".join(f"{100 * p:.1f}" for p in parts)
    canvas.text(LEFT + BAR + 8, y + 10, f"{digits} %" if digits else MISSING, "t", room=RIGHT - 8)
    canvas.text(LEFT + BAR + 8, y + 23, note, "t m", room=RIGHT - 8)
