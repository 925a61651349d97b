"""Forest plot: effects with intervals, what was confirmed told apart from what was screened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import NULL, Asked, Candidate, Estimate
from asiarch.search.report.figures.kinds import legend, nothing
from asiarch.search.report.text import anchor, count, interval, number, tick

NAME, LEFT, PLOT, RIGHT, ROW, TOP = 150.0, 330.0, 380.0, 70.0, 22.0, 44.0

LUCKIEST = 3
TITLE = "Effects with intervals"


def forest(candidates: Sequence[Candidate], asked: Asked | None = None, most: int = 20) -> Figure:
    """Confirmed candidates, the panel, and the `most` best of those that were only screened; the
    luckiest of the null arm, which are the baseline over again.

    A filled mark is an effect on confirmation seeds, an open one on selection seeds, which chose
    the candidate and flatter it. The baseline is at zero; better is to the right.
    """
    asked = asked or Asked()
    groups = list(_groups(candidates, most))
    if not groups:
        return nothing("forest", TITLE, "Nothing was measured yet.")
    canvas = Canvas()
    x = _scale([c for _, rows in groups for c in rows])
    height = TOP + sum(ROW * (len(rows) + 1) + 8 for _, rows in groups) + 30
    legend(canvas, 0, 14, LEFT + PLOT, _LEGEND)
    y = TOP
    _field(canvas, x, TOP - 6, height - 34, asked)
    for heading, rows in groups:
        canvas.text(0, y + 6, heading, "t b")
        y += ROW
        for row in rows:
            _row(canvas, x, y, row)
            y += ROW
        y += 8
    shown = sum(len(rows) for _, rows in groups)
    confirmed = [c for c in candidates if c.confirmed.known]
    claims = [c for c in confirmed if c.claim]
    desc = (
        f"{shown} operators with the difference to the baseline in {asked.unit} of {asked.metric}, "
        f"better to the right, intervals of {100 * asked.level:.0f} %. {len(confirmed)} were "
        f"measured on confirmation seeds, {len(claims)} of them passed. "
        + " ".join(f"{c.name}: {interval(c.confirmed)}." for c in confirmed[:10])
    )
    return canvas.figure("forest", TITLE, desc, LEFT + PLOT + RIGHT, height)


_LEGEND = (
    ("f k0", "circle", "fresh seeds, passed"),
    ("f null", "circle", "fresh seeds, not passed (intervals for all at once)"),
    ("o k1", "diamond", "selection seeds"),
)


def _groups(
    candidates: Sequence[Candidate], most: int
) -> Iterator[tuple[str, Sequence[Candidate]]]:
    measured = [c for c in candidates if c.overall.known or c.confirmed.known]
    confirmed = [c for c in measured if c.confirmed.known and not c.panel]
    panel = [c for c in measured if c.panel]
    rest = [c for c in measured if not c.panel and not c.confirmed.known]
    null = [c for c in rest if c.arm == NULL]
    screened = [c for c in rest if c.arm != NULL]
    best, luck = sorted(screened, key=_rank)[:most], sorted(null, key=_rank)[:LUCKIEST]
    if confirmed:
        yield "On fresh seeds", sorted(confirmed, key=_rank)
    if panel:
        yield "Panel", sorted(panel, key=_rank)
    if best:
        yield f"Screened only, {len(best)} of {len(screened)}", best
    if luck:
        yield f"The baseline again, the luckiest {len(luck)} of {len(null)}", luck


def _rank(candidate: Candidate) -> tuple[bool, float, str]:
    shown = candidate.confirmed if candidate.confirmed.known else candidate.overall
    return not candidate.claim, -shown.value, candidate.id


def _scale(rows: Sequence[Candidate]) -> Scale:
    """Holds candidates whole; a member of the panel far off is an arrow at the edge."""
    values: list[float] = [0.0]
    for row in rows:
        if not row.panel:
            for e in (row.overall, row.confirmed):
                values += [v for v in (e.value, e.low, e.high) if math.isfinite(v)]
    reach = max(map(abs, values))
    for row in rows:
        if row.panel and (reach == 0 or abs(row.overall.value) <= 2 * reach):
            values += [v for v in (row.overall.value,) if math.isfinite(v)]
    return scale(values, LEFT, LEFT + PLOT)


def _field(canvas: Canvas, x: Scale, top: float, bottom: float, asked: Asked) -> None:
    for value in x.ticks(6):
        canvas.line([(x(value), top), (x(value), bottom)], "zero" if value == 0 else "grid")
        canvas.text(x(value), bottom + 15, tick(value, sign=True) if value else "baseline", "t m c")
    canvas.text(
        LEFT + PLOT / 2,
        bottom + 32,
        f"{asked.unit} better than the baseline",
        "t m c",
        room=PLOT + 100,
    )


def _row(canvas: Canvas, x: Scale, y: float, row: Candidate) -> None:
    canvas.text(0, y + 4, row.name, "", room=NAME - 10)
    both = row.confirmed.known and row.overall.known
    if row.overall.known:
        _estimate(canvas, x, y - (4 if both else 0), row.overall, "o k1", "diamond", row)
    if row.confirmed.known:
        css = "f k0" if row.claim else "f null"
        _estimate(canvas, x, y + (4 if both else 0), row.confirmed, css, "circle", row)
    shown = row.confirmed if row.confirmed.known else row.overall
    canvas.text(LEFT - 14, y + 4, interval(shown), "t e", room=LEFT - NAME - 14)
    if row.seeds:
        canvas.text(LEFT + PLOT + RIGHT, y + 4, count(row.seeds, "seed"), "t m e")


def _estimate(
    canvas: Canvas, x: Scale, y: float, e: Estimate, css: str, mark: str, row: Candidate
) -> None:
    kind = css.split()[1]
    tip = f"{row.name}: {interval(e)}"
    if not x.low <= e.value <= x.high:
        sign = -1 if e.value < x.low else 1
        at = x.clamp(e.value)
        canvas.area([(at, y), (at - 9 * sign, y - 5), (at - 9 * sign, y + 5)], f"f {kind}")
        end = "" if sign < 0 else " e"
        canvas.text(at - 13 * sign, y + 4, number(e.value, sign=True), f"t m halo{end}")
        return
    if e.bounded:
        a, b = x.clamp(e.low), x.clamp(e.high)
        canvas.line([(a, y), (b, y)], f"l {kind}")
        for end, inside in ((a, e.low >= x.low), (b, e.high <= x.high)):
            if inside:
                canvas.line([(end, y - 3), (end, y + 3)], f"l {kind}")
    canvas.mark(x(e.value), y, mark, css, size=3.6, tip=tip, link=anchor(row.id))
