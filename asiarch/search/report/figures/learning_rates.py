"""Learning-rate sensitivity: what is lost beside the best rate, who is at the edge."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.report.axes import Frame, far, scale, spread
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import Asked, RateCurve
from asiarch.search.report.figures.kinds import legend, nothing
from asiarch.search.report.text import number

WIDTH, LEFT, RIGHT, TOP, FIELD = 640.0, 52.0, 170.0, 62.0, 240.0
TITLE = "Learning-rate sensitivity"
LINES = (("", "circle"), ("dash", "diamond"), ("dot", "up"))


def at_edge(curve: RateCurve) -> bool:
    """Is the best rate the first or the last of the grid? Then the grid may not hold the best."""
    known = [(v, i) for i, v in enumerate(curve.losses) if math.isfinite(v)]
    return bool(known) and min(known)[1] in (0, len(curve.losses) - 1)


def learning_rates(
    rates: Sequence[float], curves: Sequence[RateCurve], asked: Asked | None = None
) -> Figure:
    """Lines are losses above the best of the same operator. Panel in colour, candidates in grey."""
    asked = asked or Asked()
    lifted = [(c, _lift(c)) for c in curves if len(c.losses) == len(rates)]
    if not lifted or len(rates) < 2:
        return nothing("rates", TITLE, "Nothing was trained with more than one learning rate.")
    canvas = Canvas()
    items = [("l k0", "line", "panel"), ("l thin null", "line", "candidates"),
             ("o bad", "circle", "best at the grid's edge")]  # fmt: skip
    legend(canvas, 0, 14, WIDTH, items)
    bottom = TOP + FIELD
    top = _top([v for _, lift in lifted for v in lift if math.isfinite(v)])
    log = far(rates, 3) or all(r > 0 for r in rates)
    frame = Frame(
        scale(rates, LEFT, WIDTH - RIGHT, log=log),
        scale([0.0, top], bottom, TOP, pad=0.03),
    )
    labels = [(r, number(r)) for r in rates]
    frame.draw(canvas, "learning rate", f"{asked.task_unit} above its own best", x_labels=labels)
    shown = 0
    ends: list[tuple[float, str, str]] = []
    for curve, lift in sorted(lifted, key=lambda p: p[0].panel):
        shown += curve.panel
        css = f"l k{shown % 6} {LINES[shown // 6 % 3][0]}" if curve.panel else "l thin null"
        points = [(frame.x(r), frame.y.clamp(v)) for r, v in zip(rates, lift, strict=True)
                  if math.isfinite(v)]  # fmt: skip
        canvas.line(points, css.strip())
        if points and at_edge(curve):
            least = min(points, key=lambda p: -p[1])
            canvas.mark(*least, "circle", "o bad", size=3 if curve.panel else 2.2, tip=curve.name)
        if curve.panel and points:
            ends.append((points[-1][1], curve.name, css.strip()))
    for (y, name, look), place in zip(
        ends, spread([e[0] for e in ends], 14, TOP, bottom), strict=True
    ):
        canvas.line([(WIDTH - RIGHT + 2, y), (WIDTH - RIGHT + 10, place)], "l thin null")
        # A piece of the line itself, long enough to tell its dashes.
        canvas.line([(WIDTH - RIGHT + 10, place), (WIDTH - RIGHT + 34, place)], look)
        canvas.text(WIDTH - RIGHT + 38, place + 4, name, "t", room=RIGHT - 40)
    edge = [c for c, _ in lifted if at_edge(c)]
    desc = (
        f"{len(lifted)} operators over the rates {', '.join(number(r) for r in rates)}. "
        f"{len(edge)} are best at the edge of the grid"
        + (f": {', '.join(c.name for c in edge[:12])}." if edge else ".")
    )
    return canvas.figure("rates", TITLE, desc, WIDTH, bottom + 44)


def _lift(curve: RateCurve) -> list[float]:
    known = [v for v in curve.losses if math.isfinite(v)]
    return [v - min(known) for v in curve.losses] if known else list(curve.losses)


def _top(values: Sequence[float]) -> float:
    """Nine tenths of the values; what is above ends at the upper edge."""
    ordered = sorted(values)
    return (ordered[int(0.95 * (len(ordered) - 1))] * 1.2 or 1.0) if ordered else 1.0
