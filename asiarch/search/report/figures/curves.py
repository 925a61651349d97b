"""Training curves of one candidate, a field for each task, the baseline's beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import Curve
from asiarch.search.report.figures.kinds import legend, nothing
from asiarch.search.report.text import count, number, tick

FIELD, HEIGHT, GAP, LEFT, TOP = 190.0, 110.0, 44.0, 34.0, 44.0
POINTS = 40


def training_curves(curves: Sequence[Curve], name: str = "", points: int = POINTS) -> Figure:
    """Losses over steps: the candidate's seeds as lines, the baseline's dashed.

    A curve of more than `points` values is drawn by the means of as many stretches.
    """
    tasks = sorted({c.task for c in curves})
    title = f"Training curves {name}".strip()
    if not tasks:
        return nothing("curves", title, "No curve was kept.")
    canvas = Canvas()
    wide = LEFT + len(tasks) * (FIELD + GAP)
    legend(canvas, LEFT, 12, wide - LEFT, _LEGEND)
    for i, task in enumerate(tasks):
        _field(canvas, LEFT + i * (FIELD + GAP), [c for c in curves if c.task == task], points)
    told = "; ".join(f"{task} ends at {_ends(curves, task)}" for task in tasks)
    desc = f"Training loss over steps. {told}."
    return canvas.figure("curves", title, desc, wide, TOP + HEIGHT + 34)


_LEGEND = (("l k0", "line", "candidate, one line a seed"), ("l null dash", "line", "baseline"))


def _ends(curves: Sequence[Curve], task: str) -> str:
    """`0.33, 0.42, baseline 0.40`."""
    own = [number(c.losses[-1]) for c in curves if c.task == task and c.losses and not c.baseline]
    other = [number(c.losses[-1]) for c in curves if c.task == task and c.losses and c.baseline]
    return ", ".join([*own, *(f"baseline {v}" for v in other)])


def _field(canvas: Canvas, left: float, curves: Sequence[Curve], points: int) -> None:
    bottom = TOP + HEIGHT
    lines = [(c, thinned(c.losses, points)) for c in curves]
    y = scale([v for _, line in lines for v in line], bottom, TOP)
    steps = max((c.steps or len(c.losses) for c in curves), default=0)
    canvas.text(left, TOP - 8, curves[0].task, "t b", room=FIELD)
    canvas.line([(left, TOP), (left, bottom), (left + FIELD, bottom)], "axis")
    for value in y.ticks(3):
        canvas.text(left - 5, y(value) + 4, tick(value), "t m e")
    canvas.text(left, bottom + 15, "0", "t m c")
    canvas.text(left + FIELD, bottom + 15, count(steps, "step"), "t m e")
    for curve, line in sorted(lines, key=lambda p: not p[0].baseline):
        css = "l thin null dash" if curve.baseline else "l k0"
        x = Scale(0, max(len(line) - 1, 1), left, left + FIELD)
        canvas.trace([(x(i), y(v)) for i, v in enumerate(line) if math.isfinite(v)], css)
        broken = next((i for i, v in enumerate(line) if not math.isfinite(v)), None)
        if broken is not None:
            tip = f"seed {curve.seed} is not finite from here"
            canvas.mark(x(broken), TOP + 6, "cross", "f bad", tip=tip)


def thinned(values: Sequence[float], most: int) -> list[float]:
    """Means of stretches; one that holds a value that is not finite is not finite."""
    if len(values) <= most:
        return list(values)
    cuts = [len(values) * i // most for i in range(most + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(cuts)]
