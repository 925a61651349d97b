"""The edit-effect table: what each kind of edit did to the child beside its parent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asiarch.search.report import style
from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas
from asiarch.search.report.data import Asked, EditEffect, Estimate
from asiarch.search.report.text import escape, interval

WIDTH, HEIGHT = 190.0, 20.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a small picture in each row; shows itself in a notebook."""

    title: str
    body: str

    def html(self) -> str:
        return self.body

    def _repr_html_(self) -> str:
        sheet = style.variables(".fig") + style.figures()
        return f"<style>{sheet}</style>{self.body}"

    def __str__(self) -> str:
        return self._repr_html_()


def edit_effects(rows: Sequence[EditEffect], asked: Asked | None = None) -> Table:
    """Each child is an experiment of one edit on the same seeds as its parent. Best first."""
    asked = asked or Asked()
    title = "Effects of edits"
    if not rows:
        return Table(title, '<p class="none">No edit was measured against a parent.</p>')
    ends = [v for r in rows for v in (r.effect.value, r.effect.low, r.effect.high)]
    x = scale([v for v in ends if math.isfinite(v)], 4, WIDTH - 4, zero=True)
    ordered = sorted(
        rows, key=lambda r: (not r.effect.known, -_or_zero(r.effect.value), r.operator)
    )
    body = "".join(_row(r, x) for r in ordered)
    heads = (
        "edit",
        "of what",
        "children",
        "lineages",
        f"effect on the child, {asked.unit}",
        "",
        "better than its parent, %",
    )
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    return Table(
        title,
        f'<div class="wide"><table class="edits"><caption>{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>",
    )


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _row(row: EditEffect, x: Scale) -> str:
    b = row.better
    better = interval(Estimate(100 * b.value, 100 * b.low, 100 * b.high), sign=False)
    cells = [
        f'<th scope="row">{escape(row.operator)}</th>',
        f"<td>{escape(row.what)}</td>",
        f'<td class="n">{row.count}</td><td class="n">{row.lineages}</td>',
        f"<td>{_glyph(row, x)}</td>",
        f'<td class="n">{escape(interval(row.effect))}</td>',
        f'<td class="n">{escape(better)}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _glyph(row: EditEffect, x: Scale) -> str:
    """The interval on the table's scale; what it says stands beside it in words."""
    canvas = Canvas()
    canvas.line([(x(0), 0), (x(0), HEIGHT)], "axis")
    e, y = row.effect, HEIGHT / 2
    if e.bounded:
        canvas.line([(x(e.low), y), (x(e.high), y)], "l k0")
    if e.known:
        sure = e.bounded and (e.low > 0 or e.high < 0)
        canvas.mark(x(e.value), y, "circle", "f k0" if sure else "o k0", size=3.6)
    return (
        f'<svg class="fig" aria-hidden="true" width="{WIDTH:g}" height="{HEIGHT:g}" '
        f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}">{"".join(canvas.parts)}</svg>'
    )
