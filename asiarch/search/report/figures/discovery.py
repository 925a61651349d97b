"""The discovery curve: distinct confirmed discoveries against all compute, the null arm always."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from asiarch.search.report.axes import Frame, scale, spread
from asiarch.search.report.canvas import Canvas, Figure, Point
from asiarch.search.report.data import NULL, Discoveries, Fit
from asiarch.search.report.figures.kinds import Kind, kinds, legend, nothing
from asiarch.search.report.text import count, cut, number, width

WIDTH, LEFT, RIGHT, FIELD = 720.0, 48.0, 120.0, 280.0
STYLES = {"poisson": "dash", "power": "dot", "saturating": "dashdot"}
TITLE = "Discoveries against compute"
WITHOUT = "No null arm was run: nothing here tells a discovery from luck."


def discovery(arms: Sequence[Discoveries], unit: str = "FLOPs") -> Figure:
    """N(compute) with a band over runs. Compute is all that was spent: failures and confirmation
    too. A constant rate of lucky passes is a straight line, so the null arm stands in every such
    figure, or the figure says that it was not run.
    """
    if not arms:
        return nothing("discovery", TITLE, "No arm was run yet.")
    canvas = Canvas()
    look = kinds(a.arm for a in arms)
    ordered = sorted(arms, key=lambda a: (a.arm == NULL, a.arm))
    items = [(_line(a, look[a.arm]), "line", f"{a.arm}, {count(a.runs, 'run')}") for a in ordered]
    if any(a.runs > 1 and a.low for a in arms):
        items.append(("band null", "band", "band over runs"))
    fitted = {f.name for a in arms if (f := likeliest(a)) is not None and f.count}
    items += [(f"l thin {STYLES.get(n, '')} k6", "line", f"{n} fit") for n in sorted(fitted)]
    top = legend(canvas, 0, 14, WIDTH, items) + 18
    has_null = any(a.arm == NULL for a in arms)
    if not has_null:
        canvas.text(0, top - 8, WITHOUT, "b bad")
        top += 18
    bottom = top + FIELD
    xs = [v for a in arms for v in a.compute]
    ys = [v for a in arms for series in (a.count, a.high) for v in series]
    frame = Frame(
        scale([0.0, *xs], LEFT, WIDTH - RIGHT, pad=0.0),
        scale([0.0, 1.0, *ys], bottom, top, pad=0.0),
    )
    frame.draw(canvas, f"all compute spent, {unit}", "distinct confirmed discoveries", whole=True)
    for arm in ordered:
        _arm(canvas, frame, arm, look[arm.arm])
    drawn = [a for a in ordered if a.count]
    places = spread([frame.y.clamp(a.count[-1]) for a in drawn], 14, top, bottom)
    for arm, y in zip(drawn, places, strict=True):
        canvas.text(frame.x(arm.compute[-1]) + 7, y + 4, arm.arm, "t b halo", room=RIGHT - 10)
    bottom = _fits(canvas, ordered, bottom + 58)
    return canvas.figure("discovery", TITLE, _desc(ordered, unit), WIDTH, bottom)


def likeliest(arm: Discoveries) -> Fit | None:
    """The fit with the least AIC; it is the one that is drawn."""
    known = [f for f in arm.fits if math.isfinite(f.aic)]
    return min(known, key=lambda f: f.aic, default=None)


def _desc(arms: Sequence[Discoveries], unit: str) -> str:
    ends = "; ".join(
        f"{a.arm}: {number(a.count[-1])} after {number(a.compute[-1])} {unit}"
        for a in arms
        if a.count
    )
    null = "" if any(a.arm == NULL for a in arms) else f" {WITHOUT}"
    return f"Mean number of distinct confirmed discoveries. {ends or 'No arm was run'}.{null}"


def _line(arm: Discoveries, kind: Kind) -> str:
    return f"l {kind.css}{' dash' if arm.arm == NULL else ''}"


def _arm(canvas: Canvas, frame: Frame, arm: Discoveries, kind: Kind) -> None:
    at = [frame.x(c) for c in arm.compute]
    if arm.runs > 1 and len(arm.low) == len(arm.high) == len(at) > 1:
        up = [(x, frame.y.clamp(v)) for x, v in zip(at, arm.high, strict=True)]
        down = [(x, frame.y.clamp(v)) for x, v in zip(at, arm.low, strict=True)]
        canvas.area([*up, *reversed(down)], f"band {kind.css}")
    fit = likeliest(arm)
    if fit is not None and len(fit.count) == len(at):
        pairs = zip(at, fit.count, strict=True)
        points = [(x, frame.y.clamp(v)) for x, v in pairs if math.isfinite(v)]
        canvas.line(points, f"l thin {STYLES.get(fit.name, '')} {kind.css}")
    points = [(x, frame.y(v)) for x, v in zip(at, arm.count, strict=True) if math.isfinite(v)]
    canvas.line(_steps(points), _line(arm, kind))


def _steps(points: Sequence[Point]) -> list[Point]:
    """A count stays what it is until it is one more."""
    found = list(points[:1])
    for (_, before), (x, y) in pairwise(points):
        if y != before:
            found += [(x, before), (x, y)]
    return [*found, *points[-1:]]


def _fits(canvas: Canvas, arms: Sequence[Discoveries], y: float) -> float:
    """Below the field: each arm's fits with AIC, the least of an arm in bold."""
    for arm in arms:
        best = likeliest(arm)
        x = 0.0
        for fit in arm.fits:
            least = fit is best
            lead = f"{arm.arm}: " if x == 0 else ""
            text = (
                f"{lead}{fit.name}, {fit.text}, AIC {number(fit.aic)}{' (least)' if least else ''}"
            )
            text = cut(text, WIDTH, 11)
            wide = width(text, 11) + 16
            if x and x + wide > WIDTH:
                x, y = 14.0, y + 16
            canvas.text(x, y, text, "t b" if least else "t m")
            x += wide
        if arm.fits:
            y += 16
    return y
