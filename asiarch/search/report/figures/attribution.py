"""Attribution: what a component brings, by retraining without it, in others, by association."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas, Figure
from asiarch.search.report.data import Asked, Component, Estimate
from asiarch.search.report.figures.kinds import nothing
from asiarch.search.report.text import MISSING, count, interval, tick

LEFT, PANEL, GAP, COUNT, ROW, TOP = 236.0, 148.0, 16.0, 54.0, 24.0, 50.0
WAYS = (
    ("causal", "taken out, retrained", "{} lost without it", "f k0", "circle"),
    ("grafted", "put into others", "{} gained by hosts", "f k2", "square"),
    ("model", "importance", "association, a share", "f k1", "diamond"),
    ("lift", "lift, its logarithm", "association", "f k3", "up"),
)
TITLE = "What a component brings"
FEWEST_OF_A_WINNER = 6
WIDER = 0.6  # of the scale beyond what it must hold, for wide intervals


def attribution(
    components: Sequence[Component], asked: Asked | None = None, most: int = 24
) -> Figure:
    """Rows are components by winner, best known first; columns the ways of asking, each on its
    scale, and only those that have a number. What was retrained is causal; the other two are
    associations, and say so in the column.
    """
    asked = asked or Asked()
    groups = _groups(components, most)
    if not groups:
        return nothing("attribution", TITLE, "Nothing was attributed yet.")
    rows = [row for _, shown, _ in groups for row in shown]
    lines = list(_lines(groups))
    bottom = TOP + ROW * len(lines)
    canvas = Canvas()
    ways = [w for w in WAYS if any(_of(r, w[0]).known for r in rows)]
    places = [(TOP + ROW * (at + 0.5), row) for at, row in enumerate(lines)]
    for at, (way, title, said, css, mark) in enumerate(ways):
        left = LEFT + (PANEL + GAP) * at
        heads = (title, said.format(asked.unit))
        points = [(y, _of(r, way)) for y, r in places if isinstance(r, Component)]
        _panel(canvas, left, bottom, points, heads, css, mark)
    edge = LEFT + (PANEL + GAP) * len(ways)
    for y, row in places:
        if isinstance(row, Component):
            canvas.text(0, y + 4, row.name, "", room=LEFT - 14)
        else:
            winner = any(row == name for name, _, _ in groups)
            canvas.text(0, y + 4, row, "b" if winner else "t m", room=LEFT - 14)
    for title, number in (("hosts", "hosts"), ("lineages", "lineages")):
        if any(getattr(r, number) for r in rows):
            edge += COUNT
            canvas.text(edge - 4, TOP - 14, title, "t m e")
            for y, row in places:
                if isinstance(row, Component):
                    canvas.text(edge - 4, y + 4, str(getattr(row, number) or MISSING), "m e")
    return canvas.figure("attribution", TITLE, _said(rows, asked), edge, bottom + 26)


def _of(row: Component, way: str) -> Estimate:
    return getattr(row, way)


def _groups(components: Sequence[Component], most: int) -> list[tuple[str, list[Component], int]]:
    """By winner: its name, what is shown of it, and how many are not."""
    by: dict[str, list[Component]] = {}
    for c in sorted(components, key=_order):
        by.setdefault(c.winner, []).append(c)
    each = max(most // max(len(by), 1), FEWEST_OF_A_WINNER)
    return [
        (name, sorted(_largest(rows)[:each], key=_order), max(len(rows) - each, 0))
        for name, rows in by.items()
    ]


def _largest(rows: Sequence[Component]) -> list[Component]:
    """What does most first, for better or worse; what was retrained before what was not."""
    known = [(r.causal.known, abs(r.causal.value) if r.causal.known else 0.0) for r in rows]
    order = sorted(range(len(rows)), key=lambda i: (not known[i][0], -known[i][1], i))
    return [rows[i] for i in order]


def _lines(groups: Sequence[tuple[str, list[Component], int]]) -> Iterator[Component | str]:
    for name, rows, hidden in groups:
        if name:
            yield name
        yield from rows
        if hidden:
            yield f"and {hidden} that do less"


def _said(rows: Sequence[Component], asked: Asked) -> str:
    def told(way: str) -> str:
        known = [(r, _of(r, way)) for r in rows if _of(r, way).known]
        return "; ".join(
            f"{f'{r.winner}: ' if r.winner else ''}{r.name} {interval(e)}" for r, e in known
        )

    return (
        f"{count(len(rows), 'component')}. Taken out and retrained, in {asked.unit}: "
        f"{told('causal') or 'none'}. Put into others: {told('grafted') or 'none'}. Importance and "
        "lift are associations."
    )


def _order(row: Component) -> tuple[bool, float, bool, float, str]:
    """Causal before model before lift."""
    causal, model = row.causal, row.model
    return (
        not causal.known, -causal.value if causal.known else 0.0,
        not model.known, -model.value if model.known else 0.0, row.name,
    )  # fmt: skip


def _panel(
    canvas: Canvas, left: float, bottom: float, points: Sequence[tuple[float, Estimate]],
    heads: tuple[str, str], css: str, mark: str,
) -> None:  # fmt: skip
    canvas.text(left, TOP - 28, heads[0], "t b", room=PANEL)
    canvas.text(left, TOP - 14, heads[1], "t m", room=PANEL)
    x = scale(_ends([e for _, e in points]), left, left + PANEL, zero=True)
    for value in x.ticks(4):
        canvas.line([(x(value), TOP - 6), (x(value), bottom)], "zero" if value == 0 else "grid")
        canvas.text(x(value), bottom + 15, tick(value), "t m c")
    for y, estimate in points:
        _point(canvas, x, y, estimate, css, mark)


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    """What the scale holds: values, intervals that are clear of zero, and of others as much as does
    not flatten them.
    """
    kept = [0.0]
    for e in estimates:
        if e.known:
            kept += [e.value, *((e.low, e.high) if _sure(e) else ())]
    low, high = min(kept), max(kept)
    room = (high - low) * WIDER
    ends = [v for e in estimates if e.bounded for v in (e.low, e.high)]
    return [*kept, *(min(max(v, low - room), high + room) for v in ends)]


def _sure(e: Estimate) -> bool:
    return e.bounded and e.clear


def _point(canvas: Canvas, x: Scale, y: float, e: Estimate, css: str, mark: str) -> None:
    if not e.known:
        canvas.text(x.start + 4, y + 4, MISSING, "t m")
        return
    kind = css.split()[1]
    if e.bounded:
        canvas.line([(x.clamp(e.low), y), (x.clamp(e.high), y)], f"l {kind}")
        for end, at, way in ((e.low < x.low, x.start, 1), (e.high > x.high, x.end, -1)):
            if end:  # it goes on beyond the panel
                canvas.line([(at + 4 * way, y - 4), (at, y), (at + 4 * way, y + 4)], f"l {kind}")
    canvas.mark(x(e.value), y, mark, css if _sure(e) else f"o {kind}", tip=interval(e))
