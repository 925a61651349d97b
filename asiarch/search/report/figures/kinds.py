"""Which colour and mark a kind has, the same in every figure, and the legend that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asiarch.search.report import style
from asiarch.search.report.canvas import MARKS, Canvas, Figure
from asiarch.search.report.data import NULL, PANEL
from asiarch.search.report.text import cut, width

KNOWN = ("full", "evolution", "random", "hillclimb", "hp-only", "grammar")
ROW = 18.0


@dataclass(frozen=True, slots=True)
class Kind:
    css: str
    mark: str


def kinds(arms: Iterable[str]) -> dict[str, Kind]:
    """A look for each arm. The panel's is a grey square, the null arm's a grey cross."""
    found = {PANEL: Kind("k6", "square"), NULL: Kind("null", "cross")}
    names = set(arms) - set(found)
    rest = sorted(names - set(KNOWN))
    shapes = [m for m in MARKS if m not in ("square", "cross")]
    for number, name in enumerate([*(k for k in KNOWN if k in names), *rest]):
        found[name] = Kind(f"k{number % (style.KINDS - 1)}", shapes[number % len(shapes)])
    return found


def legend(
    canvas: Canvas, x: float, y: float, room: float, items: Sequence[tuple[str, str, str]]
) -> float:
    """Marks with names in rows: (css, mark or "line", name). Returns the y below them."""
    at = x
    for css, mark, name in items:
        shown = cut(name, room - 24, style.SMALL)
        wide = 20 + width(shown, style.SMALL) + 14
        if at > x and at + wide - 14 > x + room:
            at, y = x, y + ROW
        if mark == "line":
            canvas.line([(at, y - 4), (at + 14, y - 4)], css)
        elif mark == "band":
            canvas.rect(at, y - 10, 14, 11, css)
        else:
            canvas.mark(at + 7, y - 4, mark, css)
        canvas.text(at + 20, y, shown, "t m")
        at += wide
    return y + ROW


def arm_items(look: Mapping[str, Kind], arms: Iterable[str]) -> list[tuple[str, str, str]]:
    present = set(arms)
    return [(f"f {k.css}", k.mark, name or "no arm") for name, k in look.items() if name in present]


def nothing(name: str, title: str, text: str) -> Figure:
    """What stands for a figure without data."""
    canvas = Canvas()
    canvas.text(0, 16, text, "m")
    return canvas.figure(name, title, text, max(width(text, style.SIZE), 200.0), 24, empty=True)
