"""Lineage tree: what the best descend from, by which edits, and how the effect went on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import Asked, Candidate
from asiarch.search.report.figures.kinds import legend, nothing
from asiarch.search.report.lineages import Branch, beside, forest_of, rows_of
from asiarch.search.report.text import anchor, count, effect, interval, tick

STEP, ROW, TOP = 16.0, 21.0, 52.0
NAMES, DOTS, PLOT, VALUES = 250.0, 150.0, 240.0, 60.0
DOT = 7.0
MOST_DOTS = int(DOTS / DOT) - 5
TITLE = "Lineage of the best"


def lineage(candidates: Sequence[Candidate], asked: Asked | None = None, most: int = 12) -> Figure:
    """The ancestors of the `most` best, a row each, with the edit that made it.

    Small dots are the other descendants of a row: filled ones were measured, rings turned away.
    To the right is the effect with its interval, of all rows on the same kind of seeds, so that a
    line of descent reads as a course.
    """
    asked = asked or Asked()
    roots = forest_of(candidates, most)
    rows = [branch for root in roots for branch in rows_of(root)]
    if not rows:
        return nothing("lineage", TITLE, "No candidate was measured yet.")
    deepest = max((b.depth for b in rows), default=0)
    tree = NAMES + STEP * min(deepest, 14)
    left = tree + DOTS
    x = _scale(rows, left)
    canvas = Canvas()
    bottom = TOP + ROW * len(rows)
    legend(canvas, 0, 14, left + PLOT, _LEGEND)
    for value in x.ticks(4):
        canvas.line([(x(value), TOP - 6), (x(value), bottom)], "zero" if value == 0 else "grid")
        canvas.text(x(value), bottom + 14, tick(value, sign=True) if value else "baseline", "t m c")
    canvas.text(
        left + PLOT / 2,
        bottom + 30,
        f"{asked.unit} better than the baseline",
        "t m c",
        room=PLOT + 100,
    )
    canvas.text(tree, TOP - 12, "other descendants", "t m")
    at = {id(b): i for i, b in enumerate(rows)}
    for i, branch in enumerate(rows):
        y = TOP + ROW * (i + 0.5)
        _links(canvas, branch, y, at)
        _row(canvas, branch, y, tree)
        _effect(canvas, branch, x, y, left)
    told = " ".join(_course(b, rows) for b in rows if b.best)
    desc = f"{count(len(rows), 'candidate')} in {count(len(roots), 'line')} of descent. {told}"
    return canvas.figure("lineage", TITLE, desc, left + PLOT + VALUES, bottom + 38)


_LEGEND = (
    ("f k0", "circle", "among the best"),
    ("f k3", "diamond", "claim"),
    ("o k6", "square", "panel"),
    ("o k0", "circle", "led to one"),
)


def _scale(rows: Sequence[Branch], left: float) -> Scale:
    """Holds the values of all rows, and the intervals of the best."""
    values = [beside(b.candidate).value for b in rows]
    for b in rows:
        if b.best:
            values += [beside(b.candidate).low, beside(b.candidate).high]
    finite = sorted(v for v in values if math.isfinite(v))
    return scale(finite, left, left + PLOT, zero=True)


def _x(branch: Branch) -> float:
    return 6 + STEP * min(branch.depth, 14)


def _links(canvas: Canvas, branch: Branch, y: float, at: dict[int, int]) -> None:
    for child in branch.children:
        below = TOP + ROW * (at[id(child)] + 0.5)
        x, end = _x(branch), _x(child)
        points = (
            [(x, y + 5), (x, below), (end - 5, below)] if end > x else [(x, y + 5), (x, below - 5)]
        )
        canvas.line(points, "axis")


def _row(canvas: Canvas, branch: Branch, y: float, tree: float) -> None:
    c, x = branch.candidate, _x(branch)
    css, mark = (
        ("f k3", "diamond")
        if c.claim
        else ("f k0", "circle")
        if branch.best
        else ("o k0", "circle")
    )
    if c.panel:
        css, mark = "o k6", "square"
    how = " + ".join(dict.fromkeys(e.operator for e in c.edits))
    tip = f"{c.name}: {interval(beside(c))}{f', by {how}' if how else ''}"
    canvas.mark(x, y, mark, css, size=4, tip=tip, link=anchor(c.id))
    room = tree - x - 20
    name_room = room * 0.56 if how else room
    canvas.text(x + 10, y + 4, c.name, "b" if branch.best else "", room=name_room)
    if how:
        canvas.text(tree - 12, y + 4, how, "t m e", room=room * 0.42)
    for i, other in enumerate(branch.others[:MOST_DOTS]):
        turned = bool(other.reason) and not beside(other).known
        tip = f"{other.name}: {other.reason or interval(beside(other))}"
        canvas.mark(
            tree + 4 + DOT * i, y, "circle", "o null" if turned else "f null",
            size=2, tip=tip, link=anchor(other.id),
        )  # fmt: skip
    if len(branch.others) > MOST_DOTS:
        canvas.text(tree + 4 + DOT * MOST_DOTS, y + 4, f"+{len(branch.others) - MOST_DOTS}", "t m")


def _effect(canvas: Canvas, branch: Branch, x: Scale, y: float, left: float) -> None:
    e = beside(branch.candidate)
    if not e.known:
        canvas.text(left + PLOT + 8, y + 4, "–", "t m")
        return
    kind = "k3" if branch.candidate.claim else "k0" if branch.best else "null"
    if e.bounded:
        canvas.line([(x.clamp(e.low), y), (x.clamp(e.high), y)], f"l {kind}")
    canvas.mark(x(e.value), y, "circle", f"f {kind}", size=3, tip=interval(e))
    canvas.text(left + PLOT + 8, y + 4, effect(e.value), "t" if branch.best else "t m")


def _course(branch: Branch, rows: Sequence[Branch]) -> str:
    """`name: +0.1 from parent at +0.05.`"""
    parent = next((b for b in rows if branch in b.children), None)
    came = (
        f" from {parent.candidate.name} at {effect(beside(parent.candidate).value)}"
        if parent
        else ""
    )
    return f"{branch.candidate.name}: {effect(beside(branch.candidate).value)}{came}."
