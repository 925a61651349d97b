"""Tables with a small picture in each row: an interval on a scale that all rows share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from asiarch.search.report import style
from asiarch.search.report.axes import Scale, scale
from asiarch.search.report.canvas import Canvas
from asiarch.search.report.data import Estimate

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


def glyphs(estimates: Iterable[Estimate], wide: float = WIDTH) -> Scale:
    """The scale of a column, zero on it."""
    ends = [v for e in estimates for v in (e.value, e.low, e.high)]
    return scale([v for v in ends if math.isfinite(v)], 4, wide - 4, zero=True)


def glyph(e: Estimate, x: Scale) -> str:
    """The interval on the table's scale; what it says stands beside it in words."""
    canvas = Canvas()
    canvas.line([(x(0), 0), (x(0), HEIGHT)], "axis")
    y, wide = HEIGHT / 2, x.end + 4
    if e.bounded:
        canvas.line([(x(e.low), y), (x(e.high), y)], "l k0")
    if e.known:
        sure = e.bounded and e.clear
        canvas.mark(x(e.value), y, "circle", "f k0" if sure else "o k0", size=3.6)
    return (
        f'<svg class="fig" aria-hidden="true" width="{wide:g}" height="{HEIGHT:g}" '
        f'viewBox="0 0 {wide:g} {HEIGHT:g}">{"".join(canvas.parts)}</svg>'
    )
