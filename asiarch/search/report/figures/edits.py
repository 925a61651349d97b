"""The edit-effect table: what each kind of edit did to the child beside its parent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asiarch.search.report.axes import Scale
from asiarch.search.report.data import Asked, EditEffect, Estimate
from asiarch.search.report.figures.rows import Table, glyph, glyphs
from asiarch.search.report.text import escape, interval


def edit_effects(rows: Sequence[EditEffect], asked: Asked | None = None) -> Table:
    """Each child is an experiment of one edit on the same seeds as its parent. Best first."""
    asked = asked or Asked()
    title = "Effects of edits"
    if not rows:
        return Table(title, '<p class="none">No edit was measured against a parent.</p>')
    x = glyphs(r.effect for r in rows)
    ordered = sorted(
        rows, key=lambda r: (not r.effect.known, -_or_zero(r.effect.value), r.operator)
    )
    of = any(r.what for r in rows)
    body = "".join(_row(r, x, of) for r in ordered)
    heads = (
        "edit",
        *(["of what"] if of else []),
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


def _row(row: EditEffect, x: Scale, of: bool) -> str:
    b = row.better
    better = interval(Estimate(100 * b.value, 100 * b.low, 100 * b.high), sign=False)
    cells = [
        f'<th scope="row">{escape(row.operator)}</th>',
        f"<td>{escape(row.what)}</td>" if of else "",
        f'<td class="n">{row.count}</td><td class="n">{row.lineages}</td>',
        f"<td>{glyph(row.effect, x)}</td>",
        f'<td class="n">{escape(interval(row.effect))}</td>',
        f'<td class="n">{escape(better)}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"
