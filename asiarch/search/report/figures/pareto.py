"""Effect against a cost, with the candidates that nothing beats in both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from asiarch.search.report.axes import Frame, far, robust, scale
from asiarch.search.report.canvas import Canvas, Figure, Labels
from asiarch.search.report.data import NULL, Asked, Candidate
from asiarch.search.report.figures.kinds import arm_items, kinds, legend, nothing
from asiarch.search.report.lineages import beside
from asiarch.search.report.text import anchor, count, effect, interval, number

COSTS: dict[str, tuple[str, Callable[[Candidate], float]]] = {
    "flops": ("FLOPs per token", lambda c: c.flops),
    "state": ("state floats", lambda c: c.state),
    "time": ("", lambda c: c.time),
}
WIDTH, LEFT, RIGHT, TOP, FIELD, BOTTOM = 336.0, 52.0, 14.0, 64.0, 250.0, 44.0


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of (cost, effect) nothing beats: no other costs no more and brings more, or the like.

    In order of cost; of equal points the first. Points that are not finite are on no front.
    """
    finite = [i for i, (c, e) in enumerate(points) if math.isfinite(c) and math.isfinite(e)]
    found: list[int] = []
    best = -math.inf
    for i in sorted(finite, key=lambda i: (points[i][0], -points[i][1], i)):
        if points[i][1] > best:
            found.append(i)
            best = points[i][1]
    return found


def pareto(candidates: Sequence[Candidate], cost: str, asked: Asked | None = None) -> Figure:
    """cost: `flops`, `state` or `time`. Effects are those on the seeds that all were measured on:
    fresh seeds are kinder to nobody, so that who had them would stand below its like.
    """
    asked = asked or Asked()
    title, of = COSTS[cost]
    at = f", {asked.cost_task}" if asked.cost_task else ""
    title = f"{title}{at}" if title else f"measured time, {asked.time_unit}"
    rows = [c for c in candidates if beside(c).known]
    drawn = [c for c in rows if math.isfinite(of(c)) and of(c) >= 0]
    if not drawn:
        return nothing(
            f"pareto-{cost}",
            f"Effect against {title}",
            f"No operator with an effect has its {title} yet.",
        )
    points = [(of(c), beside(c).value) for c in drawn]
    # The null arm is the baseline over again: it has no place of its own to win.
    rivals = [i for i, c in enumerate(drawn) if c.arm != NULL]
    best = [rivals[i] for i in front([points[i] for i in rivals])]
    canvas = Canvas()
    look = kinds(c.arm for c in candidates)
    items = [*arm_items(look, (c.arm for c in drawn)), ("l k0", "line", "nothing beats these")]
    items += [("f k3", "diamond", "claim")] if any(c.claim for c in drawn) else []
    field_top = max(legend(canvas, 0, 14, WIDTH, items) + 20, TOP)
    bottom = field_top + FIELD
    values = robust((p[1] for p in points), [0.0, *(points[i][1] for i in best)])
    frame = Frame(
        scale([p[0] for p in points], LEFT, WIDTH - RIGHT, log=far(p[0] for p in points)),
        scale(values, bottom, field_top),
    )
    frame.draw(canvas, title, f"{asked.unit} better than the baseline", sign=True)
    canvas.line([(LEFT, frame.y(0)), (WIDTH - RIGHT, frame.y(0))], "zero")
    labels = Labels(LEFT, field_top - 6, WIDTH, bottom)
    labels.taken.append((LEFT, frame.y(0) - 1, WIDTH, frame.y(0) + 1))
    at = [(frame.x(a), frame.y.clamp(b)) for a, b in points]
    _draw_front(canvas, [at[i] for i in best], frame, labels)
    for i, c in sorted(enumerate(drawn), key=lambda p: (p[0] in best, p[1].panel)):
        kind, strong = look[c.arm], i in best or c.panel or c.claim
        css = "f k3" if c.claim else f"f {kind.css}{'' if strong else ' faint'}"
        tip = f"{c.name}: {interval(beside(c))} at {number(of(c))} {title}"
        mark = "diamond" if c.claim else kind.mark
        mark = mark if points[i][1] >= frame.y.low else "down"
        canvas.mark(*at[i], mark, css, size=4.2 if strong else 3, tip=tip, link=anchor(c.id))
        if strong:
            labels.block(*at[i], 4)
    first = [i for i, c in enumerate(drawn) if c.claim]
    named = [*first, *best, *(i for i, c in enumerate(drawn) if c.panel)]
    named = list(dict.fromkeys(named))
    for i in named:
        off = points[i][1] < frame.y.low
        name = f"{drawn[i].name} {effect(points[i][1])}" if off else drawn[i].name
        labels.put(canvas, *at[i], name, "b" if i in (*best, *first) else "m", 150 if off else 130)
    missing = len(rows) - len(drawn)
    if missing:
        canvas.text(LEFT, bottom + 52, f"{missing} without this measurement", "t m")
    desc = (
        f"{count(len(drawn), 'operator')}: {title} against the effect in {asked.unit}. "
        f"Beaten by none, from the cheapest: "
        + ("; ".join(f"{drawn[i].name} {interval(beside(drawn[i]))}" for i in best[:12]) or "none")
        + f". {missing} have an effect and no such measurement."
    )
    height = bottom + (60 if missing else BOTTOM)
    return canvas.figure(f"pareto-{cost}", f"Effect against {title}", desc, WIDTH, height)


def _draw_front(
    canvas: Canvas, points: Sequence[tuple[float, float]], frame: Frame, labels: Labels
) -> None:
    """Steps from point to point, on to the right edge: a cost buys what is left of it."""
    if not points:
        return
    steps = [points[0]]
    for x, y in points[1:]:
        steps += [(x, steps[-1][1]), (x, y)]
    steps.append((frame.x.end, steps[-1][1]))
    canvas.line(steps, "l k0")
    for (a, b), (c, d) in pairwise(steps):
        labels.taken.append((a - 1, min(b, d) - 1, c + 1, max(b, d) + 1))
