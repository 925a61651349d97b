"""Attribution: what a component brings, by deletion retraining, by a model, by lift."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import Asked, Component, Estimate
from asiarch.search.report.figures.kinds import nothing
from asiarch.search.report.text import count, interval, tick

LEFT, PANEL, GAP, LINEAGES, ROW, TOP = 170.0, 176.0, 16.0, 64.0, 24.0, 50.0
WAYS = (
    ("causal", "deletion retraining", "f k0", "circle"),
    ("model", "importance, held-out lineages", "f k1", "diamond"),
    ("lift", "lift, its logarithm", "f k3", "up"),
)
TITLE = "What a component brings"


def attribution(
    components: Sequence[Component], asked: Asked | None = None, most: int = 20
) -> Figure:
    """Rows are components, best known first; columns the three ways of asking, each on its scale.

    Only deletion retraining is causal; the other two are associations, and say so in the column.
    """
    asked = asked or Asked()
    rows = sorted(components, key=_order)[:most]
    if not rows:
        return nothing("attribution", TITLE, "Nothing was attributed yet.")
    canvas = Canvas()
    bottom = TOP + ROW * len(rows)
    for at, (way, title, css, mark) in enumerate(WAYS):
        left = LEFT + (PANEL + GAP) * at
        values = [getattr(r, way) for r in rows]
        unit = asked.unit if way == "causal" else ""
        _panel(canvas, left, bottom, values, title, unit, css, mark)
    edge = LEFT + (PANEL + GAP) * len(WAYS)
    canvas.text(edge + LINEAGES - 4, TOP - 14, "lineages", "t m e")
    for at, row in enumerate(rows):
        y = TOP + ROW * (at + 0.5)
        canvas.text(0, y + 4, row.name, "", room=LEFT - 14)
        canvas.text(edge + LINEAGES - 4, y + 4, str(row.lineages), "m e")
    told = [r for r in rows if r.causal.known]
    desc = (
        f"{count(len(rows), 'component')}. By deletion and retraining, in {asked.unit}: "
        + ("; ".join(f"{r.name} {interval(r.causal)}" for r in told) or "none was deleted")
        + ". Importance and lift are associations."
    )
    return canvas.figure("attribution", TITLE, desc, edge + LINEAGES, bottom + 26)


def _order(row: Component) -> tuple[bool, float, bool, float, str]:
    """Causal before model before lift."""
    causal, model = row.causal, row.model
    return (
        not causal.known, -causal.value if causal.known else 0.0,
        not model.known, -model.value if model.known else 0.0, row.name,
    )  # fmt: skip


def _panel(
    canvas: Canvas, left: float, bottom: float, values: Sequence[Estimate], title: str, unit: str,
    css: str, mark: str,
) -> None:  # fmt: skip
    canvas.text(left, TOP - 28, title, "t b", room=PANEL)
    associated = "association" if not unit else f"{unit} lost without it"
    canvas.text(left, TOP - 14, associated, "t m", room=PANEL)
    ends = [v for e in values for v in (e.value, e.low, e.high) if math.isfinite(v)]
    x = scale(ends, left, left + PANEL, zero=True)
    for value in x.ticks(4):
        canvas.line([(x(value), TOP - 6), (x(value), bottom)], "zero" if value == 0 else "grid")
        canvas.text(x(value), bottom + 15, tick(value), "t m c")
    for at, estimate in enumerate(values):
        _point(canvas, x, TOP + ROW * (at + 0.5), estimate, css, mark)


def _point(canvas: Canvas, x: Scale, y: float, e: Estimate, css: str, mark: str) -> None:
    if not e.known:
        canvas.text((x.start + x.end) / 2, y + 4, "not measured", "t m c halo")
        return
    sure = e.bounded and (e.low > 0 or e.high < 0)
    kind = css.split()[1]
    if e.bounded:
        canvas.line([(x(e.low), y), (x(e.high), y)], f"l {kind}")
    canvas.mark(x(e.value), y, mark, css if sure else f"o {kind}", tip=interval(e))
